import type { CollectionIndex, OpenedStore } from '../../contracts/opened-store.ts'
import { xrpcAnswers } from '../../server/xrpc/xrpc-handler.ts'
import { collectionFilter } from '../../sources/collection-filter.ts'
import { childController } from '../../util/abort.ts'
import { count, duration, plural } from '../../util/format.ts'
import type { Context } from '../context.ts'
import type { Database } from '../database.ts'
import type { TextMeter } from '../metrics/text-meter.ts'
import { openDatabase, openExisting } from '../open-database.ts'
import type { Relay } from '../relay-options.ts'
import { backlogState } from './backlog.ts'
import { type BacklogRuns, createBacklogRuns, watchBacklogs } from './backlog-runs.ts'
import { createFeedFollower } from './feed-follower.ts'
import { keepDoing, type RecurringWork } from './recurring.ts'
import { filteredRows } from './serve-filter.ts'
import type { ServeHealth } from './serve-health.ts'
import type { ServeOptions } from './serve-options.ts'
import type { ServeReport, ServeView } from './serve-report.ts'
import type { Handle } from './serve-routes.ts'
import { serviceWorks } from './service-works.ts'

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
  const feedAddress = options.feed === false ? undefined : (options.feed ?? relays[0]?.address)
  const follower = createFeedFollower(feedAddress, meter)
  const filter = collectionFilter(options)
  let opened: Opened | undefined

  function backlogText(): string {
    if (options.backlog === false) return 'off'
    if (backlogs.running !== undefined) return 'running'
    const states = relays.map(({ relay }) => backlogState(backlogs.monitor(relay).collections()))
    return (['waiting', 'incomplete'] as const).find((state) => states.includes(state)) ?? 'complete'
  }

  function figures(): string[] {
    const { complete, total } = backlogs.monitor(relays[0]?.relay ?? '').snapshot().collections
    return [
      opened === undefined ? 'waiting for the database' : `serving for ${uptime(startedAt)}`,
      ...[follower.text() ?? []].flat(),
      ...(total === 0 ? [] : [`${count(complete)} of ${plural(total, 'collection')} complete`]),
    ]
  }

  return {
    feed: feedAddress,
    view: { run: backlogs.current, figures },
    health: () => ({ feed: follower.figures.role, backlog: backlogText() }),
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
        await keepUp(
          serviceWorks({ ...parts, store, filter, backlogs, runs, feed: follower, report }),
          signal,
        )
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

function uptime(since: number): string {
  return duration(Math.floor((performance.now() - since) / 60_000) * 60_000)
}
