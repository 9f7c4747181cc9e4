import type { HostPageEvent } from '../contracts/crawl-events.ts'
import type { Claim } from '../contracts/progress-store.ts'
import { createClaimQueue } from '../run/claim-queue.ts'
import type { ClaimWork } from '../run/worker-pool.ts'
import { childController } from '../util/abort.ts'
import { merge } from '../util/merge-streams.ts'
import { groupScope } from './crawl-scopes.ts'
import { asCrawlEvents } from './host-events.ts'
import { createHostPool } from './host-pool.ts'
import { hostWork } from './host-work.ts'
import { type HostWorkParts, sharedPace } from './host-work-parts.ts'

/** How many hosts of a group are asked at once: their limit is that of one or two hosts, and some are slow. */
const HOSTS_AT_ONCE = 4

/**
 * Crawls the hosts of a group that share a limit. The group is claimed as a whole, so one process at a time asks its
 * hosts; they have claims of their own besides, in the group's scope, so that each page is fenced.
 */
export function groupWork(claim: Claim, parts: HostWorkParts): ClaimWork<HostPageEvent> {
  const { progress, patience, leaseMs, emit, concurrency } = parts
  const { collection: name } = claim
  const scope = groupScope(name)
  const told = asCrawlEvents(emit, name)
  return {
    asking: undefined,
    emit: told,
    async *steps(lease) {
      const stop = childController(lease.signal)
      const { signal } = stop
      const inner: HostWorkParts = { ...parts, signal, group: sharedPace(name, parts) }
      const queue = createClaimQueue({ relay: scope, progress, leaseMs, signal, emit: asCrawlEvents(emit) })
      const pool = createHostPool(inner, queue, (host) => hostWork(host, inner))
      const workers = Array.from({ length: Math.min(HOSTS_AT_ONCE, concurrency) }, () => pool.work())
      try {
        for await (const event of merge(workers, stop)) yield { event, claim, completed: false }
        const last = { pages: 1, imported: 0, invalid: 0 }
        yield { claim: await patience.wait(() => progress.advance(claim, last)), completed: true }
      } finally {
        stop.abort()
      }
    },
  }
}
