import type { RepoIndex } from '../contracts/repo-index.ts'
import { printable } from '../util/text.ts'

/**
 * The index, from which a repair removes no more than twice as many pairs of a collection as the user was asked about. The
 * answer was to that number: a few more may have come to it since, but a relay that was rebuilt or emptied meanwhile is
 * not what the user said yes to.
 *
 * @param told how many pairs of each collection the question counted
 */
export function guardedIndex(
  index: Required<Pick<RepoIndex, 'listRepos' | 'remove'>>,
  told: ReadonlyMap<string, number>,
): RepoIndex {
  const removed = new Map<string, number>()
  return {
    listRepos: (...call) => index.listRepos(...call),
    async remove(collection, dids, options) {
      const all = (removed.get(collection) ?? 0) + dids.length
      if (all > 2 * (told.get(collection) ?? 0))
        throw new Error(
          `Of ${printable(collection)}, more is surplus by now than you were asked about; the rest was not removed. Verify again.`,
        )
      const outcome = await index.remove(collection, dids, options)
      // Afterwards: a call that found the store unavailable is made again.
      removed.set(collection, all)
      return outcome
    },
  }
}
