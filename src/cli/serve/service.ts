import type { CollectionIndex, OpenedStore } from '../../contracts/opened-store.ts'
import type { PruneRefusedError } from '../../errors.ts'
import type { PruneSummary } from '../../prune/prune-summary.ts'
import { xrpcAnswers } from '../../server/xrpc/xrpc-handler.ts'
import { collectionFilter } from '../../sources/collection-filter.ts'
import { childController } from '../../util/abort.ts'
import { count, duration, plural } from '../../util/format.ts'
import { printable } from '../../util/text.ts'
import type { Context } from '../context.ts'
import { type Database, nameOf } from '../database.ts'
import type { TextMeter } from '../metrics/text-meter.ts'
import { openDatabase, openExisting } from '../open-database.ts'
import type { Relay } from '../relay-options.ts'
import { backlogState, createBacklog } from './backlog.ts'
import { type BacklogRuns, createBacklogRuns, watchBacklogs } from './backlog-runs.ts'
import { createFeedFollower } from './feed-follower.ts'
import { pruneWhenDue } from './pruning.ts'
import { keepDoing, type RecurringWork } from './recurring.ts'
import { lookUpRepos } from './repo-look-ups.ts'
import { filteredRows, filteredStore } from './serve-filter.ts'
import type { ServeHealth } from './serve-health.ts'
import { PRUNE_MS, REFRESH_MS, type ServeOptions } from './serve-options.ts'
import type { ServeReport, ServeView } from './serve-report.ts'
import type { Handle } from './serve-routes.ts'

export interface ServiceParts {
  readonly options: ServeOptions
  readonly database: Database
  readonly context: Context
  readonly relays: readonly Relay[]
  readonly meter: TextMeter
}

/** What is served and what keeps it up to date. */
export interface Service {
  readonly view: ServeView
  /** The address of the feed that is followed. */
  readonly feed: string | undefined
  health(): ServeHealth
  /** Nothing until the database is open. */
  index(): CollectionIndex | undefined
  xrpc(): Handle | undefined
  admin(): Handle | undefined
  /**
   * Opens the database and works until the signal of the context aborts.
   *
   * @param beforeClosing called when the work has ended, while what is served can still be read
   */
  run(report: ServeReport, hooks: { beforeClosing: () => Promise<void> }): Promise<void>
}

/** Collections that a run walks at once unless that is given, and the connections for the feed and what is beside it. */
const WALKS = 6
const OTHER_CONNECTIONS = 4

/** The pauses after failures, in milliseconds: of what is done all the time, and of what is done now and then. */
const SOON = { least: 1_000, most: 5 * 60_000 }
const LATER = { least: 3_600_000, most: 24 * 3_600_000 }

interface Opened {
  readonly store: OpenedStore
  readonly xrpc: Handle
  readonly runs: BacklogRuns
}

