import type { CollectionProgress } from '../contracts/progress-store.ts'
import type { CollectionCounts } from './snapshot.ts'

/**
 * What a collection costs beside its pairs (a claim, a request, a commit), counted in pairs. Measured on the demo,
 * where a page of 2,000 takes some seven times as long as an empty one; only the end of a run, all small collections,
 * depends on it.
 */
const WORK_OF_A_COLLECTION = 300

/** The rows of a run and their sums, kept with each change, so that reading the sums costs nothing. */
export interface Tally {
  /** Makes a row where there is none. */
  change(collection: string, fields: Partial<CollectionProgress>): void
  row(collection: string): CollectionProgress | undefined
  rows(): readonly CollectionProgress[]
  /** Rises with every change; {@link Tally.changedAt} tells the number of a row's last one. */
  readonly changes: number
  changedAt(collection: string): number
  counts(): CollectionCounts
  readonly pairs: number
  readonly invalid: number
  /** The pairs in the end, by the estimates; nothing where most collections have none. */
  expectedPairs(): number | undefined
  /** What is done, in pairs: those of the rows, and what their collections cost beside them. */
  readonly workDone: number
  /**
   * What there is to do in all, in pairs as {@link Tally.workDone}; nothing where most collections have no estimate.
   */
  workInAll(): number | undefined
}

interface Sums {
  total: number
  complete: number
  running: number
  pending: number
  failed: number
  retrying: number
  pairs: number
  invalid: number
  /** Rows with an estimate, and the pairs that are expected of all rows. */
  estimated: number
  expected: number
}

export function createTally(relay: string): Tally {
  const rows = new Map<string, CollectionProgress>()
  const changed = new Map<string, number>()
  const sums: Sums = {
    total: 0,
    complete: 0,
    running: 0,
    pending: 0,
    failed: 0,
    retrying: 0,
    pairs: 0,
    invalid: 0,
    estimated: 0,
    expected: 0,
  }
  let changes = 0

  /** A directory that counts leaves out what hardly anybody has: where most have an estimate, the others are small. */
  const isEstimated = () => sums.estimated > 0 && sums.estimated * 2 >= sums.total

  return {
    change(collection, fields) {
      const before = rows.get(collection)
      const after = { ...(before ?? emptyRow(relay, collection)), ...fields }
      if (before !== undefined) addTo(sums, before, -1)
      addTo(sums, after, 1)
      rows.set(collection, after)
      changes += 1
      changed.set(collection, changes)
    },
    row: (collection) => rows.get(collection),
    rows: () => [...rows.values()],
    get changes() {
      return changes
    },
    changedAt: (collection) => changed.get(collection) ?? 0,
    counts() {
      const { total, complete, running, pending, retrying, failed } = sums
      return { total, complete, running, pending, retrying, failed }
    },
    get pairs() {
      return sums.pairs
    },
    get invalid() {
      return sums.invalid
    },
    expectedPairs: () => (isEstimated() ? sums.expected : undefined),
    get workDone() {
      return sums.pairs + sums.complete * WORK_OF_A_COLLECTION
    },
    workInAll: () => (isEstimated() ? sums.expected + sums.total * WORK_OF_A_COLLECTION : undefined),
  }
}

function addTo(sums: Sums, row: CollectionProgress, sign: 1 | -1): void {
  const { state, imported, invalid, estimatedRepos, attempts } = row
  sums.total += sign
  sums[state] += sign
  if (state === 'pending' && attempts > 0) sums.retrying += sign
  sums.pairs += sign * imported
  sums.invalid += sign * invalid
  if (estimatedRepos !== undefined) sums.estimated += sign
  sums.expected += sign * (state === 'complete' ? imported : Math.max(estimatedRepos ?? 0, imported))
}

function emptyRow(relay: string, collection: string): CollectionProgress {
  return { relay, collection, state: 'pending', pages: 0, imported: 0, invalid: 0, attempts: 0, flags: [] }
}
