import type { KnownCollection } from '../contracts/collection-source.ts'
import type { Emit } from '../contracts/events.ts'
import type { RepoIndex } from '../contracts/repo-index.ts'
import { isBackfillError } from '../errors.ts'
import { advancePosition, type Position } from '../paging/cursor-guard.ts'
import { abortable } from '../util/abort.ts'
import { retrying, STORE_PATIENCE } from '../util/retry.ts'
import { createOutage } from './patient-store.ts'

/** The most that is asked of an index at once; its contract allows twice as much, on a page and in a removal. */
export const INDEX_PAGE = 5_000

/** How an index is read from one end to the other. */
export interface IndexParts {
  readonly index: RepoIndex
  /** The relay, or relays, that events name. */
  readonly relay: string
  readonly signal: AbortSignal
  readonly emit: Emit
}

/** The DIDs that the index holds for a collection, page by page. */
export async function* indexPages(
  collection: string,
  parts: IndexParts,
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

/** The collections that the index holds, in its order; none of one that cannot name them. */
export async function* indexCollections(parts: IndexParts): AsyncGenerator<KnownCollection, void, void> {
  const { index, signal } = parts
  let at = startOf('the index', 'its list of collections')
  do {
    const request = { cursor: at.cursor, signal }
    const page = await askStore(async () => index.listCollections?.(request), parts)
    const nsids = page?.collections.map(({ nsid }) => nsid) ?? []
    at = advancePosition(at, { dids: nsids, cursor: page?.cursor })
    yield* page?.collections ?? []
  } while (at.cursor !== undefined)
}

/** An index, or a sink, that is unavailable is waited for, as a backfill does. */
export function askStore<T>(
  ask: () => Promise<T>,
  { relay, signal, emit }: Pick<IndexParts, 'relay' | 'signal' | 'emit'>,
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
