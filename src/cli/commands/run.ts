import type { Compacted, OpenedStore } from '../../contracts/opened-store.ts'
import { isBackfillError } from '../../errors.ts'
import { keepFresh } from '../../monitor/keep-fresh.ts'
import { type Backfiller, createBackfiller } from '../../run/backfiller.ts'
import type { BackfillStore } from '../../run/options.ts'
import { collectionFilter, type FilterOptions } from '../../sources/collection-filter.ts'
import { settledWithin, sleep } from '../../util/abort.ts'
import { describe } from '../../util/describe.ts'
import { isProgrammingError } from '../../util/programming-error.ts'
import { printable } from '../../util/text.ts'
import { collectionsOf } from '../collection-sources.ts'
import type { PaceOptions, RelayOptions, RequestOptions } from '../command-options.ts'
import { brokenEnd, type Context, EXIT } from '../context.ts'
import { type Database, nameOf } from '../database.ts'
import type { Interruption } from '../interruption.ts'
import { openDatabase } from '../open-database.ts'
import { type Relay, relaysOf } from '../relay-options.ts'
import { noticesTo, type SendNotice } from '../run-notice.ts'
import { jsonReport, type RunEnd, type RunReport, textReport } from '../run-report.ts'
import {
  type RunOnServers,
  type RunServers,
  type RunServersOptions,
  startRunServers,
} from '../run-servers.ts'
import type { SourceOptions } from '../source-options.ts'
import { tell } from '../tell-error.ts'
import { UsageError } from '../usage-error.ts'

/** How long an interrupted run may look at what the store holds, in milliseconds: it is to end within a second. */
const LAST_LOOK_MS = 200

export interface RunOptions
  extends RelayOptions,
    SourceOptions,
    FilterOptions,
    RequestOptions,
    PaceOptions,
    RunServersOptions {
  readonly json?: boolean
  /** Says what the run would do. */
  readonly dryRun?: boolean
  /** How long after the beginning of a run the next one begins, in milliseconds. Absent: there is one run. */
  readonly every?: number
  /** Makes the index smaller once it is complete. */
  readonly compact?: boolean
  /** Who is told of the end. */
  readonly notify?: string
}

/** Backfills, and shows how it goes: once, or again and again. @returns the exit code */
export async function run(options: RunOptions, database: Database, context: Context): Promise<number> {
  const { interruption } = context
  const first = newRound(options, context)
  const parts: Parts = { options, database, context, notice: noticesTo(options.notify, context) }
  await using places = placeOfRuns(first, parts)
  if (options.every === undefined) return (await runRound(first, places, parts)).exitCode
  for (let round = first; ; round = newRound(options, context)) {
    const startedAt = performance.now()
    await runRound(round, places, parts).catch((error: unknown) => outlived(error, places, context))
    if (interruption.signal.aborted) return interruption.exitCode
    const waitMs = Math.max(SHORTEST_PAUSE_MS, options.every - (performance.now() - startedAt))
    round.report.wait(waitMs)
    await sleep(waitMs, interruption.signal).catch(() => {})
    if (interruption.signal.aborted) return interruption.exitCode
  }
}

/** Where a run takes longer than the time until the next one, in milliseconds. */
const SHORTEST_PAUSE_MS = 1_000

/** A run that failed is no reason not to try the next one, unless it would fail in the same way. */
function outlived(error: unknown, { isOpen }: PlaceOfRuns, context: Context): void {
  const { signal } = context.interruption
  const isHopeless =
    isProgrammingError(error) ||
    error instanceof UsageError ||
    isBackfillError(error, 'INVALID_OPTION') ||
    isBackfillError(error, 'STORE_NOT_PERMITTED')
  if (signal.aborted || !isOpen || isHopeless) throw error
  tell(error, context, context.debug)
}

interface Parts {
  readonly options: RunOptions
  readonly database: Database
  readonly context: Context
  readonly notice: SendNotice
}

/** What one run has of its own. */
interface Round {
  readonly relays: readonly Relay[]
  readonly report: RunReport
}

function newRound(options: RunOptions, context: Context): Round {
  const relays = relaysOf(options)
  return { relays, report: options.json ? jsonReport(relays, context) : textReport(relays, context) }
}

/** What all runs share: opened by the first one, which tells what goes wrong with that. */
interface PlaceOfRuns extends AsyncDisposable {
  /** Whether that went well. */
  readonly isOpen: boolean
  open(): Promise<{ readonly store: OpenedStore; readonly servers: RunServers }>
}

