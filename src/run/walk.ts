import type { PageEvent } from '../contracts/events.ts'
import type { Claim } from '../contracts/progress-store.ts'
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
  const ahead = fetchAhead(position, parts.pagesAhead, (at) => fetchPage(at, asking))
  let claim = start
  try {
    for (;;) {
      const fetched = await ahead.take().catch(throwAsRelayFailure)
      for await (const { claim: next, dids, added, durationMs } of commitPages(claim, fetched, parts)) {
        claim = next
        const { cursor, pages, imported, invalid } = claim
        const completed = cursor === undefined
        const totals = { invalid, cursor, pages, imported, completed }
        yield { event: { type: 'page', relay, collection, dids, added, ...totals, durationMs }, claim }
        if (completed) return
      }
    }
  } finally {
    fetching.abort()
  }
}
