import type { Claim, CollectionProgress, ProgressStore } from '../../src/index.ts'
import { memoryProgressStore } from '../../src/memory/memory-store.ts'
import type { ProgressStoreFixture } from '../../src/testing/index.ts'

export type Make = () => Promise<ProgressStoreFixture>

/** A store with some methods broken; another instance over the same memory has the same fault. */
export function broken(breakIt: (store: ProgressStore) => Partial<ProgressStore>): Make {
  return async () => {
    const store = memoryProgressStore()
    return {
      progress: { ...store, ...breakIt(store) },
      reopen: async () => ({ progress: { ...store, ...breakIt(store) } }),
    }
  }
}

export const later = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1))

export async function rowOf(
  store: ProgressStore,
  { relay, collection }: Pick<Claim, 'relay' | 'collection'>,
): Promise<CollectionProgress | undefined> {
  return (await store.list({ relay })).find((row) => row.collection === collection)
}

/** Remembers the newest claim of each collection, as a store without this fence would find it in its row. */
export function withNewest(
  breakIt: (store: ProgressStore, newest: (claim: Claim) => Claim) => Partial<ProgressStore>,
): Make {
  return async () => {
    const store = memoryProgressStore()
    const claims = new Map<string, Claim>()
    const newest = (claim: Claim) => claims.get(claim.collection) ?? claim
    const progress: ProgressStore = {
      ...store,
      async claim(request) {
        const claim = await store.claim(request)
        if (claim) claims.set(claim.collection, claim)
        return claim
      },
      ...breakIt(store, newest),
    }
    return { progress }
  }
}
