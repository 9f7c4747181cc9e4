import type { PageEvent } from '../contracts/events.ts'
import type { Claim, WalkAnchor } from '../contracts/progress-store.ts'
import { anchorOf, checkAnchor } from '../paging/anchor.ts'
import { type AskParts, fetchPage } from '../paging/fetch-page.ts'
import { fetchAhead } from '../paging/prefetch.ts'
import { childController } from '../util/abort.ts'
import { type CommitParts, commitPages } from './commit.ts'
import { throwAsRelayFailure } from './failure-policy.ts'

export interface WalkParts extends CommitParts, AskParts {
  /** How many pages may wait for the database. */
  readonly pagesAhead: number
}

/** Pages of a walk that are durable, and where it goes on. */
export interface WalkStep {
  readonly event: PageEvent
  readonly claim: Claim
}

/**
 * Walks one claimed collection to its end, a step for each commit. Pages are fetched ahead while others are committed;
 * those that wait are committed together, so that a database which lags has fewer commits to make.
 *
 * Before the first commit of a walk that goes on from an earlier one, and before the commit that completes a walk of
 * several pages, the relay's cursors are checked: see `checkAnchor`.
 *
 * @param held aborts when the claim is lost. It ends the fetching alone: a commit finds out by its fence, and one that has
 * happened is told, though a renewal may have found the collection complete before its answer came.
 */
export async function* walk(
  start: Claim,
  parts: WalkParts,
  held: AbortSignal,
): AsyncGenerator<WalkStep, void, void> {
  const fetching = childController(held)
  const asking = { ...parts, signal: fetching.signal }
  const { relay, collection, cursor, pages, loopGuard } = start
  const position = { relay, collection, cursor, pages, loopGuard, emptyPages: 0 }
  const check = (anchor: WalkAnchor | undefined) =>
    checkAnchor(start, anchor, asking).catch(throwAsRelayFailure)
  let claim = start
  try {
    let anchor = cursor === undefined ? undefined : await check(start.anchor)
    const ahead = fetchAhead(position, parts.pagesAhead, (at) => fetchPage(at, asking))
    for (;;) {
      const fetched = await ahead.take().catch(throwAsRelayFailure)
      if (claim.cursor === undefined) anchor = anchorOf(fetched[0].page)
      // Before the commit: what it completes must be what the relay lists.
      if (anchor !== undefined && fetched.at(-1)?.next.cursor === undefined) await check(anchor)
      for await (const committed of commitPages(claim, fetched, anchor, parts)) {
        const { claim: next, dids, added, flags, durationMs } = committed
        claim = next
        const { cursor, pages, imported, invalid } = claim
        const completed = cursor === undefined
        const totals = { invalid, cursor, pages, imported, completed, ...(flags && { flags }) }
        yield { event: { type: 'page', relay, collection, dids, added, ...totals, durationMs }, claim }
        if (completed) return
      }
    }
  } finally {
    fetching.abort()
  }
}
