import pLimit from 'p-limit'
import type { CrawlListener } from '../contracts/crawl-events.ts'
import type { HostSource } from '../contracts/host-source.ts'
import type { IndexSink } from '../contracts/index-sink.ts'
import type { ProgressStore } from '../contracts/progress-store.ts'
import { InvalidOptionError } from '../errors.ts'
import { createHttpClient, HTTP_OPTIONS, type HttpClient, type HttpOptions } from '../http/client.ts'
import { checkRate, type Places } from '../http/pacing.ts'
import { refreshOf } from '../run/options.ts'
import { STORE_TIMEOUT_MS } from '../run/patient-store.ts'
import { type RetryPolicy, retryPolicy } from '../util/retry.ts'
import {
  MAX_TIMER_MS,
  mustHave,
  type OptionNames,
  refuseUnknown,
  wholeNumber,
} from '../util/validate-options.ts'
import { guardedFetch } from './connection-guard.ts'
import { warnOfHosts } from './crawl-warnings.ts'
import { type HostRates, hostRates } from './host-rates.ts'
import { createHostRules, DENIED_BY_DEFAULT, type HostRules } from './host-rules.ts'
import { type HostGroup, hostGroups, type SharedLimit } from './shared-limits.ts'

/** Which hosts to crawl, into what, and how. */
export interface CrawlOptions extends HttpOptions {
  /**
   * The hosts: names (`pds.example`), http or https URLs, and sources such as `hostsOf(relay)`. The crawl also finishes
   * what earlier ones have registered in the store.
   */
  hosts: string | HostSource | readonly (string | HostSource)[]
  /** Where pairs and progress go: what `openPostgres`, `openSqlite` and `memoryStore` give. */
  store: CrawlStore
  /**
   * Hosts that are not crawled though a source names them: `pds.example`, `*.example`. A host that `hosts` names itself
   * is crawled all the same.
   *
   * @default ['*.host.bsky.network']: a relay imports these far faster than they can be crawled
   */
  denyHosts?: readonly string[] | undefined
  /**
   * Hosts that are crawled in spite of `denyHosts`, of what a relay says of them (`offline`, `banned`), of an address of a
   * private network, or of being asked without TLS: `localhost`, `127.0.0.1:2583`, `*.internal`, `10.*`.
   *
   * @default []
   */
  allowHosts?: readonly string[] | undefined
  /** How many hosts are asked at once, by this process. @default 100 */
  concurrency?: number | undefined
  /** The most requests to each host that begin in a second. Other programs that ask hosts do as many. @default 8 */
  requestsPerSecond?: number | undefined
  /**
   * Hosts that share a limit. One process at a time asks those of a group, and keeps the pace over all of them.
   *
   * @default [{ hosts: '*.host.bsky.network', requestsPerSecond: 10 }]: 3,000 requests in 300 s, for each client
   */
  sharedLimits?: readonly SharedLimit[] | undefined
  /**
   * How many repos to ask a host for in a page, from 1 to 1,000. A crash costs as many requests again, for each host that
   * is under way: a minute at eight a second.
   *
   * @default 500
   */
  pageSize?: number | undefined
  /** How long a host that cannot be reached is set aside, in milliseconds. @default 1_800_000, half an hour */
  setAsideMs?: number | undefined
  /**
   * Attempts per host, without a page committed in between, before it is marked failed.
   *
   * @default 5
   */
  maxAttempts?: number | undefined
  /** Crawls hosts again that were completed longer than this before, in milliseconds. Absent: not again. */
  refreshAfterMs?: number | undefined
  /** Crawls hosts again, from their first page, whose crawl began before this moment, also where it has not ended yet. */
  refreshBefore?: Date | undefined
  /** Leaves hosts as they are that failed in earlier crawls, instead of retrying them. @default false */
  keepFailed?: boolean | undefined
  /**
   * How one request, or one write of a page, is tried again before that counts as an attempt of its host.
   *
   * @default { retries: 5, minDelayMs: 500, maxDelayMs: 60_000 }, half a minute
   */
  retry?: Partial<RetryPolicy> | undefined
  /** How long a silent worker keeps its claim, in milliseconds. @default 60_000 */
  leaseMs?: number | undefined
  /**
   * The time for one attempt at a request, in milliseconds. Some hosts take 20 s for a page of their list.
   *
   * @default 60_000
   */
  timeoutMs?: number | undefined
  /** Stops the crawl, which rejects with the signal's own reason. */
  signal?: AbortSignal | undefined
  /** Gets every event of the crawl: see {@link CrawlListener}. @default a process warning for the first of each fault */
  onEvent?: CrawlListener | undefined
}

