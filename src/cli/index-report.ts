import type { BackfillEvent } from '../contracts/events.ts'
import type {
  IndexReposEvent,
  IndexReposSummary,
  RepoEvent,
  RepoState,
} from '../contracts/index-repos-events.ts'
import { describe } from '../util/describe.ts'
import { count, duration, percent, plural, rate } from '../util/format.ts'
import { printable, withoutName } from '../util/text.ts'
import type { Context } from './context.ts'
import { eventWriter, writeBackfillEvent } from './output/json-lines.ts'
import { createTerminal } from './terminal.ts'

/** How a run over given repos ended. `goesOn`: the same command goes on from there. */
export type IndexEnd =
  | { readonly outcome: 'complete' | 'incomplete' }
  | { readonly outcome: 'interrupted' | 'failed'; readonly goesOn: boolean; readonly error: unknown }

interface IndexBegin {
  readonly database: string
  /** How many repos of the file an earlier run has done. */
  readonly done: number
  /** How much of the file is read, from 0 to 1; nothing where there is no telling. */
  fraction(): number | undefined
  /** Whether each repo is told. */
  readonly isFew: boolean
}

/** Tells what becomes of given repos. */
export interface IndexReport {
  begin(begin: IndexBegin): void
  handle(this: void, event: IndexReposEvent): void
  /** Another process has the same file. */
  waiting(this: void, event: BackfillEvent): void
  doneElsewhere(): void
  repo(event: RepoEvent, summary: IndexReposSummary): void
  end(end: IndexEnd, summary: IndexReposSummary): void
}

/** How often how far it is is told, in milliseconds. */
const EVERY_MS = 10_000

/** For programs: a line for each repo, retry and pause. */
export function jsonIndexReport({ out, debug }: Context): IndexReport {
  const write = eventWriter(out, debug)
  let toldAt = performance.now()
  let fraction: IndexBegin['fraction'] = () => undefined
  return {
    begin({ database, done, fraction: read }) {
      fraction = read
      write('begin', { database, done })
    },
    handle({ type, ...fields }) {
      // A line for each request would be more than all others.
      if (type !== 'requested') write(type, fields)
    },
    waiting: (event) => writeBackfillEvent(write, event),
    doneElsewhere: () => write('end', { outcome: 'doneElsewhere' }),
    repo(_, summary) {
      if (performance.now() - toldAt < EVERY_MS) return
      toldAt = performance.now()
      write('progress', { fraction: fraction(), ...figures(summary) })
    },
    end: (end, summary) => write('end', { ...end, summary: figures(summary) }),
  }
}

function figures({ repos, states, pairs, added, removed, requests, durationMs }: IndexReposSummary): object {
  return { repos, states, pairs, added, removed, requests, durationMs }
}

/** In the order in which they are told. */
const WORDS: Readonly<Record<RepoState, string>> = {
  active: 'active',
  deactivated: 'deactivated',
  suspended: 'suspended',
  takendown: 'taken down',
  deleted: 'deleted',
  notFound: 'not found',
  noHost: 'without a host',
  invalid: 'not usable',
  failed: 'failed',
}
const STATES = Object.keys(WORDS) as RepoState[]

/** How many repos of a file are told one by one that could not be had. */
const MOST_TOLD = 20

/** For people: a line for each of a few repos, and for those of a file that could not be had. */
export function textIndexReport(context: Context): IndexReport {
  const terminal = createTerminal(context)
  let begun: IndexBegin | undefined
  let current: IndexReposSummary | undefined
  let told = 0
  const line = () => (current === undefined ? '' : progressLine(current, begun?.fraction()))
  return {
    begin(begin) {
      begun = begin
      terminal.say([`index  ${printable(begin.database)}`])
      if (begin.done > 0) terminal.say([`Going on behind the first ${count(begin.done)} repos of the file.`])
      terminal.show({ lines: () => ['', `  ${line()}`], plain: line })
    },
    handle(event) {
      const text = trouble(event)
      if (text !== undefined) terminal.say([`  ! ${text}`])
    },
    waiting(event) {
      const [holder] = event.type === 'waiting' ? event.holders : []
      if (holder !== undefined)
        terminal.say([`  · ${printable(holder.holder)} works on the same file: waiting for it.`])
    },
    doneElsewhere: () => terminal.say(['Another process has done the same file meanwhile.']),
    repo(event, summary) {
      current = summary
      if (event.state === 'failed') told += 1
      if (begun?.isFew || (event.state === 'failed' && told <= MOST_TOLD)) terminal.say([repoLine(event)])
      terminal.refresh()
    },
    end(end, summary) {
      terminal.clear()
      terminal.say(endLines(end, summary, told - MOST_TOLD))
    },
  }
}

