import type { HostPageEvent } from '../contracts/crawl-events.ts'
import type { Claim } from '../contracts/progress-store.ts'
import { createClaimQueue } from '../run/claim-queue.ts'
import type { ClaimWork } from '../run/worker-pool.ts'
import { childController } from '../util/abort.ts'
import { merge } from '../util/merge-streams.ts'
import { groupScope } from './crawl-scopes.ts'
import { asCrawlEvents } from './host-events.ts'
import { createHostPool } from './host-pool.ts'
import { type HostWorkParts, hostWork } from './host-work.ts'
import type { SharedLimit } from './shared-limits.ts'

/** How many hosts of a group are asked at once: their limit is that of one or two hosts, and some are slow. */
const HOSTS_AT_ONCE = 4

/**
 * Crawls the hosts of a group that share a limit. The group is claimed as a whole, so one process at a time asks its
 * hosts; they have claims of their own besides, in the group's scope, so that each page is fenced.
 */
export function groupWork(claim: Claim, group: SharedLimit, parts: HostWorkParts): ClaimWork<HostPageEvent> {
  const { progress, patience, leaseMs, emit, concurrency } = parts
  const { requestsPerSecond } = group
  const scope = groupScope(group.hosts)
  const told = asCrawlEvents(emit, group.hosts)
  return {
    asking: undefined,
    emit: told,
    async *steps(lease) {
      const stop = childController(lease.signal)
      const { signal } = stop
      // Whoever asked these hosts before may have done so a moment ago.
      const rate = parts.rates.of(group.hosts, requestsPerSecond, 1_000 / requestsPerSecond)
      const inner: HostWorkParts = { ...parts, signal, group: { rate, scope } }
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
