import type { FeedStore, RepoToLookUp } from '../contracts/feed-store.ts'
import type { IndexReposEvent, RepoState } from '../contracts/index-repos-events.ts'
import type { IndexSink } from '../contracts/index-sink.ts'
import type { CollectionIndex } from '../contracts/opened-store.ts'
import { InvalidOptionError } from '../errors.ts'
import { createHttpClient, HTTP_OPTIONS, type HttpClient, type HttpOptions } from '../http/client.ts'
import { checkRate } from '../http/pacing.ts'
import { type RetryPolicy, retryPolicy } from '../util/retry.ts'
import { mustHave, type OptionNames, refuseUnknown, wholeNumber } from '../util/validate-options.ts'
import { boundedCache } from './bounded-cache.ts'
import { guardedFetch } from './connection-guard.ts'
import { warnOfHosts } from './crawl-warnings.ts'
import { type HostOptions, hostPattern, hostReader, type ReadHost } from './host-address.ts'
import { checkDidOptions, type DidOptions } from './host-finder.ts'
import { type HostRates, hostRates } from './host-rates.ts'
import { type HostGroup, hostGroups, type SharedLimit } from './shared-limits.ts'

/** Which repos to ask their hosts for, into what, and how. */
export interface IndexReposOptions extends HttpOptions, HostOptions, DidOptions {
  /**
   * The repos, by their DIDs: a list, or a stream that is read as fast as the work goes on, so that millions of them take
   * no memory. Also what {@link FeedStore.listToLookUp} lists: such a repo is written as the end of that look.
   */
  repos: Iterable<string | RepoToLookUp> | AsyncIterable<string | RepoToLookUp>
  /** Where pairs go: what `openPostgres` and `openSqlite` give. */
  store: IndexReposStore
  /**
   * Removes a repo from the collections that it has no more, if its host describes it in full. It needs `store.index`,
   * and is much faster with the index by DID. What a live feed adds meanwhile stays.
   *
   * @default false
   */
  removeMissing?: boolean | undefined
  /**
   * Removes repos from the index that are gone: `true` for those that are `deleted`, `takendown` or `notFound`, or a list
   * of states, of which `deactivated` and `suspended` may come back. It needs `store.index`.
   *
   * @default false
   */
  removeGone?: boolean | readonly GoneState[] | undefined
  /** How many repos are under way at once; most of them wait for their host's turn. @default 100 */
  concurrency?: number | undefined
  /** The most requests to each host that begin in a second. @default 8 */
  requestsPerSecond?: number | undefined
  /**
   * Hosts that share a limit.
   *
   * @default [{ hosts: '*.host.bsky.network', requestsPerSecond: 10 }]: 3,000 requests in 300 s, for each client
   */
  sharedLimits?: readonly SharedLimit[] | undefined
  /** How one request, or one write, is tried again. @default { retries: 5, minDelayMs: 500, maxDelayMs: 60_000 } */
  retry?: Partial<RetryPolicy> | undefined
  /** The time for one attempt at a request, in milliseconds. @default 60_000 */
  timeoutMs?: number | undefined
  /**
   * The most that one answer may hold, in bytes after decompression: that of a repo's host, with the names of its
   * collections. A document of a DID may have 64 KiB.
   *
   * @default 1_048_576 (1 MiB)
   */
  maxBodyBytes?: number | undefined
  /** Stops the run, which rejects with the signal's own reason. */
  signal?: AbortSignal | undefined
  /** Gets every event of the run. When it throws, the run ends with that error. @default a process warning for the first of each fault */
  onEvent?: ((event: IndexReposEvent) => unknown) | undefined
}

/** The states of repos that are gone, for a while or for good. */
export type GoneState = Extract<RepoState, 'deactivated' | 'deleted' | 'notFound' | 'suspended' | 'takendown'>

/** Where repos are written. */
export interface IndexReposStore {
  /** Where the pairs go. */
  readonly sink: IndexSink
  /** For removals. */
  readonly index?: RemovableIndex | undefined
  /** What a live feed keeps: what it told of a repo meanwhile is heeded. */
  readonly feed?: FeedStore | undefined
}

/** What of an index is used for removals. */
export type RemovableIndex = Pick<
  CollectionIndex,
  'collectionsOf' | 'has' | 'listCollections' | 'remove' | 'removeRepo'
>

const OPTIONS: OptionNames<IndexReposOptions> = {
  ...HTTP_OPTIONS,
  allowHosts: true,
  plc: true,
  plcRequestsPerSecond: true,
  resolver: true,
  repos: true,
  store: true,
  removeMissing: true,
  removeGone: true,
  concurrency: true,
  requestsPerSecond: true,
  sharedLimits: true,
  retry: true,
  signal: true,
  onEvent: true,
}

