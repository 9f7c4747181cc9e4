import { describe } from 'vitest'
import type { RepoIndex } from '../../src/index.ts'
import { memoryIndex } from '../../src/memory/memory-index.ts'
import { type RepoIndexFixture, repoIndexSuite } from '../../src/testing/index.ts'
import { provesItself } from './broken.ts'

type Pairs = Map<string, Set<string>>

function broken(breakIt: (whole: Required<RepoIndex>, pairs: Pairs) => Partial<RepoIndex>) {
  return async (): Promise<RepoIndexFixture> => {
    const pairs: Pairs = new Map()
    const whole = memoryIndex(pairs)
    return {
      index: { ...whole, ...breakIt(whole, pairs) },
      async add(collection, dids) {
        pairs.set(collection, new Set([...(pairs.get(collection) ?? []), ...dids]))
      },
      async remove(collection, did) {
        pairs.get(collection)?.delete(did)
      },
    }
  }
}

/** Pages by place instead of by name. */
const byOffset = broken((_, pairs) => ({
  async listRepos(collection, { cursor = '0', limit = 500, signal } = {}) {
    signal?.throwIfAborted()
    if (!(Number.isInteger(limit) && limit > 0 && limit <= 10_000)) throw new Error('limit')
    const all = [...(pairs.get(collection) ?? [])].sort()
    const end = Number(cursor) + limit
    const dids = all.slice(Number(cursor), end)
    return end < all.length ? { dids, cursor: String(end) } : { dids }
  },
}))

describe('repoIndexSuite', () => {
  provesItself(
    repoIndexSuite,
    broken(() => ({})),
    [
      ['pages by place', byOffset, 'goes on where the repo that a page ended with was removed'],
      [
        'gives the order of writing',
        broken((_, pairs) => ({
          listRepos: async (collection) => ({ dids: [...(pairs.get(collection) ?? [])] }),
        })),
        'gives each DID once, in the order of code points, in pages of any size',
      ],
      [
        'repeats the last of a page on the next one',
        broken(({ listRepos }) => ({
          async listRepos(collection, request = {}) {
            const page = await listRepos(collection, request)
            return page.cursor === undefined ? page : { ...page, cursor: page.cursor.slice(0, -1) }
          },
        })),
        'gives each DID once, in the order of code points, in pages of any size',
      ],
      [
        'ends with a short page',
        broken(({ listRepos }) => ({
          async listRepos(collection, request = {}) {
            const { dids } = await listRepos(collection, request)
            return { dids }
          },
        })),
        'gives each DID letter by letter',
      ],
      [
        'does not tell upper from lower case',
        broken(({ listRepos }, pairs) => ({
          async listRepos(collection, request) {
            const same = [...pairs.keys()].find((nsid) => nsid.toLowerCase() === collection.toLowerCase())
            return listRepos(same ?? collection, request)
          },
        })),
        'tells collections apart whose names are alike',
      ],
      [
        'takes any limit',
        broken(({ listRepos }) => ({
          listRepos: (collection, { limit, ...request } = {}) =>
            listRepos(collection, limit === undefined || limit < 1 ? request : { ...request, limit: 500 }),
        })),
        'refuses a limit that is none',
      ],
      [
        'gives everything at once',
        broken(({ listRepos }) => ({
          listRepos: (collection, request = {}) =>
            listRepos(collection, { ...request, limit: request.limit ?? 10_000 }),
        })),
        'a page holds 500 unless it is told otherwise',
      ],
      [
        'does not look at the signal',
        broken(({ listRepos }) => ({
          listRepos: (collection, { signal: _, ...request } = {}) => listRepos(collection, request),
        })),
        'a signal that aborted before: rejects with its reason',
      ],
      [
        'counts by the first page',
        broken(({ listRepos }) => ({
          countRepos: async (collection) => (await listRepos(collection, { limit: 2 })).dids.length,
        })),
        'countRepos counts each repo once',
      ],
      [
        'names its collections in the order of writing',
        broken((_, pairs) => ({
          listCollections: async () => ({ collections: [...pairs.keys()].map((nsid) => ({ nsid })) }),
        })),
        'listCollections names each collection once, in order, in pages of any size',
      ],
      [
        'removes from every collection',
        broken(({ remove }, pairs) => ({
          async remove(collection, dids, options) {
            for (const other of pairs.keys()) if (other !== collection) await remove(other, dids, options)
            return remove(collection, dids, options)
          },
        })),
        'remove takes out what it is given, and passes over what is not there',
      ],
      [
        'removes the first thousand',
        broken(({ remove }) => ({
          remove: (collection, dids, options) => remove(collection, dids.slice(0, 1_000), options),
        })),
        'remove takes ten thousand at once, and takes out each letter by letter',
      ],
    ],
  )
})
