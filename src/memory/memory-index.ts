import type { CollectionIndex } from '../contracts/opened-store.ts'
import type { IndexPageRequest } from '../contracts/repo-index.ts'
import { pageLimit } from '../util/page-limit.ts'
import { reposJson } from '../util/repos-json.ts'

/**
 * Reads pairs that are in memory, those of a `memoryIndexSink()`, and removes from them. Each page sorts its collection
 * anew: for tests, for examples, for small collections.
 */
export function memoryIndex(pairs: ReadonlyMap<string, Set<string>>): CollectionIndex {
  const pageOf = (names: Iterable<string>, request: IndexPageRequest) => {
    const { cursor = '', signal } = request
    const limit = pageLimit(request)
    signal?.throwIfAborted()
    const rest = [...names].filter((name) => name > cursor).sort()
    const entries = rest.slice(0, limit)
    return { entries, cursor: rest.length > limit ? entries.at(-1) : undefined }
  }
  /** The names of collections that have lost their last repo stay in the map. */
  const held = () => [...pairs].filter(([, dids]) => dids.size > 0).map(([nsid]) => nsid)
  const sizeOf = (collection: string) => pairs.get(collection)?.size ?? 0
  const reposOf = (collection: string, request: IndexPageRequest) =>
    pageOf(pairs.get(collection) ?? [], request)
  return {
    async listRepos(collection, request = {}) {
      const { entries, cursor } = reposOf(collection, request)
      return { dids: entries, cursor }
    },
    async listReposJson(collection, request = {}) {
      const { entries, cursor } = reposOf(collection, request)
      return { json: reposJson(entries), cursor }
    },
    async listAllRepos(request = {}) {
      const all = new Set([...pairs.values()].flatMap((dids) => [...dids]))
      const { entries, cursor } = pageOf(all, request)
      return { dids: entries, cursor }
    },
    async listCollections(request = {}) {
      const { entries, cursor } = pageOf(held(), request)
      return { collections: entries.map((nsid) => ({ nsid, estimatedRepos: sizeOf(nsid) })), cursor }
    },
    async countRepos(collection, { signal } = {}) {
      signal?.throwIfAborted()
      return sizeOf(collection)
    },
    async collectionsOf(did, request = {}) {
      const nsids = held().filter((nsid) => pairs.get(nsid)?.has(did))
      const { entries, cursor } = pageOf(nsids, request)
      return { collections: entries, cursor }
    },
    async has(collection, did, { signal } = {}) {
      signal?.throwIfAborted()
      return pairs.get(collection)?.has(did) ?? false
    },
    async remove(collection, dids, { signal } = {}) {
      signal?.throwIfAborted()
      const repos = pairs.get(collection)
      return { removed: [dids].flat().filter((did) => repos?.delete(did)).length }
    },
    async removeRepo(did, { signal } = {}) {
      signal?.throwIfAborted()
      return { removed: [...pairs.values()].filter((repos) => repos.delete(did)).length }
    },
  }
}
