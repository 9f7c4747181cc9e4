import type { CollectionProgress } from '../contracts/collection-progress.ts'
import { ASSUMED_PAGE_SIZE } from '../util/page-limit.ts'

/**
 * How much is done, counted in requests for pages: that is what a run spends its time on, and the smallest collection
 * costs one. It follows from the rows of the progress store alone, so that a terminal, a page and the next process tell
 * the same.
 */
export interface Work {
  /** Requests whose pages are durable, in the current walk of each collection. */
  readonly requestsDone: number
  /**
   * Requests that are left, by the sizes of the collections; at least one for each that is not complete, failed ones
   * included.
   */
  readonly requestsLeft: number
  /**
   * The part of the requests that is done, from 0 to 1, and 1 only when every collection is complete. Absent unless the
   * sizes are `known`: show a bar without an end then, and how many collections are complete.
   */
  readonly fraction?: number | undefined
  /** What is imported in the end, in DIDs. Absent as `fraction` is. */
  readonly expected?: number | undefined
  /**
   * - `known`: for at least half of the collections there is an estimate, and what was read agrees with the estimates.
   *   Those without one are too small for a directory, and cost one request
   * - `unknown`: for fewer
   * - `tooLow`: what was read is much more than was estimated: nothing tells how much is left, only that it is more
   * - `tooHigh`: what was read is much less than was estimated
   */
  readonly sizes: 'known' | 'unknown' | 'tooLow' | 'tooHigh'
}

/** A collection that is neither complete nor failed, and the requests that it takes yet. */
export interface OpenCollection {
  readonly row: CollectionProgress
  readonly requestsLeft: number
  /** It has as many DIDs as were expected, and is not at its end. */
  readonly isExceeded: boolean
}

/** What there is to do, and what of it is open. */
export interface WorkPlan {
  readonly work: Work
  readonly open: readonly OpenCollection[]
}

/** Estimates count as wrong when what was read is off by this many requests and by this part of them. */
const WRONG_BY = { requests: 5, part: 0.25 }
/** The same for one collection that is not at its end: it may be a little larger than when it was counted. */
const EXCEEDED_BY = { requests: 2, part: 0.02 }

/** How much of the work is done, told from rows alone: see {@link Work}. */
export function workOf(rows: Iterable<CollectionProgress>): Work {
  return planOf([...rows]).work
}

/** How much of one collection is done, from 0 to 1; nothing where its size is not known, or was exceeded. */
export function fractionOf(
  row: Pick<CollectionProgress, 'state' | 'imported' | 'estimatedRepos'>,
): number | undefined {
  const { state, imported, estimatedRepos } = row
  if (state === 'complete') return 1
  if (estimatedRepos === undefined || estimatedRepos === 0 || imported > estimatedRepos) return undefined
  return imported / estimatedRepos
}

export function planOf(rows: readonly CollectionProgress[]): WorkPlan {
  const pageSize = pageSizeOf(rows)
  const open: OpenCollection[] = []
  const sums = { done: 0, left: 0, expected: 0, estimated: 0, unsized: 0, complete: 0 }
  /** What was expected of collections that are read to their end or beyond what was expected, and what came. */
  const read = { told: 0, found: 0, beyond: 0 }
  for (const row of rows) {
    const { state, pages, imported, estimatedRepos } = row
    const isComplete = state === 'complete'
    const told = Math.max(1, Math.ceil((estimatedRepos ?? 0) / pageSize))
    const done = requestsDone(row, pageSize)
    const left = isComplete ? 0 : Math.max(1, Math.ceil(((estimatedRepos ?? 0) - imported) / pageSize))
    const isExceeded = !isComplete && pages > 0 && imported >= (estimatedRepos ?? 0)
    sums.done += done
    sums.left += left
    sums.expected += isComplete ? imported : Math.max(imported, estimatedRepos ?? 0)
    if (estimatedRepos !== undefined) sums.estimated += 1
    else if (!isComplete) sums.unsized += 1
    if (isComplete) sums.complete += 1
    if (isExceeded || (isComplete && estimatedRepos !== undefined)) {
      read.told += told
      read.found += done
    }
    if (isExceeded) read.beyond += done - told
    if (state === 'pending' || state === 'running') open.push({ row, requestsLeft: left, isExceeded })
  }
  // A directory that counts leaves out what hardly any repo has: where most have an estimate, the others are small.
  const isUnsized = sums.unsized > 0 && sums.estimated * 2 < rows.length
  const sizes = isUnsized ? 'unknown' : sizesBy(read, sums.done + sums.left)
  const isKnown = sizes === 'known' && rows.length > 0
  const fraction = sums.complete === rows.length ? 1 : sums.done / (sums.done + sums.left)
  const work: Work = {
    requestsDone: sums.done,
    requestsLeft: sums.left,
    fraction: isKnown ? fraction : undefined,
    expected: isKnown ? sums.expected : undefined,
    sizes: rows.length === 0 ? 'unknown' : sizes,
  }
  return { work, open }
}

function sizesBy(
  { told, found, beyond }: { told: number; found: number; beyond: number },
  total: number,
): Work['sizes'] {
  if (beyond > Math.max(EXCEEDED_BY.requests, EXCEEDED_BY.part * total)) return 'tooLow'
  const off = found - told
  if (Math.abs(off) < WRONG_BY.requests || Math.abs(off) < WRONG_BY.part * Math.min(told, found))
    return 'known'
  return off > 0 ? 'tooLow' : 'tooHigh'
}

/** A row taken over from another program may have DIDs and no pages. */
function requestsDone({ state, pages, imported }: CollectionProgress, pageSize: number): number {
  return Math.max(pages, pages > 0 ? 0 : Math.ceil(imported / pageSize), state === 'complete' ? 1 : 0)
}

/**
 * What a page holds, told from the pages that had another one behind them; of a complete list, the last is taken for
 * half full.
 */
function pageSizeOf(rows: readonly CollectionProgress[]): number {
  let entries = 0
  let pages = 0
  for (const row of rows) {
    if (row.pages === 0 || (row.pages === 1 && row.state === 'complete')) continue
    entries += row.imported + row.invalid
    pages += row.state === 'complete' ? row.pages - 0.5 : row.pages
  }
  return entries > 0 ? entries / pages : ASSUMED_PAGE_SIZE
}
