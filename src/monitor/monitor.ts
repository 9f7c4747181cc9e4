import { type OptionNames, refuseUnknown } from '../util/validate-options.ts'
import { takeEvent } from './monitor-events.ts'
import { createParts, type MonitorParts } from './monitor-parts.ts'
import type { Monitor, MonitorOptions, MonitorSnapshot } from './snapshot.ts'

/** What is shown as a speed is that of the last seconds; the time that is left is told from a longer time. */
const RATE_WINDOW_MS = 10_000
const WORK_WINDOW_MS = 60_000

const OPTIONS: OptionNames<MonitorOptions> = { relay: true, now: true }

/** Follows one run: see {@link Monitor}. */
export function createMonitor(options: MonitorOptions): Monitor {
  refuseUnknown(options, OPTIONS)
  const { relay, now = steadyClock } = options
  const parts = createParts(relay, now)
  const { tally, throughput } = parts
  return {
    handle: (event) => {
      if (event.relay === relay) takeEvent(parts, event)
    },
    async refresh(read) {
      const { changes } = tally
      const rows = await read()
      const before = tally.workDone
      for (const row of rows) {
        if (tally.changedAt(row.collection) <= changes) tally.change(row.collection, row)
      }
      // What other workers did since the last time. What earlier runs did is no work of this time.
      if (parts.begun) throughput.add(now(), { work: tally.workDone - before })
    },
    snapshot: () => snapshotOf(parts),
    collection: (collection) => tally.row(collection),
    collections: () => tally.rows(),
    history: () => throughput.history(now()),
  }
}

function steadyClock(): number {
  return performance.timeOrigin + performance.now()
}

function snapshotOf(parts: MonitorParts): MonitorSnapshot {
  const { tally, walks, failures, throughput, counts, startedAt, lastRetry } = parts
  const at = parts.now()
  return {
    at,
    startedAt,
    collections: tally.counts(),
    pairs: tally.pairs,
    expectedPairs: tally.expectedPairs(),
    ...prospects(parts, at),
    invalid: tally.invalid,
    pairsPerSecond: throughput.rate(at, 'pairs', RATE_WINDOW_MS),
    requestsPerSecond: throughput.rate(at, 'requests', RATE_WINDOW_MS),
    ...counts,
    lastRetry,
    pause: pauseAt(parts, at),
    walks: walks.list(),
    failures: failures.list(),
    failureCount: failures.count,
  }
}

/** How much is done, and how long the rest will take. */
function prospects(
  { tally, throughput }: MonitorParts,
  at: number,
): Pick<MonitorSnapshot, 'fraction' | 'leftMs'> {
  const { total, complete, failed } = tally.counts()
  if (total === 0) return { fraction: 0, leftMs: undefined }
  const inAll = tally.workInAll()
  if (inAll === undefined) return { fraction: complete / total, leftMs: undefined }
  const left = inAll - tally.workDone
  const speed = throughput.rate(at, 'work', WORK_WINDOW_MS)
  // What failed will not be done in this run, and how much of the rest it is, is not known, so nothing is said at the
  // end.
  const isOver = complete + failed === total
  const leftMs = speed !== undefined && speed > 0 && !isOver ? (left / speed) * 1000 : undefined
  return { fraction: tally.workDone / inAll, leftMs }
}

function pauseAt({ pause }: MonitorParts, at: number): MonitorSnapshot['pause'] {
  return pause === undefined || pause.until <= at
    ? undefined
    : { leftMs: pause.until - at, message: pause.message }
}
