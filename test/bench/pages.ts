import { knownCollections, type RepoLister } from '../../src/index.ts'
import { relayContents } from '../../src/testing/contents.ts'

/** One page of a collection, ready in memory. */
export interface ReadyPage {
  readonly collection: string
  readonly dids: readonly string[]
}

/** What a relay would serve, made beforehand so that handing it out costs nothing. */
export interface ReadyPages {
  /** The pages of each collection in order. */
  readonly byCollection: ReadonlyMap<string, readonly ReadyPage[]>
  readonly pages: number
  readonly pairs: number
}

export interface ReadyPagesOptions {
  readonly collections: number
  readonly pagesEach: number
  readonly pageSize: number
  /** Another seed gives other DIDs. */
  readonly seed: number
}

export function readyPages({ collections, pagesEach, pageSize, seed }: ReadyPagesOptions): ReadyPages {
  const size = pagesEach * pageSize
  const sizes = Object.fromEntries(
    Array.from({ length: collections }, (_, n) => [`com.example.bench.n${n}`, size]),
  )
  const contents = relayContents({ collections: sizes, seed })
  const byCollection = new Map<string, ReadyPage[]>()
  for (const collection of contents.collections) {
    const dids = [...contents.dids(collection)]
    const pages = Array.from({ length: pagesEach }, (_, page) => ({
      collection,
      dids: dids.slice(page * pageSize, (page + 1) * pageSize),
    }))
    byCollection.set(collection, pages)
  }
  return { byCollection, pages: collections * pagesEach, pairs: collections * size }
}

/** Hands out the pages at once: its cursor is the number of the next one. */
export function readyLister({ byCollection }: ReadyPages): RepoLister {
  return {
    relay: 'bench.invalid',
    async listRepos({ collection, cursor, signal }) {
      signal?.throwIfAborted()
      const pages = byCollection.get(collection) ?? []
      const at = Number(cursor ?? 0)
      const dids = pages[at]?.dids ?? []
      return at + 1 < pages.length ? { dids, cursor: String(at + 1) } : { dids }
    },
  }
}

/** Its collections, as a source of a run. */
export function readySource({ byCollection }: ReadyPages): ReturnType<typeof knownCollections> {
  return knownCollections(
    [...byCollection].map(([nsid, pages]) => ({
      nsid,
      estimatedRepos: pages.reduce((sum, { dids }) => sum + dids.length, 0),
    })),
  )
}
