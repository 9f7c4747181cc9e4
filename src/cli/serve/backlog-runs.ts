import type { BackfillEvent } from '../../contracts/events.ts'
import type { OpenedStore } from '../../contracts/opened-store.ts'
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
import type { BacklogRun } from './backlog.ts'
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
  readonly backlogs: WatchedBacklogs
  readonly report: ServeReport
  readonly signal: AbortSignal
}

/** Runs over the backlog, which the timer begins, or an operator. */
export interface BacklogRuns {
  readonly admin: AdminHandler
  run(relay: string, options: BacklogRun): Promise<AdminRunEnd>
}

export function createBacklogRuns(parts: BacklogRunsParts): BacklogRuns {
  const { options, relays, store, backlogs, report, signal } = parts
  const usual: BacklogRun = { refreshAfterMs: options.refresh ?? REFRESH_MS, refreshBefore: undefined }
  /** Of the run that the timer begins next; an operator's has the usual ones. */
  let next = usual
  let stopRefreshing = () => {}

  const admin = adminHandler({
    token: options.adminToken ?? crypto.randomUUID(),
    allowedRelays: relays.map(({ relay }) => relay),
    progress: store.progress,
    signal,
    backfill(context) {
      const run = next
      next = usual
      const monitor = backlogs.begin(context.relay)
      stopRefreshing = keepFresh(monitor, () => store.progress.list({ relay: context.relay }))
      report.beginRun(context.relay)
      return backfillerOf(context, run, parts)
    },
    onEnd({ relay, outcome, error }) {
      stopRefreshing()
      report.endRun(relay, { outcome, error })
      backlogs.running = undefined
    },
    onError: ({ error }) => report.fail('admin', error),
  })
  return {
    admin,
    async run(relay, run) {
      next = run
      return await admin.run(relay)
    },
  }
}

function backfillerOf(
  { relay, signal, onEvent, keepFailed }: AdminRunContext,
  run: BacklogRun,
  { options, relays, store, backlogs, report }: BacklogRunsParts,
) {
  const { address, lister } = relays.find((known) => known.relay === relay) ?? {}
  return createBackfiller({
    relay: lister ?? relay,
    store,
    collections: collectionsOf(options, { relays: [address ?? relay], observed: store.observed }),
    concurrency: options.concurrency,
    ...run,
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
