import type { CollectionProgress } from '../../contracts/collection-progress.ts'
import type { MonitoredFailure, MonitorSnapshot, ThroughputSample, Waiting } from '../../monitor/snapshot.ts'
import type { Work } from '../../monitor/work.ts'
import { holderOf } from '../../run/claim-owner.ts'
import { describe } from '../../util/describe.ts'
import { oneLine } from '../../util/text.ts'
import type {
  AdminError,
  AdminFailure,
  AdminRow,
  AdminSample,
  AdminTotals,
  AdminWaiting,
} from './wire-types.ts'

export function isoTime(ms: number): string {
  return new Date(ms).toISOString()
}

/** An error that ends up in front of people: anything can be thrown, and a message can be a page of HTML. */
export function plainError(error: unknown): AdminError {
  const code =
    error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'UNKNOWN'
  return { code, message: oneLine(describe(error)) }
}

/** Where a row comes from beside the store. */
export interface RowContext {
  /** When this is, for what a row tells from now on. */
  readonly at: number
  /** Whether this process's run reads it. */
  readonly isOurs: boolean
}

export function rowOf(progress: CollectionProgress, { at, isOurs }: RowContext): AdminRow {
  const { collection, relay, imported, cursor, state, pages, invalid, attempts } = progress
  const isOther = state === 'running' && !isOurs
  // In whole seconds: it is told from now on each time, and is not to be another text each time.
  const later = (inMs: number | undefined) =>
    inMs === undefined ? null : isoTime(1000 * Math.round((at + inMs) / 1000))
  return {
    collection,
    source: relay,
    imported,
    completed: state === 'complete',
    ...(cursor === undefined ? {} : { cursor }),
    state,
    pages,
    estimated_repos: progress.estimatedRepos ?? null,
    invalid,
    attempts,
    not_before: later(progress.retryInMs),
    owner: isOther && progress.owner !== undefined ? holderOf({ owner: progress.owner }) : null,
    lease_ends_at: isOther ? later(progress.leaseLeftMs) : null,
    flags: progress.flags,
    completed_at: progress.completedAt?.toISOString() ?? null,
    last_error: progress.lastError ?? null,
  }
}

export function failureOf(failure: MonitoredFailure): AdminFailure {
  const { kind, subject, message, at, times, retryInMs } = failure
  return {
    kind,
    collection: kind === 'source' ? null : (subject ?? null),
    name: kind === 'source' ? (subject ?? null) : null,
    message: oneLine(message),
    at: isoTime(at),
    times,
    retry_at: retryInMs === undefined ? null : isoTime(at + retryInMs),
  }
}

export function sampleOf({
  at,
  spanMs,
  importedPerSecond,
  requestsPerSecond,
}: ThroughputSample): AdminSample {
  return {
    at: isoTime(at),
    span_ms: spanMs,
    pairs_per_second: importedPerSecond,
    requests_per_second: requestsPerSecond,
  }
}

type Counts = Pick<
  AdminTotals,
  'total' | 'completed' | 'in_progress' | 'total_imported' | 'running_collections' | 'pending' | 'failed'
>

export function countsOf(rows: readonly CollectionProgress[]): Counts {
  const states = { complete: 0, running: 0, pending: 0, failed: 0 }
  let imported = 0
  for (const row of rows) {
    states[row.state] += 1
    imported += row.imported
  }
  const { complete: completed, running: running_collections, ...others } = states
  const { length: total } = rows
  return {
    total,
    completed,
    in_progress: total - completed,
    total_imported: imported,
    running_collections,
    ...others,
  }
}

type Prospects = Pick<
  AdminTotals,
  | 'pairs_per_second'
  | 'requests_per_second'
  | 'added_work'
  | 'eta_ms'
  | 'eta_at_least'
  | 'waiting'
  | 'set_aside'
>

/** How the run goes, and how long it takes; without one that is under way, there is no speed. */
export function prospectsOf(snapshot: MonitorSnapshot | undefined): Prospects {
  const { waiting, timeLeft, addedWork } = snapshot ?? {}
  return {
    pairs_per_second: snapshot?.importedPerSecond ?? null,
    requests_per_second: snapshot?.requestsPerSecond ?? null,
    added_work: addedWork === undefined ? null : { ...addedWork, at: isoTime(addedWork.at) },
    eta_ms: timeLeft === undefined ? null : Math.round(timeLeft.ms),
    eta_at_least: timeLeft?.atLeast ?? false,
    waiting: waiting === undefined ? null : waitOf(waiting),
    set_aside: snapshot?.setAside.length ?? 0,
  }
}

/** Names enough to see what it is about. */
const MOST_NAMED = 10

function waitOf(waiting: Waiting): AdminWaiting {
  const { reason, until } = waiting
  const collections = 'collections' in waiting ? waiting.collections : []
  const message = 'message' in waiting ? waiting.message : undefined
  return {
    reason,
    since: 'since' in waiting ? isoTime(waiting.since) : null,
    until: until === undefined ? null : isoTime(until),
    message: message === undefined ? null : oneLine(message),
    holders: waiting.reason === 'claims' ? waiting.holders : [],
    collections: collections
      .slice(0, MOST_NAMED)
      .map((each) => (typeof each === 'string' ? each : each.collection)),
  }
}

/** How much is done, by all runs and workers. */
export function workFields({
  fraction,
  sizes,
  requestsLeft,
  expected,
}: Work): Pick<AdminTotals, 'fraction' | 'sizes' | 'requests_left' | 'expected_pairs'> {
  return {
    fraction: fraction ?? null,
    sizes,
    requests_left: requestsLeft,
    expected_pairs: expected === undefined ? null : Math.round(expected),
  }
}

/** What a run has done that has not begun. */
export const NOTHING_DONE: Pick<AdminTotals, 'run_imported' | 'run_added' | 'run_requests'> = {
  run_imported: 0,
  run_added: 0,
  run_requests: 0,
}
