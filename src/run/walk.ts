import type { PageEvent } from '../contracts/events.ts'
import type { Claim, WalkAnchor } from '../contracts/progress-store.ts'
import { anchorOf, checkAnchor } from '../paging/anchor.ts'
import { type AskParts, fetchPage, listOf } from '../paging/fetch-page.ts'
import { type FetchedPage, fetchAhead } from '../paging/prefetch.ts'
import { childController } from '../util/abort.ts'
import { type CommitParts, type Committed, commitPages } from './commit.ts'
import type { CommitTurns } from './commit-turns.ts'
import { throwAsRelayFailure } from './failure-policy.ts'

export interface WalkParts extends CommitParts, AskParts {
  /** How many pages may wait for the database. */
  readonly pagesAhead: number
}

/** What else has to be known of a page before it is committed. */
export type CompletePage<Page extends FetchedPage> = (page: FetchedPage, signal: AbortSignal) => Promise<Page>

/** Pages of a walk that are durable, and where it goes on. */
export interface WalkStep<Event> {
  readonly event: Event
  readonly claim: Claim
}

/** Walks one claimed collection to its end, a step for each commit. */
export async function* walk(
  start: Claim,
  parts: WalkParts & { readonly turns: CommitTurns },
  held: AbortSignal,
): AsyncGenerator<WalkStep<PageEvent>, void, void> {
  const { relay, collection } = start
  const { inTurn, leave } = parts.turns.enter(start)
  const complete = async (page: FetchedPage) => page
  try {
    const commits = walkPages(start, { parts: { ...parts, inTurn }, held, complete })
    for await (const { claim, pages, added, flags, durationMs } of commits) {
      const { cursor, invalid, imported } = claim
      const dids = pages.flatMap(({ page }) => page.dids)
      const totals = { invalid, cursor, pages: claim.pages, imported, completed: cursor === undefined }
      const event: PageEvent = { type: 'page', relay, collection, dids, added, ...totals, durationMs }
      yield { event: flags === undefined ? event : { ...event, flags }, claim }
    }
  } finally {
    leave()
  }
}

interface PageWalk<Page extends FetchedPage> {
  readonly parts: WalkParts
  /**
   * Aborts when the claim is lost. It ends the fetching alone: a commit finds out by its fence, and one that has happened
   * is told, though a renewal may have found the collection complete before its answer came.
   */
  readonly held: AbortSignal
  readonly complete: CompletePage<Page>
}

/**
 * Walks one claimed list to its end. Pages are fetched ahead while others are committed; those that wait are committed
 * together, so that a database which lags has fewer commits to make.
 *
 * Before the first commit of a walk that goes on from an earlier one, and before the commit that completes a walk of
 * several pages, the relay's cursors are checked: see `checkAnchor`.
 */
export async function* walkPages<Page extends FetchedPage>(
  start: Claim,
  { parts, held, complete }: PageWalk<Page>,
): AsyncGenerator<Committed<Page>, void, void> {
  const fetching = childController(held)
  const { signal } = fetching
  const asking = { ...parts, signal }
  const position = { ...listOf(start, parts), ...placeOf(start) }
  const check = (anchor: WalkAnchor | undefined) =>
    checkAnchor(position, anchor, asking).catch(throwAsRelayFailure)
  let claim = start
  try {
    let anchor = start.cursor === undefined ? undefined : await check(start.anchor)
    const ahead = fetchAhead(position, parts.pagesAhead, (at) => fetchPage(at, asking))
    for (;;) {
      const fetched = await ahead.take().catch(throwAsRelayFailure)
      if (claim.cursor === undefined) anchor = anchorOf(fetched[0].page)
      // Before the commit: what it completes must be what the relay lists.
      if (anchor !== undefined && fetched.at(-1)?.next.cursor === undefined) await check(anchor)
      const pages: Page[] = []
      for (const page of fetched) pages.push(await complete(page, signal).catch(throwAsRelayFailure))
      for await (const committed of commitPages(claim, pages, anchor, parts)) {
        claim = committed.claim
        yield committed
        if (claim.cursor === undefined) return
      }
    }
  } finally {
    fetching.abort()
  }
}

/** Where a claimed walk goes on. */
function placeOf({ cursor, pages, loopGuard }: Claim) {
  return { cursor, pages, loopGuard, emptyPages: 0 }
}
