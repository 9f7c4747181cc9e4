import type { CollectionProgress } from '../../contracts/collection-progress.ts'
import type {
  FeedStore,
  NewcomerPage,
  NewcomerPositions,
  NewcomersRequest,
} from '../../contracts/feed-store.ts'
import type { ProgressStore } from '../../contracts/progress-store.ts'
import type { ServedRepos } from '../../contracts/repo-index.ts'
import { abortable } from '../../util/abort.ts'
import { reposJson } from '../../util/repos-json.ts'
import type { ListBeginning } from '../../util/returning-cursor.ts'
import { isRelayScope, type WorkKind, workKindOf } from '../../util/scopes.ts'
import type { RepoList } from './repo-lists.ts'
import { numberHash } from './text-hash.ts'

/** Where a page begins: in the list, behind what the index gave as its cursor, or behind the list. */
export type Place = { readonly kind: 'list'; readonly at: string } | { readonly kind: 'newcomers' }

/** What a cursor holds for a reader who may come back. */
export interface ReturningPlace {
  readonly place: Place
  readonly begun: ListBeginning
}

export interface ReturningPage {
  readonly json: ServedRepos['json']
  /** Absent on the last page. */
  readonly next?: ReturningPlace | undefined
}

export interface ReturningParts {
  readonly feed: FeedStore
  readonly progress: Pick<ProgressStore, 'list'> | undefined
}

/** A page that is asked for. */
interface Asked {
  readonly list: RepoList
  /** Absent for the first page. */
  readonly from: ReturningPlace | undefined
  readonly limit: number
  readonly signal: AbortSignal | undefined
}

/**
 * How old a cursor becomes, in positions, which are microseconds, before it moves on without a newcomer of its own, lest
 * it falls out of those that are kept: an hour, so that a slow reader does not go round in a busy minute.
 */
const MOVES_ON = 3_600_000_000

/** How long it is believed that the database is still the same one, in milliseconds. */
const KNOWN_MS = 1_000

/** How many pages of newcomers are read in search of one with repos that are still in the collection. */
const MOST_LOOKS = 10

/**
 * The pages of a list for readers who keep the last cursor that they got and ask from there another day.
 *
 * A list is in the order of DIDs, so most of what is new lies before such a reader's place. So a cursor also holds when
 * the list was begun, and behind the end of the list comes what the feed has added since. The last page with repos has
 * a cursor, and the page behind it is empty and has none: the cursor that such a reader keeps is the newest one.
 *
 * The list begins again where what is new cannot be told: the newcomers since then are not kept any more, or the
 * database is another one, or an import has ended since, which may have added any repo.
 */
