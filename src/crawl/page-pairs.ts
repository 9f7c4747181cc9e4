import type { IndexBatch } from '../contracts/index-sink.ts'
import { BackfillError } from '../errors.ts'
import type { DescribedRepo } from './describe-repo.ts'

/** The most pairs that are taken of one page: an account has some ten collections, and a page 500 accounts. */
const MOST_PAIRS = 200_000

/** The pairs of one page. */
export interface PagePairs {
  /** @returns false where they would be too many */
  add(did: string, repo: Pick<DescribedRepo, 'collections'>): boolean
  /** By collection, in the order of the names: two hosts whose pages have the same ones cannot be a deadlock. */
  batches(relay: string): readonly IndexBatch[]
}

export function createPagePairs(): PagePairs {
  const pairs = new Map<string, string[]>()
  let count = 0
  return {
    add(did, { collections }) {
      if (count + collections.length > MOST_PAIRS) return false
      count += collections.length
      for (const nsid of collections) {
        const dids = pairs.get(nsid)
        if (dids === undefined) pairs.set(nsid, [did])
        else dids.push(did)
      }
      return true
    },
    batches(relay) {
      const sorted = [...pairs].sort(([a], [b]) => (a < b ? -1 : 1))
      return sorted.map(([collection, dids]) => ({ relay, collection, dids }))
    },
  }
}

export function tooManyPairs(host: string): BackfillError {
  return new BackfillError(
    'TOO_MANY_PAIRS',
    `${host} names more than ${MOST_PAIRS} pairs on one page; those of this repo were not taken.`,
  )
}