function placeOfRuns({ relays }: Round, { options, database, context }: Parts): PlaceOfRuns {
  const opened: AsyncDisposable[] = []
  const walks = options.concurrency === undefined ? undefined : options.concurrency * relays.length
  let isOpen = false
  let place: ReturnType<PlaceOfRuns['open']> | undefined
  const open = async () => {
    const store = await openDatabase(database, context, { walks })
    opened.unshift(store)
    const servers = await startRunServers(options, relays, store.progress, context)
    opened.unshift(servers)
    isOpen = true
    return { store, servers }
  }
  return {
    get isOpen() {
      return isOpen
    },
    open() {
      place ??= open()
      return place
    },
    async [Symbol.asyncDispose]() {
      for (const each of opened) await each[Symbol.asyncDispose]()
    },
  }
}

/** One run, and what is told of its end. @returns how it ended; what else ends a run is told and thrown */
async function runRound(round: Round, places: PlaceOfRuns, parts: Parts): Promise<RunEnd> {
  const { context, notice, database } = parts
  const startedAt = new Date()
  const relays = round.relays.map(({ relay }) => relay)
  const tellEnd = (end: RunEnd) => notice({ end, relays, database: nameOf(database), startedAt })
  try {
    const end = await backfill(round, places, parts)
    await tellEnd(end)
    return end
  } catch (error) {
    const end = brokenEnd(error, context.interruption)
    round.report.end(end)
    await tellEnd(end)
    throw error
  }
}

async function backfill(round: Round, places: PlaceOfRuns, parts: Parts): Promise<RunEnd> {
  const { relays } = round
  const { store, servers } = await places.open()
  const shown = servers.begin(relays)
  try {
    return await backfillOnto(store, { ...round, ...parts, servers, shown })
  } catch (error) {
    await shown.end(error)
    throw error
  }
}

interface RunParts extends Round, Parts {
  readonly servers: RunServers
  readonly shown: RunOnServers
}

/** @returns how it ended, once that is told; what else ends a run is thrown */
async function backfillOnto(store: OpenedStore, parts: RunParts): Promise<RunEnd> {
  const { options, database, context, relays, report, servers, shown } = parts
  const { interruption } = context
  const { signal } = interruption
  const filter = collectionFilter(options)
  const backfiller = backfillerOf(store, parts)
  const read =
    ({ relay }: Relay) =>
    async () =>
      (await store.progress.list({ relay })).filter(({ collection }) => filter.wants(collection))
  const refresh = () => Promise.all(relays.map((relay) => relay.monitor.refresh(read(relay))))
  await refresh()
  const { status, metrics } = servers
  report.begin({
    relays: relays.map(({ relay }) => relay),
    database: nameOf(database),
    ...(status !== undefined && { status }),
    ...(metrics !== undefined && { metrics }),
  })
  const stops = relays.map((relay) => keepFresh(relay.monitor, read(relay)))
  const end = await follow(backfiller, shown, interruption).finally(() => {
    for (const stop of stops) stop()
  })
  // A commit that an interruption cut short may be made, and its event is lost: the store knows.
  await (signal.aborted ? settledWithin(LAST_LOOK_MS, refresh()) : refresh())
  const compacted = options.compact ? await compactAfter(end, store, context) : undefined
  const told = compacted === undefined ? end : { ...end, compacted }
  // Before the database is closed, which may take a moment.
  report.end(told)
  return told
}

/** Makes the index smaller once everything is imported. Where that fails, the import is complete all the same. */
async function compactAfter(
  { outcome }: RunEnd,
  store: OpenedStore,
  { err, interruption: { signal } }: Context,
): Promise<Compacted | undefined> {
  if (outcome !== 'complete') return undefined
  try {
    return await store.compact({ signal })
  } catch (error) {
    if (!signal.aborted)
      err.write(`! The index is complete, and was not compacted: ${printable(describe(error))}\n`)
    return undefined
  }
}

function backfillerOf(
  store: BackfillStore,
  { relays, report, options, context, shown }: RunParts,
): Backfiller {
  // Half of it: what a run completed at its end is old enough at the next one, and what another process reads is not.
  const refreshAfterMs = options.refresh ?? (options.every === undefined ? undefined : options.every / 2)
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
    refreshAfterMs,
    maxAttempts: options.maxAttempts,
    retry: options.retries === undefined ? {} : { retries: options.retries },
    signal: context.interruption.signal,
    onEvent(event) {
      monitors.get(event.relay)?.handle(event)
      shown.handle(event)
      report.handle(event)
    },
  })
}

async function follow(
  backfiller: Backfiller,
  shown: RunOnServers,
  interruption: Interruption,
): Promise<RunEnd> {
  try {
    const summary = await backfiller.run()
    await shown.end()
    return { outcome: 'complete', exitCode: EXIT.complete, summary }
  } catch (error) {
    const { summary } = backfiller
    if (interruption.signal.aborted)
      return { outcome: 'interrupted', exitCode: interruption.exitCode, summary }
    if (!isBackfillError(error, 'INCOMPLETE')) throw error
    await shown.end(error)
    const { failures, relays: failedRelays } = error
    return { outcome: 'incomplete', exitCode: EXIT.incomplete, summary, failures, failedRelays }
  }
}
