import type { PageEvent } from '../contracts/events.ts'
import type { Claim } from '../contracts/progress-store.ts'
import type { RepoLister } from '../contracts/repo-lister.ts'
import type { Position } from '../paging/cursor-guard.ts'
import { fetchPage } from '../paging/fetch-page.ts'
import { fetchAhead } from '../paging/prefetch.ts'
import { linkedController } from '../util/abort.ts'
import { type CommitParts, type Committed, committing } from './commit.ts'
import { blameRelay } from './failure-policy.ts'

export interface WalkParts extends CommitParts {
  readonly lister: RepoLister
  /** How many pages may wait for the database. */
  readonly pagesAhead: number
}

/**
 * Walks one claimed collection to its end. Each page is yielded once it is durable. Pages are fetched ahead while others
 * are committed; those that wait are committed together, so that a database which lags has fewer commits to make.
 */
export async function* walk(start: Claim, parts: WalkParts): AsyncGenerator<PageEvent, void, void> {
  const { controller, unlink } = linkedController(parts.signal)
  const fetching = { ...parts, signal: controller.signal }
  const pages = fetchAhead({ ...positionOf(start), emptyPages: 0 }, parts.pagesAhead, (position) =>
    fetchPage(position, fetching),
  )
  const commit = committing(parts)
  let claim = start
  try {
    for (;;) {
      for await (const committed of commit(claim, await pages.take().catch(blameRelay))) {
        yield* eventsOf(claim, committed)
        claim = committed.claim
        if (committed.pages.at(-1)?.next.cursor === undefined) return
      }
    }
  } finally {
    controller.abort()
    unlink()
  }
}

function positionOf({ relay, collection, cursor, pages, loopGuard }: Claim): Omit<Position, 'emptyPages'> {
  return { relay, collection, cursor, pages, loopGuard }
}

function* eventsOf(
  { relay, collection, pages: pagesBefore, imported: importedBefore }: Claim,
  { pages, added }: Committed,
): Generator<PageEvent, void, void> {
  let imported = importedBefore
  for (const [index, { page }] of pages.entries()) {
    imported += page.dids.length
    yield {
      relay,
      collection,
      dids: page.dids,
      added: added[index] ?? 0,
      invalid: page.invalid ?? 0,
      cursor: page.cursor,
      pages: pagesBefore + index + 1,
      imported,
      completed: page.cursor === undefined,
    }
  }
}
