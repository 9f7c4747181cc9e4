import type { CollectionFlag } from '../contracts/collection-progress.ts'

/** How large the relay's own directory has told that its collections are, in this run. */
export interface ToldSizes {
  /** Takes what the directory told. */
  take(sizes: ReadonlyMap<string, number>): void
  /** What is to be said of a walk that ends. */
  flagsOf(walk: EndedWalk): readonly CollectionFlag[]
}

/** A walk that has come to its end. */
export interface EndedWalk {
  readonly collection: string
  /** What it listed: DIDs, repeats included, and entries that were not valid ones. */
  readonly entries: number
  readonly pages: number
}

/**
 * Far from what was told is less than half or more than twice of it, and by more than a page: a directory's counts are
 * some minutes old, and hold repos that the list has come to leave out or holds by now.
 *
 * @param pageSize of the relay's lister; where it does not tell, the walk's pages on average stand for it
 */
export function createToldSizes(pageSize: number | undefined): ToldSizes {
  const told = new Map<string, number>()
  return {
    take(sizes) {
      // 0 is what a server gives that does not know: a collection without repos is in no directory.
      for (const [collection, size] of sizes) if (size > 0) told.set(collection, size)
    },
    flagsOf({ collection, entries, pages }) {
      const size = told.get(collection)
      if (size === undefined) return []
      const isFar = Math.abs(entries - size) > (pageSize ?? Math.ceil(entries / pages))
      if (isFar && entries < size / 2) return ['smallerThanTold']
      return isFar && entries > size * 2 ? ['largerThanTold'] : []
    },
  }
}
