import type { RepoIndex } from '../contracts/repo-index.ts'
import { isBackfillError } from '../errors.ts'
import { advancePosition, type Position } from '../paging/cursor-guard.ts'
import { type AskParts, fetchPage } from '../paging/fetch-page.ts'
import { fetchAhead } from '../paging/prefetch.ts'
import { createOutage } from '../run/patient-store.ts'
import { abortable, childController } from '../util/abort.ts'
import { LONGEST_WAIT_MS, retrying, STORE_PATIENCE } from '../util/retry.ts'

/** The most that the contract of an index allows on a page. */
const INDEX_PAGE = 5_000

export interface ListParts extends AskParts {
  readonly index: RepoIndex
}

/** The DIDs that the relay lists, page by page, one page ahead of the reader; asked for as a backfill does. */
export async function* relayPages(
  collection: string,
  parts: ListParts,
): AsyncGenerator<readonly string[], void, void> {
  const fetching = childController(parts.signal)
  // There is nothing else to do meanwhile, so a long wait is sat out.
  const asking = { ...parts, signal: fetching.signal, longestWaitMs: LONGEST_WAIT_MS }
  const start = startOf(parts.lister.relay, collection)
  const pages = fetchAhead(start, 1, (position) => fetchPage(position, asking))
  try {
    for (let isLast = false; !isLast; ) {
      const group = await pages.take()
      for (const { page } of group) yield page.dids
      isLast = group.at(-1)?.next.cursor === undefined
    }
  } finally {
    fetching.abort()
  }
}

/** The DIDs that the index holds, page by page. */
export async function* indexPages(
  collection: string,
  parts: ListParts,
): AsyncGenerator<readonly string[], void, void> {
  const { index, signal } = parts
  let at = startOf('the index', collection)
  do {
    const request = { cursor: at.cursor, limit: INDEX_PAGE, signal }
    const page = await askIndex(() => index.listRepos(collection, request), parts)
    at = advancePosition(at, page)
    yield page.dids
  } while (at.cursor !== undefined)
}

/** An index that is unavailable is waited for, as a backfill does. */
export function askIndex<T>(
  ask: () => Promise<T>,
  { lister: { relay }, signal, emit }: ListParts,
): Promise<T> {
  const outage = createOutage(relay, emit)
  return retrying(() => outage.watch(abortable(ask(), signal)), {
    ...STORE_PATIENCE,
    signal,
    mayRetry: (error) => isBackfillError(error, 'STORE_UNAVAILABLE'),
    onRetry: outage.tell,
  })
}

/** The beginning of a list; the source and the collection are for its errors. */
export function startOf(relay: string, collection: string): Position {
  return { relay, collection, pages: 0, emptyPages: 0 }
}
