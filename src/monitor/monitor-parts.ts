import { createFailureLog, type FailureLog } from './failure-log.ts'
import { createWalks, type Walks } from './running-collections.ts'
import type { MonitoredRetry } from './snapshot.ts'
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
  /** Whether this run has begun to walk. */
  begun: boolean
}

export function createParts(relay: string, now: () => number): MonitorParts {
  const startedAt = now()
  return {
    now,
    startedAt,
    tally: createTally(relay),
    walks: createWalks(),
    failures: createFailureLog(),
    throughput: createThroughput(startedAt),
    counts: { added: 0, requests: 0, failedRequests: 0, retries: 0, pauses: 0 },
    lastRetry: undefined,
    pause: undefined,
    begun: false,
  }
}
