import type { BackfillEvent } from '../../contracts/events.ts'
import type { OpenedStore } from '../../contracts/opened-store.ts'
import type { ProgressStore } from '../../contracts/progress-store.ts'
import { keepFresh } from '../../monitor/keep-fresh.ts'
import { createMonitor } from '../../monitor/monitor.ts'
import type { Monitor } from '../../monitor/snapshot.ts'
import { createBackfiller } from '../../run/backfiller.ts'
import { type AdminHandler, adminHandler } from '../../server/admin/admin-handler.ts'
import type { AdminRunContext } from '../../server/admin/admin-options.ts'
import type { AdminRunEnd } from '../../server/admin/admin-run.ts'
import { collectionsOf } from '../collection-sources.ts'
import { createRunMetrics } from '../metrics/run-metrics.ts'
import type { TextMeter } from '../metrics/text-meter.ts'
import type { WatchedRelay } from '../output/relays-display.ts'
import type { Relay } from '../relay-options.ts'
import type { Refresh } from './backlog.ts'
import { REFRESH_MS, type ServeOptions } from './serve-options.ts'
import type { ServeReport } from './serve-report.ts'

/** The relays of a service, each with what is known of its collections. */
export interface WatchedBacklogs {
  /** As the last look at the store, or a run since, has them. */
  monitor(relay: string): Monitor
  /** Another one for each run, whose figures begin with it. */
  begin(relay: string): Monitor
  /** The relay whose run is under way. */
  running: string | undefined
  readonly handle: (event: BackfillEvent) => void
  current(): WatchedRelay | undefined
}

export function watchBacklogs(relays: readonly string[], meter: TextMeter): WatchedBacklogs {
  const monitors = new Map(relays.map((relay) => [relay, createMonitor({ relay })]))
  const monitorOf = (relay: string) => monitors.get(relay) ?? createMonitor({ relay })
  const metrics = createRunMetrics(
    meter,
    relays.map((relay) => ({
      relay,
      get monitor() {
        return monitorOf(relay)
      },
    })),
  )
  const watched: WatchedBacklogs = {
    running: undefined,
    monitor: monitorOf,
    begin(relay) {
      const monitor = createMonitor({ relay })
      monitors.set(relay, monitor)
      watched.running = relay
      return monitor
    },
    handle(event) {
      monitors.get(event.relay)?.handle(event)
      metrics.handle(event)
    },
    current() {
      const relay = watched.running
      return relay === undefined ? undefined : { relay, monitor: monitorOf(relay) }
    },
  }
  return watched
}

export interface BacklogRunsParts {
  readonly options: ServeOptions
  readonly relays: readonly Relay[]
  readonly store: OpenedStore
  /** The rows of the collections that are meant. */
  readonly rows: Pick<ProgressStore, 'list'>
  readonly backlogs: WatchedBacklogs
  readonly report: ServeReport
  readonly signal: AbortSignal
}

/** Runs over the backlog, which the timer begins, or an operator. */
export interface BacklogRuns {
  readonly admin: AdminHandler
  run(relay: string, refresh: Refresh): Promise<AdminRunEnd>
}

export function createBacklogRuns(parts: BacklogRunsParts): BacklogRuns {
  const { options, relays, store, rows, backlogs, report, signal } = parts
  /**
   * What the timer is to read again, by relay: its run may wait for that of another one. An operator's reads again what is
   * old, as the timer would.
   */
  const due = new Map<string, Refresh>()
  let stopRefreshing = () => {}

  const admin = adminHandler({
    token: options.adminToken ?? crypto.randomUUID(),
    allowedRelays: relays.map(({ relay }) => relay),
    // What an operator sees is what is read.
    progress: { ...store.progress, list: rows.list },
    signal,
    async backfill(context) {
      const refresh = due.get(context.relay) ?? { refreshAfterMs: options.refresh ?? REFRESH_MS }
      const monitor = backlogs.begin(context.relay)
      const read = () => rows.list({ relay: context.relay })
      // What is complete before a run is no event of it. A store that is away is waited for by the run itself.
      await monitor.refresh(read).catch(() => {})
      stopRefreshing = keepFresh(monitor, read)
      report.beginRun(context.relay)
      return backfillerOf(context, refresh, parts)
    },
    async onEnd({ relay, outcome, error }) {
      stopRefreshing()
      const read = () => rows.list({ relay })
      if (!signal.aborted)
        await backlogs
          .monitor(relay)
          .refresh(read)
          .catch(() => {})
      report.endRun(relay, { outcome, error })
      backlogs.running = undefined
    },
    onError: ({ error }) => report.fail('admin', error),
  })
  return {
    admin,
    async run(relay, refresh) {
      due.set(relay, refresh)
      try {
        return await admin.run(relay)
      } finally {
        due.delete(relay)
      }
    },
  }
}

function backfillerOf(
  { relay, signal, onEvent, keepFailed }: AdminRunContext,
  refresh: Refresh,
  { options, relays, store, backlogs, report }: BacklogRunsParts,
) {
  const { address, lister } = relays.find((known) => known.relay === relay) ?? {}
  return createBackfiller({
    relay: lister ?? relay,
    store,
    collections: collectionsOf(options, { relays: [address ?? relay], observed: store.observed }),
    only: options.only,
    except: options.except,
    concurrency: options.concurrency,
    ...refresh,
    maxAttempts: options.maxAttempts,
    retry: options.retries === undefined ? {} : { retries: options.retries },
    keepFailed,
    signal,
    onEvent(event) {
      onEvent(event)
      backlogs.handle(event)
      report.handle(event)
    },
  })
}
