import type { OpenCollection } from './work.ts'

/** One collection that is open. */
export interface OpenWalk extends Pick<OpenCollection, 'requestsLeft'> {
  readonly isRunning: boolean
  /** How long its own pages take, in milliseconds, where that is known. */
  readonly msPerPage: number | undefined
  /** It is not read before that, in milliseconds from now. */
  readonly dueInMs: number
}

/** How many of the largest collections are looked at one by one; what is left of the others fills the gaps. */
const LARGEST = 64

/**
 * How long it takes to read what is open, in milliseconds: each worker takes the largest collection that is free, as a
 * run does. So it is never less than what is left at the present speed, than what the longest walk takes by itself, or
 * than a wait and the walk behind it.
 *
 * @param workers how many walk side by side
 * @param msPerPage how long a page takes one of them
 */
export function timeToRead(open: readonly OpenWalk[], workers: number, msPerPage: number): number {
  const timeOf = (walk: OpenWalk) => walk.requestsLeft * (walk.msPerPage ?? msPerPage)
  const running = open.filter(({ isRunning }) => isRunning).map(timeOf)
  const waiting = open
    .filter(({ isRunning }) => !isRunning)
    .map(timeOf)
    .toSorted((a, b) => b - a)
  const loads = [...running, ...Array.from({ length: Math.max(0, workers - running.length) }, () => 0)]
  for (const ms of waiting.slice(0, LARGEST)) {
    const first = loads.indexOf(Math.min(...loads))
    loads[first] = (loads[first] ?? 0) + ms
  }
  const rest = sum(waiting.slice(LARGEST))
  const afterWaits = open.map((walk) => (walk.dueInMs > 0 ? walk.dueInMs + timeOf(walk) : 0))
  return Math.max(...loads, (sum(loads) + rest) / loads.length, largest(afterWaits))
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}

/** `Math.max` of a list that may be too long for arguments. */
function largest(numbers: readonly number[]): number {
  return numbers.reduce((most, number) => Math.max(most, number), 0)
}
