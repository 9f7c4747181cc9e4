import type { CollectionProgress } from '../contracts/collection-progress.ts'
import type { OpenedStore } from '../contracts/opened-store.ts'
import { isHostRow } from '../crawl/crawl-scopes.ts'
import type { CollectionFilter } from '../sources/collection-filter.ts'
import { normalNsid } from '../util/nsid.ts'
import { collectionRows } from '../util/scopes.ts'
import type { VerificationSummary } from '../verify/verification-report.ts'
import { UsageError } from './usage-error.ts'

/** A collection of a relay that the index cannot be taken to be equal in, whatever the comparison finds. */
export type Unsettled = Pick<CollectionProgress, 'relay' | 'collection' | 'state' | 'flags'>

/** What a verification is about. */
export interface VerifyWork {
  /** What is compared, with the sizes that are expected. */
  readonly collections: ReadonlyMap<string, number>
  /** Not complete at one of the relays, or complete and flagged. */
  readonly unsettled: readonly Unsettled[]
  /** How many collections are not compared, because the index cannot be complete in them yet. */
  readonly leftOut: number
  /** Other relays that collections were imported from: what only they list shows as surplus. */
  readonly otherRelays: readonly string[]
  /** How many hosts the index was filled from by a crawl: what the relays do not know of these shows as surplus. */
  readonly crawledHosts: number
  /** Entries of `--only` and `--except` that match nothing. */
  readonly unmatched: readonly string[]
}

/**
 * What is named; else what the runs over these relays have completed; else, where there was none, all that the index
 * holds; of that, what the filter leaves.
 *
 * @throws UsageError when that is nothing
 */
export async function verifyWorkFor(
  relays: readonly string[],
  store: OpenedStore,
  named: readonly string[] | undefined,
  filter: CollectionFilter,
): Promise<VerifyWork> {
  const rows = await store.progress.list()
  const every = collectionRows(rows)
  const all = every.filter(({ collection }) => filter.wants(collection))
  const known = all.filter(({ relay }) => relays.includes(relay))
  const unsettled = known.filter(isUnsettled)
  const open = new Set(
    unsettled.filter(({ state }) => state !== 'complete').map(({ collection }) => collection),
  )
  const registered = new Set(known.map(({ collection }) => collection))
  // Rows of an earlier version may have capital letters in the authority.
  const meant = named?.map((nsid) => (registered.has(nsid) ? nsid : normalNsid(nsid)))
  const isRegistered = every.some(({ relay }) => relays.includes(relay))
  const found = meant ?? (isRegistered ? [...registered.difference(open)] : await namesIn(store))
  const unmatched = filter.unmatched([...found, ...every.map(({ collection }) => collection)])
  const names = found.filter(filter.wants)
  const collections = new Map(names.map((nsid) => [nsid, importedOf(nsid, known)]))
  if (collections.size === 0 && open.size === 0) throw new UsageError(nothingText(filter))
  const isMeant = ({ collection }: Unsettled) => named === undefined || collections.has(collection)
  const others = all.filter(
    ({ relay, collection, imported }) =>
      !relays.includes(relay) && imported > 0 && collections.has(collection),
  )
  return {
    collections,
    unsettled: unsettled.filter(isMeant),
    leftOut: named === undefined ? open.size : 0,
    otherRelays: [...new Set(others.map(({ relay }) => relay))],
    crawledHosts: rows.filter((row) => isHostRow(row) && row.imported > 0).length,
    unmatched,
  }
}

function nothingText({ isSet }: CollectionFilter): string {
  return isSet
    ? 'There is nothing to compare: --only and --except leave out all that there is. See discover.'
    : 'There is nothing to compare: the index is empty. Run first.'
}

/** That cursors changed their meaning may have left surplus, and that is just what a comparison shows. */
function isUnsettled({ state, flags }: CollectionProgress): boolean {
  return state !== 'complete' || flags.some((flag) => flag !== 'cursorsChanged')
}

function importedOf(nsid: string, known: readonly CollectionProgress[]): number {
  return Math.max(0, ...known.filter(({ collection }) => collection === nsid).map(({ imported }) => imported))
}

async function namesIn(store: OpenedStore): Promise<string[]> {
  return (await Array.fromAsync(store.observed.collections())).map(({ nsid }) => nsid)
}

/** What a verification came to that looked at everything. */
export interface JudgedEnd {
  /** `incomplete`: no difference was found, but not everything can be there yet. */
  readonly outcome: 'equal' | 'repaired' | 'incomplete' | 'different'
  readonly exitCode: number
  /** Collections that are not complete, or flagged. */
  readonly unsettled: readonly Unsettled[]
  /** How many of them were not compared. */
  readonly leftOut: number
  /** What the relays list together, compared with the index. */
  readonly relays: readonly [VerificationSummary]
}
