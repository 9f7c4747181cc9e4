import type { RepoPage } from '../contracts/repo-lister.ts'
import { CursorLoopError, TooManyEmptyPagesError } from '../errors.ts'

/** Empty pages in a row, each with a cursor, after which a list is taken for endless. */
export const MAX_EMPTY_PAGES = 100

/** Where a walk is: what decides whether the next page makes progress. */
export interface Position {
  readonly relay: string
  readonly collection: string
  /** The cursor of the page before; absent at the beginning. */
  readonly cursor?: string | undefined
  /** The pages before this position. */
  readonly pages: number
  /** The one earlier cursor that is remembered. */
  readonly loopGuard?: string | undefined
  /** The empty pages right before this position. */
  readonly emptyPages: number
}

/**
 * The position after `page`, or an error when the list runs in circles.
 *
 * Brent's algorithm: every new cursor is compared with one remembered cursor, which is replaced on pages 1, 2, 4, 8, …
 * Once the walk is inside a cycle and the gap is as long as the cycle, they meet: no list of seen cursors is needed,
 * and the remembered one is saved with the progress, so that a restart does not begin to search anew.
 */
export function advancePosition(at: Position, page: RepoPage): Position {
  const { relay, collection } = at
  const { cursor } = page
  const number = at.pages + 1
  if (cursor === undefined) return { relay, collection, pages: number, emptyPages: 0 }
  if (cursor === at.cursor || cursor === at.loopGuard) throw new CursorLoopError(relay, collection, cursor)
  const isEmpty = page.dids.length + (page.invalid ?? 0) + (page.inactive ?? 0) === 0
  const emptyPages = isEmpty ? at.emptyPages + 1 : 0
  if (emptyPages >= MAX_EMPTY_PAGES) throw new TooManyEmptyPagesError(relay, collection, cursor, emptyPages)
  const loopGuard = isPowerOfTwo(number) ? cursor : at.loopGuard
  return { relay, collection, cursor, pages: number, loopGuard, emptyPages }
}

function isPowerOfTwo(n: number): boolean {
  return Number.isInteger(Math.log2(n))
}