export function returningReaders({
  feed,
  progress,
}: ReturningParts): (asked: Asked) => Promise<ReturningPage> {
  let rows: Promise<readonly CollectionProgress[]> | undefined
  let known: { readonly series: string; readonly until: number } | undefined

  /** One look for all who ask at the same moment: the rows may be thousands. */
  function progressRows(): Promise<readonly CollectionProgress[]> {
    rows ??= (progress?.list() ?? Promise.resolve([])).finally(() => {
      rows = undefined
    })
    return rows
  }

  /** The rows first: an import that ends later makes the list begin again, and is not taken for known. */
  async function lookNow(list: RepoList, signal: AbortSignal | undefined): Promise<Now> {
    const imports = importsOf(await abortable(progressRows(), signal), list.collections)
    return { ...(await feed.positions({ signal })), imports }
  }

  async function isOfThisDatabase(
    { series }: ListBeginning,
    signal: AbortSignal | undefined,
  ): Promise<boolean> {
    if (known === undefined || known.until < performance.now())
      known = { series: (await feed.positions({ signal })).series, until: performance.now() + KNOWN_MS }
    return series === known.series
  }

  async function page(asked: Asked): Promise<ReturningPage> {
    const { list, from, signal } = asked
    if (from === undefined) return listPage(asked, undefined, beginningNow(await lookNow(list, signal)))
    if (from.place.kind === 'newcomers') {
      const now = await lookNow(list, signal)
      const told = isTold(from.begun, now) ? await newcomersPage(asked, from.begun, now.latest) : undefined
      // The feed may have dropped some of them before they were read.
      if (told !== undefined && isTold(from.begun, { ...now, ...(await feed.positions({ signal })) }))
        return told
      return listPage(asked, undefined, beginningNow(now))
    }
    if (await isOfThisDatabase(from.begun, signal)) return listPage(asked, from.place.at, from.begun)
    return listPage(asked, undefined, beginningNow(await lookNow(list, signal)))
  }

  async function listPage(
    asked: Asked,
    at: string | undefined,
    begun: ListBeginning,
  ): Promise<ReturningPage> {
    const { list, limit, signal } = asked
    const { json, cursor } = await list.page({ cursor: at, limit, signal })
    if (cursor !== undefined) return { json, next: { place: { kind: 'list', at: cursor }, begun } }
    const isEmpty = json.length === EMPTY.length
    if (!isEmpty) return { json, next: { place: BEHIND_THE_LIST, begun } }
    if (at === undefined) return { json }
    return page({ ...asked, from: { place: BEHIND_THE_LIST, begun } })
  }

  async function newcomersPage(
    { list, limit, signal }: Asked,
    begun: ListBeginning,
    latest: number,
  ): Promise<ReturningPage> {
    let position = begun.position
    for (let looks = 0; position < latest && looks < MOST_LOOKS; looks += 1) {
      const request = { after: position, upTo: latest, limit, signal }
      const { dids, readUpTo } = await newcomersOf(feed, list.collections, request)
      position = readUpTo
      if (dids.length === 0) continue
      return { json: reposJson(dids), next: { place: BEHIND_THE_LIST, begun: { ...begun, position } } }
    }
    const goesOn = position < latest || position - begun.position > MOVES_ON
    if (!goesOn) return { json: EMPTY }
    return { json: EMPTY, next: { place: BEHIND_THE_LIST, begun: { ...begun, position } } }
  }

  return page
}

const EMPTY = '[]'
const BEHIND_THE_LIST: Place = { kind: 'newcomers' }

type Now = NewcomerPositions & { readonly imports: number }

function beginningNow({ series, latest, imports }: Now): ListBeginning {
  return { series, position: latest, imports }
}

/** Whether the newcomers that are kept are all that is new since the list was begun. */
function isTold({ series, position, imports }: ListBeginning, now: Now): boolean {
  const isKept = position >= now.forgotten && position <= now.latest
  return series === now.series && isKept && imports === now.imports
}

/** Work whose rows are no collections: its pairs may be of any. */
const ADDING_WORK: readonly (WorkKind | undefined)[] = ['import', 'crawl', 'index']

/**
 * A number that is another one whenever an import has ended that may have added to these collections. It does not tell
 * which is newer, for a clock may have gone back. One that failed has left what its pages brought.
 */
function importsOf(rows: readonly CollectionProgress[], collections: readonly string[]): number {
  const mayHaveAdded = ({ relay, collection }: CollectionProgress) =>
    isRelayScope(relay) ? collections.includes(collection) : ADDING_WORK.includes(workKindOf(relay))
  const ends = rows.filter(mayHaveAdded).flatMap(({ relay, collection, state, pages, completedAt }) => {
    if (state === 'failed') return `${relay} ${collection} failed at ${pages}`
    return completedAt === undefined ? [] : `${relay} ${collection} ${completedAt.getTime()}`
  })
  return ends.length === 0 ? 0 : numberHash(ends.sort().join('\n'))
}

/** The newcomers of all these collections in the order of their positions, each DID once, a page of them. */
async function newcomersOf(
  feed: FeedStore,
  collections: readonly string[],
  request: NewcomersRequest & { readonly limit: number },
): Promise<{ dids: readonly string[]; readUpTo: number }> {
  const pages: NewcomerPage[] = []
  for (const collection of collections) pages.push(await feed.newcomers(collection, request))
  const readUpTo = Math.min(...pages.map((page) => page.readUpTo))
  const found = pages
    .flatMap(({ newcomers }) => newcomers)
    .filter(({ position }) => position <= readUpTo)
    .toSorted((a, b) => a.position - b.position)
  const kept = found.slice(0, request.limit)
  const dids = [...new Set(kept.map(({ did }) => did))]
  return { dids, readUpTo: found.length > kept.length ? (kept.at(-1)?.position ?? readUpTo) : readUpTo }
}
