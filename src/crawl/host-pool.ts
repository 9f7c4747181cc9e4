import type { HostPageEvent } from '../contracts/crawl-events.ts'
import type { Claim } from '../contracts/progress-store.ts'
import type { ClaimQueue } from '../run/claim-queue.ts'
import { type ClaimWork, createWorkerPool, type WorkerPool } from '../run/worker-pool.ts'
import type { HostWorkParts } from './host-work-parts.ts'

/** The workers on the hosts, or the groups, of one scope. */
export function createHostPool(
  { progress, signal, maxAttempts, retry, setAsideMs }: HostWorkParts,
  queue: ClaimQueue,
  workOn: (claim: Claim) => ClaimWork<HostPageEvent>,
): WorkerPool<HostPageEvent> {
  return createWorkerPool({
    queue,
    progress,
    signal,
    maxAttempts,
    maxDelayMs: retry.maxDelayMs,
    attemptPauseMs: setAsideMs,
    isOneServer: false,
    workOn,
  })
}