const MEANT = {
  dids: 'repos',
  repo: 'repos',
  sink: 'store',
  index: 'store',
  directory: 'plc',
  remove: 'removeMissing',
  retries: 'retry',
} as const

/** Those that do not come back. */
const GONE: readonly GoneState[] = ['deleted', 'notFound', 'takendown']
const REMOVABLE: readonly unknown[] = [...GONE, 'deactivated', 'suspended'] satisfies GoneState[]

/** The options with nothing left open. */
export interface IndexReposSettings extends IndexReposStore {
  readonly repos: IndexReposOptions['repos']
  readonly removeMissing: boolean
  readonly removeGone: readonly GoneState[]
  readonly concurrency: number
  readonly requestsPerSecond: number
  readonly groups: readonly HostGroup[]
  readonly rates: HostRates
  readonly retry: RetryPolicy
  readonly http: HttpClient
  readonly httpOptions: HttpOptions
  readonly did: DidOptions
  readonly readHost: ReadHost
  /** Whether a host may be reached at public addresses alone: a stranger named it, and `allowHosts` does not. */
  isGuarded(hostname: string): boolean
  /** Whether the requests are made by the runtime's own `fetch`. */
  readonly isOwnFetch: boolean
  readonly signal: AbortSignal | undefined
  readonly onEvent: (event: IndexReposEvent) => unknown
}

/** @throws InvalidOptionError for the first option that cannot be used */
export function indexReposSettingsOf(options: IndexReposOptions): IndexReposSettings {
  refuseUnknown(options, OPTIONS, { meant: MEANT })
  const { repos, store, removeMissing = false, signal, onEvent = warnOfHosts(), retry } = options
  const { fetch, userAgent, timeoutMs = 60_000, maxBodyBytes = 1_048_576 } = options
  const isStream = typeof repos === 'object' && repos !== null
  if (!isStream || !(Symbol.iterator in repos || Symbol.asyncIterator in repos))
    throw new InvalidOptionError('repos', 'a list or a stream of DIDs', repos)
  mustHave('store', store, 'sink', 'a store such as memoryStore() or await openPostgres(url)')
  mustHave('store.sink', store.sink, 'add', 'an IndexSink')
  if (typeof onEvent !== 'function') throw new InvalidOptionError('onEvent', 'a function', onEvent)
  checkDidOptions(options)
  const removeGone = goneStates(options.removeGone)
  if (removeMissing || removeGone.length > 0)
    mustHave('store.index', store.index, 'remove', 'an index that can remove, such as that of openPostgres')
  const reader = guardedReader(options)
  const httpOptions = { fetch: fetch ?? guardedFetch(reader.isGuarded), userAgent, timeoutMs, maxBodyBytes }
  const { plc, plcRequestsPerSecond, resolver } = options
  return {
    sink: store.sink,
    index: store.index,
    feed: store.feed,
    repos,
    removeMissing,
    removeGone,
    concurrency: wholeNumber('concurrency', options.concurrency ?? 100, 1),
    requestsPerSecond: checkRate('requestsPerSecond', options.requestsPerSecond ?? 8),
    groups: hostGroups(options.sharedLimits),
    rates: hostRates(options.fetch),
    retry: retryPolicy({ retries: 5, minDelayMs: 500, ...retry }),
    http: createHttpClient(httpOptions),
    httpOptions,
    did: { plc, plcRequestsPerSecond, resolver },
    ...reader,
    isOwnFetch: fetch === undefined,
    signal,
    onEvent,
  }
}

/** How many hosts that strangers named are remembered. */
const MOST_GUARDED = 50_000

function guardedReader(options: HostOptions): Pick<IndexReposSettings, 'isGuarded' | 'readHost'> {
  const readHost = hostReader(options)
  const allowed = (options.allowHosts ?? []).map((given) => hostPattern('allowHosts', given))
  const guarded = boundedCache<true>(MOST_GUARDED)
  return {
    readHost(given) {
      const read = readHost(given)
      if ('problem' in read) return read
      const url = new URL(read.origin)
      if (!allowed.some((matches) => matches(url))) guarded.set(url.hostname, true)
      return read
    },
    isGuarded: (hostname) => guarded.get(hostname) === true,
  }
}

function goneStates(given: IndexReposOptions['removeGone'] = false): readonly GoneState[] {
  if (given === true) return GONE
  if (given === false) return []
  if (Array.isArray(given) && given.every((state) => REMOVABLE.includes(state))) return given
  throw new InvalidOptionError('removeGone', `true, false or a list of ${REMOVABLE.join(', ')}`, given)
}
