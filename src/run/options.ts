import type { CollectionSource } from '../contracts/collection-source.ts'
import type { BackfillListener } from '../contracts/events.ts'
import type { IndexSink } from '../contracts/index-sink.ts'
import type { ProgressStore } from '../contracts/progress-store.ts'
import type { RepoLister } from '../contracts/repo-lister.ts'
import { InvalidOptionError } from '../errors.ts'
import { relayLister } from '../relay/relay-lister.ts'
import { type CollectionFilter, collectionFilter } from '../sources/collection-filter.ts'
import { type RetryPolicy, retryPolicy } from '../util/retry.ts'
import {
  MAX_TIMER_MS,
  mustHave,
  type OptionNames,
  refuseUnknown,
  wholeNumber,
} from '../util/validate-options.ts'
import { type CollectionChoice, collectionChoice, isAsked, sourcesOf } from './collections-option.ts'
import type { AskedSource } from './discovery.ts'
import { createIndexLook, type IndexLook } from './index-look.ts'
import { STORE_TIMEOUT_MS } from './patient-store.ts'
import { warnOnce } from './warnings.ts'

/** What to import, from where, into what, and how. */
export interface BackfillOptions {
  /**
   * The relay to read from: a host such as `relay1.us-east.bsky.network`, an http or https URL, or a lister such as
   * `relayLister(host, options)`. Several relays fill one index side by side, each at its own pace: relays differ in
   * what they know. A pair that several of them list is added once.
   */
  relay: string | RepoLister | readonly (string | RepoLister)[]
  /** Where pairs and progress go: what `openPostgres`, `openSqlite` and `memoryStore` give. */
  store: BackfillStore
  /**
   * What to import: NSIDs (`app.bsky.feed.post`), patterns (`app.bsky.*`, or `*` for everything), and sources such as
   * `lexiconGarden()`. NSIDs alone mean only these. Patterns keep what at least one of them matches, of the sources
   * beside them or, without any, of the default sources. NSIDs beside sources or patterns are added.
   *
   * The run always finishes what earlier runs have registered for the relay, except where `only` or `except` leave it
   * out.
   *
   * @default lexicon garden; each relay's own directory, if it answers within ten seconds; the collections that the
   * index holds already (`store.observed`)
   */
  collections?: readonly (string | CollectionSource)[] | undefined
  /**
   * Reads only those of the known collections that one of these NSIDs and patterns (`app.bsky.*`) matches, wherever they
   * come from. What earlier runs have registered and this leaves out stays as it is, and the event `discovered` names it.
   *
   * @default all of them
   */
  only?: readonly string[] | undefined
  /**
   * Leaves out what one of these NSIDs and patterns matches, in the same way. It wins over `only`.
   *
   * @default none of them
   */
  except?: readonly string[] | undefined
  /**
   * How many collections are read at once, each with one request at a time. Today's network has about five times as
   * many pages as its biggest collection (4.5 at 1,000 a page, 5.4 at 10,000), and the pages of one collection come one
   * after the other. So with six, the biggest collection alone decides how long a run takes. More would ask more of the
   * relay and gain nothing.
   *
   * @default 6
   */
  concurrency?: number | undefined
  /**
   * How many pages of each collection may wait for the database before the run stops asking for more. Pages that wait
   * are committed together, as one batch if sink and progress share a database. Four bridge half a second without the
   * database, at 140 ms a page. Up to twice as many are held in memory: a page of 2,000 DIDs takes about 110 kB.
   *
   * @default 4
   */
  pagesAhead?: number | undefined
  /**
   * Begins collections again at the first page that were completed longer than this before the run began, in
   * milliseconds. Absent: what is complete stays complete, but for what `refreshBefore` says.
   */
  refreshAfterMs?: number | undefined
  /**
   * Begins collections again at the first page whose walk began before this moment, also those that are not complete yet,
   * in whichever process: everything that is complete then was read after it. With the time at which a weekly job was
   * planned, all its processes together read each collection once, also those that repeat it after a crash. Beside a live
   * feed it is the `since` of its last event `live` or `gap`. It is compared with times on the store's clock.
   */
  refreshBefore?: Date | undefined
  /**
   * Leaves collections as they are that failed in earlier runs, instead of retrying them. The run ends with an
   * `IncompleteError` that names them.
   *
   * @default false
   */
  keepFailed?: boolean | undefined
  /**
   * Attempts per collection, without a page committed in between, before it is marked failed. The pauses between them
   * grow from `retry.maxDelayMs` to an hour.
   *
   * @default 5
   */
  maxAttempts?: number | undefined
  /** How one request, or one write of a page, is tried again before that counts as an attempt of its collection. */
  retry?: Partial<RetryPolicy> | undefined
  /** How long a silent worker keeps its claim, in milliseconds. @default 60_000 */
  leaseMs?: number | undefined
  /** Stops the run, which rejects with the signal's own reason. */
  signal?: AbortSignal | undefined
  /**
   * Gets every event of the run: see {@link BackfillListener}.
   *
   * @default the first retry, pause and failure of the run are process warnings, once each kind
   */
  onEvent?: BackfillListener | undefined
}

