import type { FeedBatch, FeedStore } from '../../contracts/feed-store.ts'
import type { OpenedStore } from '../../contracts/opened-store.ts'
import type { ProgressStore } from '../../contracts/progress-store.ts'
import {
  type CollectionFilter,
  collectionFilter,
  type FilterOptions,
} from '../../sources/collection-filter.ts'
import { isPattern } from '../../sources/matching.ts'
import { normalNsid } from '../../util/nsid.ts'
import { collectionRows } from '../../util/scopes.ts'
import type { SourceOptions } from '../source-options.ts'
import { UsageError } from '../usage-error.ts'

/**
 * Refuses options by which there is nothing to serve, whatever the relay has. One that has no such collection yet is no
 * mistake: it may get some, and the feed brings them.
 *
 * @throws UsageError
 */
export function mustServeSome({ collection, source, ...filter }: FilterOptions & SourceOptions): void {
  const { isEmpty, wants } = collectionFilter(filter)
  const named = source === undefined ? collection : undefined
  const isNone =
    named !== undefined && named.length > 0 && named.every((nsid) => !isPattern(nsid) && !wants(nsid))
  if (isEmpty || isNone)
    throw new UsageError(
      'There is nothing to serve: --only and --except leave out all that there is. See discover.',
    )
}

/** As {@link filteredByCollections}, once: what the feed brings makes no further collections known. */
export function filteredStore(
  store: OpenedStore,
  filter: CollectionFilter,
): (signal: AbortSignal) => Promise<OpenedStore> {
  let filtered: OpenedStore | undefined
  return async (signal) => {
    filtered ??= await filteredByCollections(store, filter, signal)
    return filtered
  }
}

/**
 * A store whose feed brings only collections that are meant, so that a directory of some collections holds no others.
 *
 * A collection that the index or a run knows already is kept up to date all the same. Without that, one that is complete
 * would lack what the feed told meanwhile, and a pair that was gone and came back would stay gone, once the filter is
 * lifted. One that is not known is read as a whole then.
 */
export async function filteredByCollections(
  store: OpenedStore,
  filter: CollectionFilter,
  signal: AbortSignal,
): Promise<OpenedStore> {
  if (!filter.isSet) return store
  const known = new Set<string>()
  for await (const { nsid } of store.observed.collections({ signal })) known.add(normalNsid(nsid))
  for (const { collection } of collectionRows(await store.progress.list())) known.add(normalNsid(collection))
  const isKept = (collection: string) => filter.wants(collection) || known.has(normalNsid(collection))
  const { feed } = store
  const filtered: FeedStore = {
    ...feed,
    apply: (batch, context) => feed.apply(withCollections(batch, isKept), context),
  }
  return { ...store, feed: filtered }
}

/** The rows of the collections that are meant. */
export function filteredRows(
  { progress }: Pick<OpenedStore, 'progress'>,
  filter: CollectionFilter,
): Pick<ProgressStore, 'list'> {
  return {
    list: async (request) =>
      (await progress.list(request)).filter(({ collection }) => filter.wants(collection)),
  }
}

function withCollections(batch: FeedBatch, isKept: (collection: string) => boolean): FeedBatch {
  const { added, removed, lookedUp } = batch
  return {
    ...batch,
    added: added?.filter(({ collection }) => isKept(collection)),
    // What was never there need not be noted as gone, which would make its collection known.
    removed: removed?.filter(({ collection }) => isKept(collection)),
    lookedUp: lookedUp?.map((repo) => ({ ...repo, collections: repo.collections?.filter(isKept) })),
  }
}
