import type { CollectionProgress } from '../contracts/collection-progress.ts'
import type { KnownCollection } from '../contracts/collection-source.ts'
import type { DiscoveredEvent } from '../contracts/events.ts'
import { InvalidOptionError } from '../errors.ts'
import type { CollectionFilter } from '../sources/collection-filter.ts'

/** Which collections of a relay a run is for. Without `only` and `except`: all, also what other runs register. */
export interface RunScope extends CollectionFilter {
  /**
   * Their names, as far as they were taken by now; undefined for all. A store is asked for work of these alone, so that
   * nothing is claimed that the run would not read.
   */
  names(): readonly string[] | undefined
  /** Takes those of the known collections that the run is for. */
  takeKnown(collections: readonly KnownCollection[]): KnownCollection[]
  /** Takes those of the rows that the run is for. */
  takeRows(rows: readonly CollectionProgress[]): CollectionProgress[]
}

export function createRunScope(filter: CollectionFilter): RunScope {
  const names = new Set<string>()
  const take = (nsid: string) => {
    const isWanted = filter.wants(nsid)
    if (isWanted) names.add(nsid)
    return isWanted
  }
  return {
    ...filter,
    names: () => (filter.isSet ? [...names] : undefined),
    takeKnown: (collections) => collections.filter(({ nsid }) => take(nsid)),
    takeRows: (rows) => rows.filter(({ collection }) => take(collection)),
  }
}

/**
 * What there is to say of what `only` and `except` leave out.
 *
 * @param known what the sources know, before anything is left out
 * @throws InvalidOptionError when they leave out everything that there is
 */
export function leftOutBy(
  filter: CollectionFilter,
  known: readonly KnownCollection[],
  rows: readonly CollectionProgress[],
): Pick<DiscoveredEvent, 'leftOut' | 'unmatched'> {
  if (!filter.isSet) return {}
  const names = [...known.map(({ nsid }) => nsid), ...rows.map(({ collection }) => collection)]
  if (names.length > 0 && !names.some(filter.wants)) {
    const message = `only and except leave out every collection that is known: all ${names.length} of them.`
    throw new InvalidOptionError('only', '', undefined, message)
  }
  const leftOut = rows.filter(({ state, collection }) => state !== 'complete' && !filter.wants(collection))
  const unmatched = filter.unmatched(names)
  return {
    ...(leftOut.length > 0 && { leftOut: leftOut.map(({ collection }) => collection) }),
    ...(unmatched.length > 0 && { unmatched }),
  }
}