export function createService(parts: ServiceParts): Service {
  const { options, database, context, relays, meter } = parts
  const { signal } = context.interruption
  const startedAt = performance.now()
  const backlogs = watchBacklogs(
    relays.map(({ relay }) => relay),
    meter,
  )
  const [first] = relays
  const feedAddress = options.feed === false ? undefined : (options.feed ?? first?.address)
  const feed = createFeedFollower(feedAddress, meter)
  const filter = collectionFilter(options)
  let opened: Opened | undefined

  const stateOf = (relay: string) => backlogState(backlogs.monitor(relay).collections())

  function backlogText(): string {
    if (options.backlog === false) return 'off'
    if (backlogs.running !== undefined) return 'running'
    const states = relays.map(({ relay }) => stateOf(relay))
    return (['waiting', 'incomplete'] as const).find((state) => states.includes(state)) ?? 'complete'
  }

  function figures(): string[] {
    const { complete, total } = backlogs.monitor(relays[0]?.relay ?? '').snapshot().collections
    return [
      opened === undefined ? 'waiting for the database' : `serving for ${uptime(startedAt)}`,
      ...[feed.text() ?? []].flat(),
      ...(total === 0 ? [] : [`${count(complete)} of ${plural(total, 'collection')} complete`]),
    ]
  }

  function worksOf(store: OpenedStore, runs: BacklogRuns, report: ServeReport): RecurringWork[] {
    const fedStore = filteredStore(store, filter)
    const refreshMs = options.refresh ?? REFRESH_MS
    const backlogWork = relays.map(({ relay }): RecurringWork => {
      const work = createBacklog({
        relay,
        progress: filteredRows(store, filter),
        refreshMs,
        followedSince: (until) => feed.followedSince(store, until),
        run: (before) => runs.run(relay, before),
        onLook: (rows) => void backlogs.monitor(relay).refresh(async () => [...rows]),
      })
      return { work, onFailure: (error, waitMs) => report.fail(relay, error, waitMs), pauseMs: SOON }
    })
    const relay = first?.relay ?? ''
    const pruning = {
      relay,
      store,
      everyMs: options.prune || PRUNE_MS,
      isImported: () => stateOf(relay) !== 'waiting',
      onEvent: report.handle,
      onPruned: (summary: PruneSummary) => report.tell('prune', prunedText(summary)),
      onRefused: (error: PruneRefusedError) => {
        report.fail('prune', error)
        report.tell('prune', refusedText(error, nameOf(database)))
      },
    }
    const pruneWork: RecurringWork = {
      work: (until) => pruneWhenDue(pruning, until),
      onFailure: (error, waitMs) => report.fail('prune', error, waitMs),
      pauseMs: LATER,
    }
    const lookUps = {
      isFollowing: () => feed.figures.role === 'following',
      plc: options.plc,
      allowHosts: options.allow,
      onLookedUp: (repos: number, failed: number) => report.tell('look-ups', lookedUpText(repos, failed)),
    }
    const feedWorks: RecurringWork[] = [
      {
        work: async (until) => feed.follow(await fedStore(until), report, until),
        onFailure: (error, waitMs) => report.fail('feed', error, waitMs),
        pauseMs: SOON,
      },
      {
        work: async (until) => lookUpRepos({ ...lookUps, store: await fedStore(until) }, until),
        onFailure: (error, waitMs) => report.fail('look-ups', error, waitMs),
        pauseMs: SOON,
      },
    ]
    return [
      ...(feedAddress === undefined ? [] : feedWorks),
      ...(options.backlog === false ? [] : backlogWork),
      ...(options.prune === false ? [] : [pruneWork]),
    ]
  }

  return {
    feed: feedAddress,
    view: { run: backlogs.current, figures },
    health: () => ({ feed: feed.figures.role, backlog: backlogText() }),
    index: () => opened?.store.index,
    xrpc: () => opened?.xrpc,
    admin: () => opened?.runs.admin,
    async run(report, { beforeClosing }) {
      const walks = (options.concurrency ?? WALKS) + OTHER_CONNECTIONS
      await using store = await openDatabase(database, context, { walks, waits: true })
      // Of its own on a Postgres: clients that ask much do not keep the feed from its connection.
      await using reading =
        database.kind === 'postgres' ? await openExisting(database, { signal }) : undefined
      const onError = ({ error }: { error: unknown }) => report.fail('server', error)
      const { index, feed, progress } = reading ?? store
      const { maxLimit, severalCollections } = options
      const xrpc = xrpcAnswers({ index, feed, progress, maxLimit, severalCollections, onError })
      const runs = createBacklogRuns({
        options,
        relays,
        store,
        rows: filteredRows(store, filter),
        backlogs,
        report,
        signal,
      })
      opened = { store, xrpc, runs }
      try {
        await keepUp(worksOf(store, runs, report), signal)
      } finally {
        await Promise.all([runs.admin.close(), beforeClosing()])
        opened = undefined
      }
    },
  }
}

/** Does all of it until the signal aborts, also where there is nothing to do. A mistake in the program ends everything. */
async function keepUp(works: readonly RecurringWork[], signal: AbortSignal): Promise<void> {
  const stop = childController(signal)
  const { promise: stopped, resolve } = Promise.withResolvers<void>()
  if (stop.signal.aborted) resolve()
  else stop.signal.addEventListener('abort', () => resolve(), { once: true })
  const doing = works.map((work) => keepDoing(work, stop.signal))
  for (const each of doing) each.catch((error: unknown) => stop.abort(error))
  await Promise.allSettled([stopped, ...doing])
  stop.signal.throwIfAborted()
}

function lookedUpText(repos: number, failed: number): string {
  const lost = failed === 0 ? '' : `, ${count(failed)} of them without an answer`
  return `${plural(repos, 'repo')} looked up at their hosts${lost}`
}

/** What an operator does then: the service has no terminal to ask on. */
function refusedText({ refusal }: PruneRefusedError, database: string): string {
  return (
    `is not done until a person has looked at it: run prune --relay ${printable(refusal.relay)} on ${database}, which asks ` +
    'before it removes anything; or turn it off with --no-prune'
  )
}

function prunedText({ removed, outcome }: PruneSummary): string {
  if (outcome === 'elsewhere') return 'another process has pruned'
  return `${plural(removed, 'pair')} of accounts that are gone removed`
}

function uptime(since: number): string {
  return duration(Math.floor((performance.now() - since) / 60_000) * 60_000)
}
