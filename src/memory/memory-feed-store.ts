import type { FeedStore } from '../contracts/feed-store.ts'
import { waitUntil } from '../util/feed-rules.ts'
import { pageLimit } from '../util/page-limit.ts'
import { applyToMemory, feedMemory, goneKey, revOf } from './feed-memory.ts'

/** What was told to be gone: a sink leaves it out. */
export interface GoneInMemory {
  has(collection: string, did: string): boolean
}

/** What a feed keeps, in memory, beside the pairs of a `memoryIndexSink()`. */
export function memoryFeedStore(
  pairs: Map<string, Set<string>>,
): FeedStore & { readonly gone: GoneInMemory } {
  const memory = feedMemory(pairs)
  const { gone, accounts, toLookUp } = memory
  const series = crypto.randomUUID()

  return {
    gone: { has: (collection, did) => gone.has(goneKey(collection, did)) || gone.has(goneKey('', did)) },
    async apply(batch, { signal } = {}) {
      signal?.throwIfAborted()
      return applyToMemory(memory, batch)
    },
    async followedSince(feed, { signal } = {}) {
      signal?.throwIfAborted()
      return memory.followed.get(feed)?.since
    },
    async listAccounts(request = {}) {
      const limit = pageLimit(request)
      request.signal?.throwIfAborted()
      const after = request.cursor ?? ''
      const rest = [...accounts.keys()].filter((did) => did > after).sort()
      const page = rest.slice(0, limit)
      const found = page.flatMap((did) => accounts.get(did) ?? [])
      return rest.length > limit ? { accounts: found, cursor: page.at(-1) } : { accounts: found }
    },
    async accountsOf(dids, { signal } = {}) {
      signal?.throwIfAborted()
      return [...new Set(dids)].flatMap((did) => accounts.get(did) ?? [])
    },
    async positions({ signal } = {}) {
      signal?.throwIfAborted()
      const { latest, forgotten } = memory
      return { series, latest, forgotten }
    },
    async newcomers(collection, request) {
      const limit = pageLimit(request)
      request.signal?.throwIfAborted()
      const { after, upTo } = request
      const all = memory.newcomers.filter(({ position }) => position > after && position <= upTo)
      const scanned = all.filter((newcomer) => newcomer.collection === collection).slice(0, limit)
      const found = scanned.filter(({ did }) => pairs.get(collection)?.has(did))
      const readUpTo = scanned.length < limit ? upTo : (scanned.at(-1)?.position ?? upTo)
      return { newcomers: found.map(({ did, position }) => ({ did, position })), readUpTo }
    },
    async listToLookUp(request = {}) {
      const limit = pageLimit(request)
      request.signal?.throwIfAborted()
      const repos = [...toLookUp].toSorted(([, a], [, b]) => a.dueAt - b.dueAt).slice(0, limit)
      return repos.map(([did, { note, dueAt }]) => ({
        did,
        note,
        ...revOf(accounts.get(did)),
        ...waitUntil(dueAt),
      }))
    },
  }
}