function progressLine(summary: IndexReposSummary, fraction: number | undefined): string {
  const { repos, states, added, durationMs } = summary
  const parts = [
    ...(fraction === undefined ? [] : [`${percent(fraction)} of the file read`]),
    `${count(repos)} repos`,
    `${count(added)} pairs new`,
    ...(states.failed > 0 ? [`${count(states.failed)} failed`] : []),
    `${rate(durationMs > 0 ? (repos * 1000) / durationMs : 0)}/s`,
  ]
  return parts.join(' · ')
}

function trouble(event: IndexReposEvent): string | undefined {
  if (event.type === 'paused' && event.waitMs >= EVERY_MS)
    return `${printable(event.host)}: all requests wait for ${duration(event.waitMs)}`
  if (event.type === 'storeUnavailable')
    return `the database cannot be used: ${printable(describe(event.error))} Trying again in ${duration(event.waitMs)}.`
  if (event.type === 'storeAvailable')
    return `the database can be used again, after ${duration(event.unavailableMs)}`
  return undefined
}

function repoLine({
  did,
  host,
  handle,
  state,
  reason,
  error,
  collections,
  leftOut,
  added,
  removed,
}: RepoEvent): string {
  const where = host === undefined ? '' : ` at ${host}`
  const who = `${did}${handle === undefined ? '' : ` (${handle})`}${where}`
  if (state !== 'active') {
    const why = error === undefined ? reason : withoutName(describe(error), host ?? '')
    const gone = removed.length > 0 ? `; removed from ${plural(removed.length, 'collection')}` : ''
    return printable(`${who}: ${WORDS[state]}${why === undefined ? '' : `: ${why}`}${gone}`)
  }
  const parts = [
    plural(collections.length, 'collection'),
    ...(leftOut === undefined ? [] : [`${count(leftOut)} more left out`]),
    ...(added === undefined ? [] : [`${count(added.length)} new`]),
    ...(removed.length === 0 ? [] : [`removed from ${removed.join(', ')}`]),
  ]
  return printable(`${who}: ${parts.join(', ')}`)
}

function endLines(end: IndexEnd, summary: IndexReposSummary, more: number): string[] {
  const { repos, states, pairs, added, removed, cut, durationMs, requests } = summary
  const found = STATES.filter((state) => states[state] > 0)
  const changes = [
    `${count(pairs)} pairs, ${count(added)} of them new`,
    ...(removed > 0 ? [`${count(removed)} removed`] : []),
    ...(cut > 0 ? [`${plural(cut, 'repo')} with too many collections cut`] : []),
  ]
  return [
    ...(more > 0 ? [`  and ${plural(more, 'other repo')} that failed`] : []),
    ...(repos === 0 && end.outcome === 'incomplete'
      ? ['There is no DID in the list.']
      : [
          `${plural(repos, 'repo')}: ${found.map((state) => `${count(states[state])} ${WORDS[state]}`).join(', ') || 'none'}.`,
          `${changes.join(', ')}; ${plural(requests, 'request')} in ${duration(durationMs)}.`,
        ]),
    ...(end.outcome === 'interrupted'
      ? [
          end.goesOn
            ? 'Stopped. Run the same command again to go on from there.'
            : 'Stopped. Run it again from the beginning: adding a pair again changes nothing.',
        ]
      : []),
  ]
}