/** Where a crawl writes. */
export interface CrawlStore {
  /** Where the pairs go. */
  readonly sink: IndexSink
  /** Where cursors and claims are stored. */
  readonly progress: ProgressStore
}

const OPTIONS: OptionNames<CrawlOptions> = {
  ...HTTP_OPTIONS,
  hosts: true,
  store: true,
  denyHosts: true,
  allowHosts: true,
  concurrency: true,
  requestsPerSecond: true,
  sharedLimits: true,
  pageSize: true,
  setAsideMs: true,
  maxAttempts: true,
  refreshAfterMs: true,
  refreshBefore: true,
  keepFailed: true,
  retry: true,
  leaseMs: true,
  signal: true,
  onEvent: true,
}

const MEANT = {
  host: 'hosts',
  relay: 'hosts',
  deny: 'denyHosts',
  allow: 'allowHosts',
  sink: 'store',
  progress: 'store',
  retries: 'retry',
  limit: 'pageSize',
} as const

/** The most requests that a crawl has under way at once, whomever they are for: so many sockets it takes. */
const REQUESTS_AT_ONCE = 500

/** The options of a crawl with nothing left open. */
export interface CrawlSettings extends CrawlStore {
  readonly named: readonly string[]
  readonly sources: readonly HostSource[]
  readonly rules: HostRules
  /** Whether the requests are made by the runtime's own `fetch`. */
  readonly isOwnFetch: boolean
  readonly groups: readonly HostGroup[]
  readonly rates: HostRates
  readonly http: HttpClient
  readonly places: Places
  readonly concurrency: number
  readonly requestsPerSecond: number
  readonly pageSize: number
  readonly setAsideMs: number
  readonly maxAttempts: number
  readonly refreshAfterMs: number | undefined
  readonly refreshBefore: Date | undefined
  readonly keepFailed: boolean
  readonly retry: RetryPolicy
  readonly leaseMs: number
  readonly storeTimeoutMs: number
  readonly signal: AbortSignal | undefined
  readonly onEvent: CrawlListener
}

/** @throws InvalidOptionError for the first option that cannot be used */
export function crawlSettingsOf(options: CrawlOptions): CrawlSettings {
  refuseUnknown(options, OPTIONS, { meant: MEANT })
  const { store, onEvent = warnOfHosts(), signal, retry, timeoutMs = 60_000 } = options
  const { denyHosts = DENIED_BY_DEFAULT, allowHosts = [] } = options
  mustHave('store', store, 'sink', 'a store such as memoryStore() or await openPostgres(url)')
  mustHave('store.sink', store.sink, 'add', 'an IndexSink')
  mustHave('store.progress', store.progress, 'claim', 'a ProgressStore')
  if (typeof onEvent !== 'function') throw new InvalidOptionError('onEvent', 'a function', onEvent)
  const given = [options.hosts].flat() as readonly (string | HostSource)[]
  const named = given.filter((host) => typeof host === 'string')
  const sources = given.filter((host) => typeof host !== 'string')
  const expected = "names such as 'pds.example', and sources such as hostsOf(relay)"
  if (given.length === 0) throw new InvalidOptionError('hosts', expected, given)
  for (const source of sources) mustHave('hosts', source, 'hosts', expected)
  const rules = createHostRules({ allowHosts, denyHosts, named })
  const http = createHttpClient({
    ...options,
    timeoutMs,
    fetch: options.fetch ?? guardedFetch(rules.isGuarded),
  })
  return {
    sink: store.sink,
    progress: store.progress,
    named,
    sources,
    isOwnFetch: options.fetch === undefined,
    rules,
    groups: hostGroups(options.sharedLimits),
    rates: hostRates(options.fetch),
    http,
    places: pLimit(REQUESTS_AT_ONCE),
    concurrency: wholeNumber('concurrency', options.concurrency ?? 100, 1),
    requestsPerSecond: checkRate('requestsPerSecond', options.requestsPerSecond ?? 8),
    pageSize: wholeNumber('pageSize', options.pageSize ?? 500, 1, 1_000),
    setAsideMs: wholeNumber('setAsideMs', options.setAsideMs ?? 1_800_000, 0, MAX_TIMER_MS),
    maxAttempts: wholeNumber('maxAttempts', options.maxAttempts ?? 5, 1),
    ...refreshOf(options),
    keepFailed: options.keepFailed ?? false,
    retry: retryPolicy({ retries: 5, minDelayMs: 500, ...retry }),
    leaseMs: wholeNumber('leaseMs', options.leaseMs ?? 60_000, 100, MAX_TIMER_MS),
    storeTimeoutMs: STORE_TIMEOUT_MS,
    signal,
    onEvent,
  }
}
