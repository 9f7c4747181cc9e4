import type { CollectionProgress } from '../../contracts/progress-store.ts'
import type { MonitoredFailure, MonitorSnapshot, ThroughputSample } from '../../monitor/snapshot.ts'
import { describe } from '../../util/describe.ts'
import { oneLine } from '../../util/text.ts'
import type { AdminError, AdminFailure, AdminRow, AdminSample, AdminTotals } from './wire-types.ts'

export function isoTime(ms: number): string {
  return new Date(ms).toISOString()
}

/** An error that ends up in front of people: anything can be thrown, and a message can be a page of HTML. */
export function plainError(error: unknown): AdminError {
  const code =
    error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'UNKNOWN'
  return { code, message: oneLine(describe(error)) }
}

/** @param dueAt when it is tried again, where that is known */
export function rowOf(progress: CollectionProgress, dueAt: number | undefined): AdminRow {
  const { collection, relay, imported, cursor, state, pages, invalid, attempts } = progress
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
    not_before: dueAt === undefined || state !== 'pending' ? null : isoTime(dueAt),
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
  'pairs_per_second' | 'requests_per_second' | 'eta_ms' | 'expected_pairs' | 'pause'
>

/** How the run goes, and how long it takes; without one that is under way, there is no speed. */
export function prospectsOf(snapshot: MonitorSnapshot | undefined, running: boolean): Prospects {
  const going = running ? snapshot : undefined
  const { waiting, timeLeft } = going ?? {}
  return {
    pairs_per_second: going?.importedPerSecond ?? null,
    requests_per_second: going?.requestsPerSecond ?? null,
    eta_ms: timeLeft === undefined ? null : Math.round(timeLeft.ms),
    expected_pairs: snapshot?.work.expected ?? null,
    pause:
      waiting?.reason === 'relay'
        ? { until: isoTime(waiting.until), message: waiting.message ? oneLine(waiting.message) : null }
        : null,
  }
}

/** What a run has done that has not begun. */
export const NOTHING_DONE: Pick<AdminTotals, 'run_imported' | 'run_added' | 'run_requests'> = {
  run_imported: 0,
  run_added: 0,
  run_requests: 0,
}
