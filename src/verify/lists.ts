import type { RepoIndex } from '../contracts/repo-index.ts'
import type { RepoLister } from '../contracts/repo-lister.ts'
import { isBackfillError } from '../errors.ts'
import { anchorOf, checkAnchor } from '../paging/anchor.ts'
import { advancePosition, type Position } from '../paging/cursor-guard.ts'
import { type AskParts, fetchPage } from '../paging/fetch-page.ts'
import { fetchAhead } from '../paging/prefetch.ts'
import { createOutage } from '../run/patient-store.ts'
import { abortable, childController } from '../util/abort.ts'
import { LONGEST_WAIT_MS, retrying, STORE_PATIENCE } from '../util/retry.ts'

/** The most that is asked of an index at once; its contract allows twice as much, on a page and in a removal. */
const INDEX_PAGE = 5_000

export interface ListParts extends Omit<AskParts, 'lister'> {
  /** At least one. What they list together is what there is. */
  readonly listers: readonly RepoLister[]
  readonly index: RepoIndex
}

/** The DIDs that the relays list, one relay after the other, page by page. */
export async function* relayPages(
  collection: string,
  parts: ListParts,
): AsyncGenerator<readonly string[], void, void> {
  for (const lister of parts.listers) yield* pagesOfRelay(lister, collection, parts)
}

/**
 * What one relay lists, one page ahead of the reader; asked for as a backfill does.
 *
 * @throws CursorsChangedError at the end of a list of several pages whose cursors changed their meaning on the way: what
 * such a list lacks is not surplus in the index
 */
async function* pagesOfRelay(
  lister: RepoLister,
  collection: string,
  parts: ListParts,
): AsyncGenerator<readonly string[], void, void> {
  const fetching = childController(parts.signal)
  // There is nothing else to do meanwhile, so a long wait is sat out.
  const asking = { ...parts, lister, signal: fetching.signal, longestWaitMs: LONGEST_WAIT_MS }
  const start = startOf(lister.relay, collection)
  const pages = fetchAhead(start, 1, (position) => fetchPage(position, asking))
  try {
    let group = await pages.take()
    const anchor = anchorOf(group[0].page)
    for (;;) {
      for (const { page } of group) yield page.dids
      if (group.at(-1)?.next.cursor === undefined) break
      group = await pages.take()
    }
    if (anchor !== undefined) await checkAnchor(start, anchor, asking)
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
    const page = await askStore(() => index.listRepos(collection, request), parts)
    at = advancePosition(at, page)
    yield page.dids
  } while (at.cursor !== undefined)
}

/** An index, or a sink, that is unavailable is waited for, as a backfill does. */
export function askStore<T>(ask: () => Promise<T>, { listers, signal, emit }: ListParts): Promise<T> {
  const outage = createOutage(namesOf(listers), emit)
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

/** The relays by their names, as reports have them. */
export function namesOf(listers: readonly RepoLister[]): string {
  return listers.map(({ relay }) => relay).join(', ')
}
