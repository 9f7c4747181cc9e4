import { type Backfiller, createBackfiller } from '../../backfiller.ts'
import { IncompleteError } from '../../errors.ts'
import { combineHooks } from '../../hooks.ts'
import { keepFresh } from '../../monitor/keep-fresh.ts'
import { createMonitor } from '../../monitor/monitor.ts'
import type { Monitor } from '../../monitor/snapshot.ts'
import { relayLister } from '../../relay/relay-lister.ts'
import type { RepoLister } from '../../repo-lister.ts'
import { type Context, EXIT } from '../context.ts'
import { type Database, nameOf, openDatabase } from '../database.ts'
import type { PaceOptions, RelayOptions, SourceOptions } from '../options.ts'
import { jsonReport, type RunEnd, type RunReport, textReport } from '../report.ts'
import { sourcesOf } from '../sources.ts'
import { UsageError } from '../usage-error.ts'

export interface RunOptions extends RelayOptions, SourceOptions, PaceOptions {
  readonly json?: boolean
}

/**
 * How long a collection stays with a run that was killed, in milliseconds. A folder has one run at a time, so whoever
 * starts there after a kill finds the leases of the dead one and waits for them.
 */
const FOLDER_LEASE_MS = 10_000

/** Backfills, and shows how it goes. @returns the exit code */
export async function run(options: RunOptions, database: Database, context: Context): Promise<number> {
  const lister = relayLister(mustRelay(options), {
    pageSize: options.pageSize,
    requestsPerSecond: options.requestsPerSecond,
    onPause(pause) {
      monitor.paused(pause)
      report.paused(pause)
    },
  })
  const monitor = createMonitor({ source: lister.source })
  const report = options.json ? jsonReport(context) : textReport(monitor, context)
  const { interruption } = context
  try {
    const end = await backfill({ options, database, lister, monitor, report, signal: interruption.signal })
    return end.exitCode
  } catch (error) {
    const { aborted } = interruption.signal
    const exitCode = aborted ? interruption.exitCode : EXIT.incomplete
    report.end(aborted ? { outcome: 'interrupted', exitCode } : { outcome: 'failed', exitCode, error })
    throw error
  }
}

/** @throws UsageError */
export function mustRelay({ relay }: RelayOptions): string {
  if (relay !== undefined) return relay
  throw new UsageError(
    'Which relay? Give --relay HOST or set RELAY, for example relay1.us-east.bsky.network.',
  )
}

interface Parts {
  readonly options: RunOptions
  readonly database: Database
  readonly lister: RepoLister
  readonly monitor: Monitor
  readonly report: RunReport
  readonly signal: AbortSignal
}

/** @returns how it ended, once that is told; what else ends a run is thrown */
async function backfill({ options, database, lister, monitor, report, signal }: Parts): Promise<RunEnd> {
  const { concurrency, collection = [], source = [] } = options
  await using store = await openDatabase(database, { signal, concurrency })
  const backfiller = createBackfiller({
    lister,
    sources: sourcesOf(source, collection, { relays: [mustRelay(options)], observed: store.observed }),
    sink: store.sink,
    progress: store.progress,
    concurrency,
    refreshAfterMs: options.refresh,
    maxAttempts: options.maxAttempts,
    retry: options.retries === undefined ? {} : { retries: options.retries },
    leaseMs: database.kind === 'pglite' ? FOLDER_LEASE_MS : undefined,
    signal,
    hooks: combineHooks(monitor.hooks, report.hooks),
  })
  const read = () => store.progress.list({ source: lister.source })
  await monitor.refresh(read)
  report.begin({ source: lister.source, database: nameOf(database) })
  const stopRefreshing = keepFresh(monitor, read)
  const end = await follow(backfiller, monitor, report).finally(stopRefreshing)
  await monitor.refresh(read)
  // Before the database is closed, which may take a moment.
  report.end(end)
  return end
}

/** The loop over the page events. */
async function follow(backfiller: Backfiller, monitor: Monitor, report: RunReport): Promise<RunEnd> {
  try {
    for (;;) {
      const { done, value } = await backfiller.next()
      if (done) return { outcome: 'complete', exitCode: EXIT.complete, summary: value }
      monitor.page(value)
      report.page(value)
    }
  } catch (error) {
    if (!(error instanceof IncompleteError)) throw error
    return { outcome: 'incomplete', exitCode: EXIT.incomplete, failures: error.failures }
  }
}