/** Where a run writes. */
export interface BackfillStore {
  /** Where the pairs go. */
  readonly sink: IndexSink
  /** Where cursors and claims are stored. */
  readonly progress: ProgressStore
  /**
   * The collections that the index holds already, for the default of `collections`. It has to name every collection of
   * which the sink was given DIDs: a run that begins resets those that it does not name, since they are gone from the
   * index.
   */
  readonly observed?: CollectionSource | undefined
  /** About what a pair takes on disk, with its key, in bytes: for {@link plan}. */
  readonly bytesPerPair?: number | undefined
}

const OPTIONS: OptionNames<BackfillOptions> = {
  relay: true,
  store: true,
  collections: true,
  only: true,
  except: true,
  concurrency: true,
  pagesAhead: true,
  maxAttempts: true,
  retry: true,
  leaseMs: true,
  refreshAfterMs: true,
  refreshBefore: true,
  keepFailed: true,
  signal: true,
  onEvent: true,
}

/** What goes by another name elsewhere: in the contracts, in other libraries. */
const MEANT = {
  lister: 'relay',
  host: 'relay',
  source: 'relay',
  sources: 'collections',
  sink: 'store',
  progress: 'store',
  database: 'store',
  retries: 'retry',
  hooks: 'onEvent',
} as const

/** What the run over one relay works with, with nothing left open. */
export interface Settings {
  readonly lister: RepoLister
  /** The listers of all relays of the run: a source may ask any of them. */
  readonly listers: readonly RepoLister[]
  readonly sources: readonly AskedSource[]
  /** Absent for a store that does not tell which collections its index holds. */
  readonly look: IndexLook | undefined
  /** Which of the known collections the run is for. */
  readonly filter: CollectionFilter
  /** The collections that were asked for by name. */
  readonly named: readonly string[]
  readonly sink: IndexSink
  readonly progress: ProgressStore
  readonly concurrency: number
  readonly pagesAhead: number
  readonly refreshAfterMs: number | undefined
  readonly refreshBefore: Date | undefined
  readonly keepFailed: boolean
  readonly maxAttempts: number
  readonly retry: RetryPolicy
  readonly leaseMs: number
  /** How long one call to a store may take, in milliseconds, before it is made again. */
  readonly storeTimeoutMs: number
}

/** The options of a run with nothing left open. */
export interface RunSettings {
  /** At least one, each of another name. */
  readonly relays: readonly Settings[]
  readonly signal: AbortSignal | undefined
  readonly onEvent: BackfillListener
}

