import { createFailureLog, type FailureLog } from './failure-log.ts'
import { createForecast, type Forecast } from './forecast.ts'
import { createWalks, type Walks } from './running-collections.ts'
import type { AddedWork, MonitoredRetry } from './snapshot.ts'
import { createTally, type Tally } from './tally.ts'
import { createThroughput, type Throughput } from './throughput.ts'

/** What a monitor remembers. */
export interface MonitorParts {
  readonly now: () => number
  readonly startedAt: number
  readonly tally: Tally
  readonly walks: Walks
  readonly failures: FailureLog
  readonly throughput: Throughput
  readonly forecast: Forecast
  /** Of this run. */
  readonly counts: {
    added: number
    requests: number
    failedRequests: number
    retries: number
    pauses: number
  }
  lastRetry: MonitoredRetry | undefined
  pause: { until: number; message: string | undefined } | undefined
  /** Since when the database cannot be used, why, and when it is asked again. */
  unavailable: { since: number; until: number; message: string } | undefined
  /** Who holds what is left, and until when at the latest, while the run has nothing else to do. */
  holders: { names: readonly string[]; until: number } | undefined
  /** Whether this run has begun to walk. */
  begun: boolean
  /** Whether it was told what the progress store says. */
  hasRead: boolean
  /** The highest fraction that was told since work was added last. */
  told: number
  addedWork: AddedWork | undefined
}

export function createParts(relay: string, now: () => number): MonitorParts {
  const startedAt = now()
  return {
    now,
    startedAt,
    tally: createTally(relay, now),
    walks: createWalks(),
    failures: createFailureLog(),
    throughput: createThroughput(startedAt),
    forecast: createForecast(),
    counts: { added: 0, requests: 0, failedRequests: 0, retries: 0, pauses: 0 },
    lastRetry: undefined,
    pause: undefined,
    unavailable: undefined,
    holders: undefined,
    begun: false,
    hasRead: false,
    told: 0,
    addedWork: undefined,
  }
}
