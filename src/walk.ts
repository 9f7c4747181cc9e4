import type { Position } from './cursor-guard.ts'
import type { BackfillHooks, PageEvent } from './events.ts'
import { blameRelay } from './failure.ts'
import { type FetchedPage, fetchAhead } from './fetch-ahead.ts'
import { fetchPage } from './fetch-page.ts'
import type { IndexSink } from './index-sink.ts'
import type { Claim, PageProgress, ProgressStore } from './progress-store.ts'
import type { RepoLister } from './repo-lister.ts'
import { isFinal, type RetryPolicy, retrying } from './retry.ts'
import { abortable, linkedController } from './time.ts'

/** How long an abort waits for a commit under way: it takes some 30 ms a page, and is whole or absent either way. */
const COMMIT_GRACE_MS = 300

export interface WalkParts {
  readonly lister: RepoLister
  readonly sink: IndexSink
  readonly progress: ProgressStore
  readonly retry: RetryPolicy
  readonly signal: AbortSignal
  /** How many pages may wait for the database. */
  readonly pagesAhead: number
  readonly hooks: BackfillHooks
  /** Runs a call to the stores, waiting while they are unavailable. */
  readonly patiently: <T>(operation: () => Promise<T>) => Promise<T>
}

/**
 * Walks one claimed collection to its end. Each page is yielded once it is durable. Pages are fetched ahead while others
 * are committed; those that wait are committed together where their order allows it, so that a database which lags has
 * fewer commits to make.
 */
export async function* walk(start: Claim, parts: WalkParts): AsyncGenerator<PageEvent, void, void> {
  const { controller, unlink } = linkedController(parts.signal)
  const fetching = { ...parts, signal: controller.signal }
  const pages = fetchAhead({ ...positionOf(start), emptyPages: 0 }, parts.pagesAhead, (position) =>
    fetchPage(position, fetching),
  )
  let claim = start
  try {
    for (;;) {
      for (const group of ascendingGroups(await pages.take().catch(blameRelay))) {
        const { advanced, added } = await commit(claim, group, parts)
        yield* eventsOf(claim, group, added)
        claim = advanced
        if (group.at(-1)?.next.cursor === undefined) return
      }
    }
  } finally {
    controller.abort()
    unlink()
  }
}

/**
 * Pages that may be one commit: each begins behind the end of the one before. A sink writes a page in the order of its
 * DIDs, so a commit of these is in that order from end to end, as everybody's is, and no two wait for each other in a
 * circle: a second relay's, or a live feed's. Where a relay lists in an order of its own, each page is a commit.
 */
function ascendingGroups(pages: readonly FetchedPage[]): FetchedPage[][] {
  const groups: FetchedPage[][] = []
  let end = ''
  for (const fetched of pages) {
    const { dids } = fetched.page
    const group = groups.at(-1)
    if (group !== undefined && dids.every((did) => did > end)) {
      group.push(fetched)
    } else {
      groups.push([fetched])
      end = ''
    }
    end = dids.reduce((greatest, did) => (did > greatest ? did : greatest), end)
  }
  return groups
}

function positionOf({ source, collection, cursor, page, loopGuard }: Claim): Omit<Position, 'emptyPages'> {
  return { source, collection, cursor, page, loopGuard }
}

/**
 * Pairs and cursor: in one transaction where both stores share a database, else the pairs first.
 *
 * @returns the claim for the next page, and how many pairs of each page were new
 */
async function commit(
  claim: Claim,
  group: readonly FetchedPage[],
  parts: WalkParts,
): Promise<{ advanced: Claim; added: readonly number[] }> {
  const { sink, progress, signal, hooks } = parts
  const { source, collection } = claim
  const startedAt = performance.now()
  const change = changeBy(group)
  const shared = sink.database !== undefined && sink.database === progress.database
  const added: number[] = []
  const addFrom = async (first: number, transaction?: unknown): Promise<void> => {
    for (const [index, { page }] of [...group.entries()].slice(first)) {
      const adding = sink.add({ source, collection, dids: page.dids }, { transaction, signal })
      // Here as well, so that a sink which never answers does not keep a transaction open after the run.
      added[index] = (await abortable(adding, signal, COMMIT_GRACE_MS)).added
    }
  }
  const save = async (): Promise<Claim> => {
    if (shared) return progress.advance(claim, change, (transaction) => addFrom(0, transaction))
    // Pairs that are durable stay so while the others, or the cursor, are tried again.
    await addFrom(added.length)
    return progress.advance(claim, change)
  }
  const advanced = await retrying(() => parts.patiently(() => abortable(save(), signal, COMMIT_GRACE_MS)), {
    ...parts.retry,
    signal,
    mayRetry: (error) => !isFinal(error),
    onRetry: (context) => hooks.retry?.({ source, collection, cursor: claim.cursor, ...context }),
  })
  const { pages, imported: dids } = change
  const durationMs = performance.now() - startedAt
  hooks.committed?.({ source, collection, pages, dids, added: sum(added), durationMs })
  return { advanced, added }
}

function changeBy(group: readonly FetchedPage[]): PageProgress {
  const last = group.at(-1)?.next
  return {
    pages: group.length,
    cursor: last?.cursor,
    imported: sum(group.map(({ page }) => page.dids.length)),
    rejected: sum(group.map(({ page }) => page.rejected ?? 0)),
    loopGuard: last?.loopGuard,
  }
}

function* eventsOf(
  { source, collection, page: pagesBefore, imported: importedBefore }: Claim,
  group: readonly FetchedPage[],
  added: readonly number[],
): Generator<PageEvent, void, void> {
  let imported = importedBefore
  for (const [index, { page }] of group.entries()) {
    imported += page.dids.length
    yield {
      source,
      collection,
      dids: page.dids,
      added: added[index] ?? 0,
      rejected: page.rejected ?? 0,
      cursor: page.cursor,
      page: pagesBefore + index + 1,
      imported,
      completed: page.cursor === undefined,
    }
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}
