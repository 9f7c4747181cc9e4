import type { ClosedAccount, FeedAccount, FeedBatch, RepoToLookUp } from '../contracts/feed-store.ts'
import { ClaimLostError } from '../errors.ts'

/** How many newcomers are kept where a batch says nothing: about what a week brings, in some 100 MB. */
const NEWCOMERS_KEPT = 1_000_000

export function newcomersKept({ keepNewcomers = NEWCOMERS_KEPT }: FeedBatch): number {
  return keepNewcomers
}

/** Refuses what a follower writes late: a batch of its feed had a higher epoch. @throws ClaimLostError */
export function mustFollow({ feed, epoch }: FeedBatch, newest: number | undefined): void {
  if (epoch === undefined || newest === undefined || epoch >= newest) return
  throw new ClaimLostError({ relay: feed, collection: 'the feed', epoch })
}

/** @param dueAt in milliseconds since 1970 */
export function waitUntil(dueAt: number): Pick<RepoToLookUp, 'retryInMs'> {
  const retryInMs = dueAt - Date.now()
  return retryInMs > 0 ? { retryInMs } : {}
}

/** The pairs by collection, each DID once, both in order: so that writers who meet wait for each other in no circle. */
export function pairsByCollection(
  pairs: readonly { readonly did: string; readonly collection: string }[] | undefined = [],
): readonly (readonly [collection: string, dids: readonly string[]])[] {
  const byCollection = new Map<string, Set<string>>()
  for (const { did, collection } of pairs) {
    const dids = byCollection.get(collection) ?? new Set()
    byCollection.set(collection, dids.add(did))
  }
  return [...byCollection]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, dids]) => [name, [...dids].sort()])
}

/** Whether an account is as it was when a closing of it was decided. */
export function isAsSeen(
  { seen }: ClosedAccount,
  stored: Pick<FeedAccount, 'active' | 'status'> | undefined,
): boolean {
  if (seen === undefined || stored === undefined) return seen === stored
  return seen.active === stored.active && seen.status === stored.status
}
