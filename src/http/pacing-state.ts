import { RelayError } from '../errors.ts'
import { withJitter } from '../util/abort.ts'
import { limitResetMs } from './retry-after.ts'

/**
 * How many requests a server gets at once, as far as its answers tell. It is `open` until it is too much for the
 * server. Then it is `recovering`: half of them, and one more each round. After a refusal it is `probing` before that:
 * one at a time asks whether the server still refuses.
 */
export type Pace = Open | Recovering | Probing

interface Open {
  readonly name: 'open'
}

interface Recovering {
  readonly name: 'recovering'
  /** How many at once. */
  readonly room: number
  /** How many answers there were with this room: with as many, it grows. */
  readonly answers: number
  /** How many were under way when it was too much: from there on it is open. */
  readonly peak: number
}

interface Probing {
  readonly name: 'probing'
  /** What it is once the server answers. */
  readonly next: Open | Recovering
}

/** Nothing is begun before `until`, by `performance.now()`. */
interface Paused {
  readonly name: 'paused'
  readonly until: number
  /** Why; absent when the server said beforehand that no more requests are allowed. */
  readonly refusal: unknown
  readonly next: Pace
}

export const OPEN: Pace = { name: 'open' }

/** How many requests may be under way at once. */
export function roomOf(pace: Pace): number {
  if (pace.name === 'recovering') return pace.room
  return pace.name === 'open' ? Number.POSITIVE_INFINITY : 1
}

/** The server had too much with `underWay` requests: a timeout, or a refusal. */
export function halved(pace: Pace, underWay: number): Pace {
  // A refused probe says nothing about the server's capacity.
  if (pace.name === 'probing') return pace
  const peak = pace.name === 'open' ? underWay : pace.peak
  const room = Math.max(1, Math.floor(Math.min(roomOf(pace), underWay) / 2))
  return { name: 'recovering', room, answers: 0, peak }
}

/** The server refused a request. */
export function probing(pace: Pace): Pace {
  return pace.name === 'probing' ? pace : { name: 'probing', next: pace }
}

/** The server answered a request. */
export function answered(pace: Pace): Pace {
  if (pace.name === 'probing') return pace.next
  if (pace.name === 'open') return pace
  const { room, peak } = pace
  const answers = pace.answers + 1
  if (answers < room) return { ...pace, answers }
  return room >= peak ? OPEN : { ...pace, room: room + 1, answers: 0 }
}

/**
 * One request that is over: when it began, by `performance.now()`, and how many were under way at its end, itself
 * included.
 */
interface Ended {
  readonly begunAt: number
  readonly underWay: number
}

/** The state of one server's pacing. */
export interface PacingState {
  /** The state now; a pause that is over has ended. */
  current(): Pace | Paused
  /** A request was answered. */
  succeeded(answer: { status: number; headers: Headers }, ended: Ended): void
  /** A request failed. */
  failed(error: unknown, ended: Ended): void
}

/** The longest pause of our own, and the longest that requests wait for, in milliseconds. */
export const LONGEST_SERVER_PAUSE_MS = 60_000

/** The first pause after a refusal that names no time, in milliseconds; each further one in a row is twice as long. */
const FIRST_PAUSE_MS = 1000

/**
 * A wait that the server asks for ends within an eighth of its length, 250 ms of two seconds: enough to keep the
 * processes of several machines apart, each of which begins with one request. One of our own is spread over half of its
 * length.
 */
const WAIT_PER_SPREAD = 8

/** Over how much the end of any pause is spread at most, in milliseconds. */
export const MAX_SPREAD_MS = 500

/** @param onPause called when a pause begins, or becomes longer */
export function createPacingState(onPause: (waitMs: number, refusal: unknown) => void): PacingState {
  let state: Pace | Paused = OPEN
  /** When the pace was last slowed down: what was under way then says nothing about the server's capacity since. */
  let slowedAt = Number.NEGATIVE_INFINITY
  let refusals = 0

  function change(by: (pace: Pace) => Pace): void {
    state = state.name === 'paused' ? { ...state, next: by(state.next) } : by(state)
  }

  /** Until `ms` from now, and up to `spreadMs` longer; not at all when everything waits as long already. */
  function pause(ms: number, spreadMs: number, refusal?: unknown): void {
    const now = performance.now()
    if (state.name === 'paused' && now + ms <= state.until) return
    const waitMs = withJitter(ms, 2 * Math.min(spreadMs, MAX_SPREAD_MS))
    const next = state.name === 'paused' ? state.next : state
    state = { name: 'paused', until: now + waitMs, refusal, next }
    onPause(waitMs, refusal)
  }

  return {
    current() {
      if (state.name === 'paused' && state.until <= performance.now()) state = state.next
      return state
    },

    succeeded({ status, headers }, { begunAt, underWay }) {
      if (begunAt > slowedAt) {
        refusals = 0
        change(answered)
      }
      // Short of the limit: the others under way are not in this answer's count, and will use what it says is left.
      const resetMs = status === 200 ? limitResetMs(headers, underWay) : undefined
      if (resetMs !== undefined) pause(resetMs, resetMs / WAIT_PER_SPREAD)
    },

    failed(error, { begunAt, underWay }) {
      if (!(error instanceof RelayError)) return
      const { status, retryAfterMs } = error
      // A 403 that says when to come back is a refusal of this moment; any other is none of a request too many.
      const isRefused = status === 429 || status === 503 || (status === 403 && retryAfterMs !== undefined)
      if (!isRefused && error.code !== 'RELAY_TIMEOUT') return
      // Once for all that were under way together.
      const isNews = begunAt > slowedAt
      if (isNews) {
        slowedAt = performance.now()
        change((pace) => halved(pace, underWay))
      }
      if (!isRefused) return
      change(probing)
      if (isNews) refusals += 1
      const ownMs = Math.min(FIRST_PAUSE_MS * 2 ** Math.max(0, refusals - 1), LONGEST_SERVER_PAUSE_MS)
      if (retryAfterMs === undefined) pause(ownMs, ownMs / 2, error)
      else pause(retryAfterMs, retryAfterMs / WAIT_PER_SPREAD, error)
    },
  }
}
