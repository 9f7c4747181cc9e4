/** A progress row as a change left it. */
export interface Change {
  readonly epoch: number
  readonly pages: number
  /** `''` before the first page and once complete. */
  readonly cursor: string
  readonly imported: number
  readonly restarts: number
  readonly completed: boolean
}

/** All that happened to one progress row, in order. */
export interface Walk {
  readonly collection: string
  readonly relay: string
  readonly changes: readonly Change[]
}

export interface HistoryOptions {
  /** Whether a cursor says how many DIDs come before it. */
  readonly exact: boolean
  /** How many DIDs the relay has in this collection. */
  readonly served: number
  /** How many DIDs come before a cursor; nothing for one that the relay never gave. */
  readonly offsetOf: (cursor: string) => number | undefined
}

/** What must not have happened to a progress row, each in a sentence. */
export function historyProblems(walk: Walk, options: HistoryOptions): string[] {
  const problems: string[] = []
  walk.changes.forEach((change, i) => {
    const before = walk.changes[i - 1]
    const found = before === undefined ? [] : stepProblems(before, change, options.exact)
    const place = options.exact ? placeProblems(change, options) : []
    for (const problem of [...found, ...place]) {
      problems.push(`${walk.collection}, epoch ${change.epoch}, page ${change.pages}: ${problem}`)
    }
  })
  return problems
}

function stepProblems(before: Change, after: Change, exact: boolean): string[] {
  const problems: string[] = []
  if (after.epoch < before.epoch) problems.push(`the epoch goes back from ${before.epoch}`)
  if (isNewBeginning(before, after)) {
    if (after.pages !== 0 || after.cursor !== '' || after.imported !== 0) {
      problems.push('a new beginning keeps a part of the walk before')
    }
    return problems
  }
  const pages = after.pages - before.pages
  if (pages < 0) problems.push(`the cursor goes back from page ${before.pages}`)
  if (pages > 0) problems.push(...commitProblems(before, after, exact))
  if (pages === 0) problems.push(...idleProblems(before, after))
  return problems
}

/** A collection that is walked again: its cursor was refused, or it was complete for long. */
function isNewBeginning(before: Change, after: Change): boolean {
  return after.restarts > before.restarts || (before.completed && !after.completed)
}

function commitProblems(before: Change, after: Change, exact: boolean): string[] {
  const problems: string[] = []
  if (after.epoch !== before.epoch) problems.push('committed by somebody who did not hold the claim')
  if (before.completed) problems.push('committed after the last page')
  // Several pages of a list that runs in circles may lead to where they began, before it is noticed.
  const single = after.pages === before.pages + 1
  if (!after.completed && (exact || single) && after.cursor === before.cursor)
    problems.push('pages were counted and the cursor did not move')
  if (after.completed !== (after.cursor === ''))
    problems.push(`complete is ${after.completed} with the cursor "${after.cursor}"`)
  return problems
}

function idleProblems(before: Change, after: Change): string[] {
  const problems: string[] = []
  if (after.completed !== before.completed) problems.push('marked complete without a last page')
  if (after.cursor !== before.cursor) problems.push('the cursor moved without a page')
  if (after.imported !== before.imported) problems.push('DIDs were counted without a page')
  return problems
}

/** Where cursors say how far a walk is, that and the count are one: so no page is skipped, and none counted twice. */
function placeProblems(
  { cursor, completed, imported }: Change,
  { served, offsetOf }: HistoryOptions,
): string[] {
  const offset = completed ? served : offsetOf(cursor)
  if (offset === undefined) return [`the relay never gave the cursor "${cursor}"`]
  return imported === offset ? [] : [`${imported} DIDs counted of ${offset}`]
}