/** @throws InvalidOptionError for the first option that cannot be used */
export function settingsOf(options: BackfillOptions): RunSettings {
  refuseUnknown(options, OPTIONS, { meant: MEANT })
  const { signal, onEvent = warnOnce(), retry } = options
  const listers = listersOf(options.relay)
  const { sink, progress, observed } = storeOf(options.store)
  const given = collectionChoice(options.collections)
  const filter = collectionFilter(options)
  if (typeof onEvent !== 'function') throw new InvalidOptionError('onEvent', 'a function', onEvent)
  const look = lookOf(
    observed,
    listers.map(({ relay }) => relay),
    given,
  )
  const shared = {
    listers,
    look,
    filter,
    named: given.names,
    sink,
    progress,
    ...refreshOf(options),
    keepFailed: options.keepFailed ?? false,
    concurrency: wholeNumber('concurrency', options.concurrency ?? 6, 1),
    pagesAhead: wholeNumber('pagesAhead', options.pagesAhead ?? 4, 1),
    maxAttempts: wholeNumber('maxAttempts', options.maxAttempts ?? 5, 1),
    retry: retryPolicy(retry),
    leaseMs: wholeNumber('leaseMs', options.leaseMs ?? 60_000, 100, MAX_TIMER_MS),
    storeTimeoutMs: STORE_TIMEOUT_MS,
  }
  const sources = given.sources.map((source) => (look && source === observed ? look.source : source))
  const choice = { ...given, sources }
  const relays = listers.map((lister): Settings => {
    const directories = lister.directory === undefined ? [] : [lister.directory]
    return { ...shared, lister, sources: sourcesOf(choice, { directories, observed: look?.source }) }
  })
  return { relays, signal, onEvent }
}

function lookOf(
  observed: CollectionSource | undefined,
  relays: readonly string[],
  choice: CollectionChoice,
): IndexLook | undefined {
  return observed && createIndexLook(observed, { relays, isSource: isAsked(choice, observed) })
}

/** A lister for each relay. @throws InvalidOptionError for none, and for two of one name */
export function listersOf(given: BackfillOptions['relay']): readonly RepoLister[] {
  const listers = [given].flat().map((relay) => listerOf(relay as string | RepoLister))
  const names = listers.map(({ relay }) => relay)
  if (names.length === 0 || new Set(names).size < names.length)
    throw new InvalidOptionError('relay', 'a relay, or a list of relays that each have another name', names)
  return listers
}

/** A lister for a relay that may be given by its address. @throws InvalidOptionError */
function listerOf(relay: string | RepoLister): RepoLister {
  if (typeof relay === 'string') return relayLister(relay)
  const expected = "a host such as 'relay1.us-east.bsky.network' or a RepoLister such as relayLister(host)"
  mustHave('relay', relay, 'listRepos', expected)
  return relay
}

function storeOf(store: BackfillStore): BackfillStore {
  mustHave('store', store, 'sink', 'a store such as memoryStore() or await openPostgres(url)')
  mustHave('store.sink', store.sink, 'add', 'an IndexSink')
  mustHave('store.progress', store.progress, 'claim', 'a ProgressStore')
  if (store.observed !== undefined)
    mustHave('store.observed', store.observed, 'collections', 'a CollectionSource')
  return store
}

/** @throws InvalidOptionError */
export function refreshOf({
  refreshAfterMs,
  refreshBefore,
}: Pick<BackfillOptions, 'refreshAfterMs' | 'refreshBefore'>): Pick<
  Settings,
  'refreshAfterMs' | 'refreshBefore'
> {
  if (refreshAfterMs !== undefined) wholeNumber('refreshAfterMs', refreshAfterMs, 0)
  if (refreshBefore !== undefined && !(refreshBefore instanceof Date && refreshBefore.getTime() > -Infinity))
    throw new InvalidOptionError('refreshBefore', 'a valid Date', refreshBefore)
  return { refreshAfterMs, refreshBefore }
}
