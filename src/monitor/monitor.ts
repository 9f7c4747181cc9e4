import { type OptionNames, refuseUnknown } from '../util/validate-options.ts'
import { takeEvent } from './monitor-events.ts'
import { createParts, type MonitorParts } from './monitor-parts.ts'
import type { Monitor, MonitorOptions, MonitorSnapshot, TimeLeft } from './snapshot.ts'
import { takeRows } from './stored-rows.ts'
import { setAsideAt, waitingAt } from './waiting.ts'
import type { OpenCollection, Work } from './work.ts'

/** What is shown as a speed is that of the last seconds. */
const RATE_WINDOW_MS = 10_000

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
      takeRows(
        parts,
        rows.filter(({ collection }) => tally.changedAt(collection) <= changes),
      )
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
  const { tally, walks, failures, throughput, counts, startedAt, lastRetry, unavailable } = parts
  const at = parts.now()
  const { work, open } = tally.plan()
  const setAside = setAsideAt(parts, at)
  return {
    at,
    startedAt,
    collections: tally.counts(),
    work: neverFalling(parts, work),
    addedWork: parts.addedWork,
    timeLeft: unavailable === undefined ? timeLeftOf(parts, open, at) : undefined,
    waiting: waitingAt(parts, setAside, at),
    setAside,
    imported: tally.imported,
    invalid: tally.invalid,
    importedPerSecond: throughput.rate(at, 'imported', RATE_WINDOW_MS),
    requestsPerSecond: throughput.rate(at, 'requests', RATE_WINDOW_MS),
    ...counts,
    lastRetry,
    walks: walks.list(),
    failures: failures.list(),
    failureCount: failures.count,
  }
}

/** With the pages, the run learns how many DIDs one holds, and the rest becomes a little more or less. */
function neverFalling(parts: MonitorParts, work: Work): Work {
  const { fraction } = work
  if (fraction === undefined || !parts.begun) return work
  parts.told = Math.max(parts.told, fraction)
  return { ...work, fraction: parts.told }
}

function timeLeftOf(
  { tally, walks, forecast }: MonitorParts,
  open: readonly OpenCollection[],
  at: number,
): TimeLeft | undefined {
  const { sizes } = tally.plan().work
  if (!forecast.hasPace(at) || sizes === 'unknown' || sizes === 'tooHigh') return undefined
  const rows = open.map(({ row: { collection, state }, requestsLeft }) => ({
    collection,
    requestsLeft,
    isRunning: state === 'running',
    dueInMs: Math.max(0, (tally.dues.get(collection) ?? 0) - at),
    leaseLeftMs: walks.isRunning(collection) ? undefined : (tally.leases.get(collection) ?? at) - at,
  }))
  const ms = forecast.timeLeft(rows, walks.list().length, at)
  if (ms === undefined) return undefined
  return { ms, atLeast: sizes === 'tooLow' || open.some(({ isExceeded }) => isExceeded) }
}
