import { isBackfillError } from '../../errors.ts'
import { keepFresh } from '../../monitor/keep-fresh.ts'
import { type Backfiller, createBackfiller } from '../../run/backfiller.ts'
import type { BackfillStore } from '../../run/options.ts'
import { collectionFilter, type FilterOptions } from '../../sources/collection-filter.ts'
import { settledWithin } from '../../util/abort.ts'
import { collectionsOf } from '../collection-sources.ts'
import type { PaceOptions, RelayOptions, RequestOptions } from '../command-options.ts'
import { type Context, EXIT } from '../context.ts'
import { type Database, nameOf } from '../database.ts'
import type { Interruption } from '../interruption.ts'
import { openDatabase } from '../open-database.ts'
import { type Relay, relaysOf } from '../relay-options.ts'
import { jsonReport, type RunEnd, type RunReport, textReport } from '../run-report.ts'
import type { SourceOptions } from '../source-options.ts'

/** How long an interrupted run may look at what the store holds, in milliseconds: it is to end within a second. */
const LAST_LOOK_MS = 200

export interface RunOptions extends RelayOptions, SourceOptions, FilterOptions, RequestOptions, PaceOptions {
  readonly json?: boolean
  /** Says what the run would do. */
  readonly dryRun?: boolean
}

/** Backfills, and shows how it goes. @returns the exit code */
export async function run(options: RunOptions, database: Database, context: Context): Promise<number> {
  const { interruption } = context
  const relays = relaysOf(options)
  const report: RunReport = options.json ? jsonReport(relays, context) : textReport(relays, context)
  try {
    const end = await backfill({ options, database, relays, report, context })
    return end.exitCode
  } catch (error) {
    const { aborted } = interruption.signal
    const exitCode = aborted ? interruption.exitCode : EXIT.incomplete
    report.end(aborted ? { outcome: 'interrupted', exitCode } : { outcome: 'failed', exitCode, error })
    throw error
  }
}

interface Parts {
  readonly options: RunOptions
  readonly database: Database
  readonly relays: readonly Relay[]
  readonly report: RunReport
  readonly context: Context
}

/** @returns how it ended, once that is told; what else ends a run is thrown */
async function backfill(parts: Parts): Promise<RunEnd> {
  const { options, database, relays, report, context } = parts
  const { interruption } = context
  const { signal } = interruption
  const filter = collectionFilter(options)
  const walks = options.concurrency === undefined ? undefined : options.concurrency * relays.length
  await using store = await openDatabase(database, context, { walks })
  const backfiller = backfillerOf(store, parts)
  const read =
    ({ relay }: Relay) =>
    async () =>
      (await store.progress.list({ relay })).filter(({ collection }) => filter.wants(collection))
  const refresh = () => Promise.all(relays.map((relay) => relay.monitor.refresh(read(relay))))
  await refresh()
  report.begin({ relays: relays.map(({ relay }) => relay), database: nameOf(database) })
  const stops = relays.map((relay) => keepFresh(relay.monitor, read(relay)))
  const end = await follow(backfiller, interruption).finally(() => {
    for (const stop of stops) stop()
  })
  // A commit that an interruption cut short may be made, and its event is lost: the store knows.
  await (signal.aborted ? settledWithin(LAST_LOOK_MS, refresh()) : refresh())
  // Before the database is closed, which may take a moment.
  report.end(end)
  return end
}

function backfillerOf(store: BackfillStore, { options, relays, report, context }: Parts): Backfiller {
  const monitors = new Map(relays.map(({ relay, monitor }) => [relay, monitor]))
  return createBackfiller({
    relay: relays.map(({ lister }) => lister),
    store,
    collections: collectionsOf(options, {
      relays: relays.map(({ address }) => address),
      observed: store.observed,
    }),
    only: options.only,
    except: options.except,
    concurrency: options.concurrency,
    refreshAfterMs: options.refresh,
    maxAttempts: options.maxAttempts,
    retry: options.retries === undefined ? {} : { retries: options.retries },
    signal: context.interruption.signal,
    onEvent(event) {
      monitors.get(event.relay)?.handle(event)
      report.handle(event)
    },
  })
}

async function follow(backfiller: Backfiller, interruption: Interruption): Promise<RunEnd> {
  try {
    return { outcome: 'complete', exitCode: EXIT.complete, summary: await backfiller.run() }
  } catch (error) {
    const { summary } = backfiller
    if (interruption.signal.aborted)
      return { outcome: 'interrupted', exitCode: interruption.exitCode, summary }
    if (!isBackfillError(error, 'INCOMPLETE')) throw error
    const { failures, relays: failedRelays } = error
    return { outcome: 'incomplete', exitCode: EXIT.incomplete, summary, failures, failedRelays }
  }
}
