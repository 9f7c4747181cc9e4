import type { CollectionSource } from '../contracts/collection-source.ts'
import type { BackfillListener } from '../contracts/events.ts'
import type { IndexSink } from '../contracts/index-sink.ts'
import type { ProgressStore } from '../contracts/progress-store.ts'
import type { RepoLister } from '../contracts/repo-lister.ts'
import { InvalidOptionError } from '../errors.ts'
import { type RetryPolicy, retryPolicy } from '../util/retry.ts'
import { MAX_TIMER_MS, mustHave, wholeNumber } from '../util/validate-options.ts'
import { warnOnce } from './warnings.ts'

/** What to import, from where, into what, and how. */
export interface BackfillOptions {
  /** The relay that knows. */
  lister: RepoLister
  /** Where collections are known; the run takes their union. At least one. */
  sources: readonly CollectionSource[]
  /** The index that is filled. */
  sink: IndexSink
  /** Where the place is kept. */
  progress: ProgressStore
  /**
   * How many collections are walked at once, each with one request under way. All pages of today's network are some five
   * times those of its biggest collection (4.5 at 1,000 a page, 5.4 at 10,000), and pages of one collection can only be
   * asked for one after the other. So with six that walk alone decides how long a run takes, when the biggest comes
   * first; more would ask more of the relay and gain nothing.
   *
   * @default 6
   */
  concurrency?: number | undefined
  /**
   * How many pages of each collection may wait for the database before no more is asked for. Those that wait
   * are committed together, as one batch where sink and progress share a database. Four carry a walk through half a
   * second in which the database stands still, at 140 ms a page. Up to twice as many are held in memory: a page of
   * 2,000 DIDs takes some 110 kB.
   *
   * @default 4
   */
  pagesAhead?: number | undefined
  /**
   * Walk collections again, from the start, that were completed longer than this before the run began, in milliseconds.
   * Absent: what is complete stays complete.
   */
  refreshAfterMs?: number | undefined
  /**
   * How often a collection is tried in a row without a page committed before the run gives it up. The pauses between
   * grow from `retry.maxDelayMs` to an hour.
   *
   * @default 5
   */
  maxAttempts?: number | undefined
  /** How one request, or one write of a page, is tried again before that counts as an attempt of its collection. */
  retry?: Partial<RetryPolicy> | undefined
  /** How long a collection stays with a worker that gives no sign of life, in milliseconds. @default 60_000 */
  leaseMs?: number | undefined
  /** Ends the run, with the signal's own reason. */
  signal?: AbortSignal | undefined
  /**
   * Gets every event of the run: see {@link BackfillListener}.
   *
   * @default the first retry, pause and failure of the run are process warnings, once each kind
   */
  onEvent?: BackfillListener | undefined
}

/** The options with nothing left open. */
export interface Settings {
  readonly lister: RepoLister
  readonly sources: readonly CollectionSource[]
  readonly sink: IndexSink
  readonly progress: ProgressStore
  readonly concurrency: number
  readonly pagesAhead: number
  readonly refreshAfterMs: number | undefined
  readonly maxAttempts: number
  readonly retry: RetryPolicy
  readonly leaseMs: number
  /** How long one call to a store may take, in milliseconds, before it is made again. */
  readonly storeTimeoutMs: number
  readonly signal: AbortSignal | undefined
  readonly onEvent: BackfillListener
}

/**
 * The bound for stores that have none of their own, such as a pool without timeouts over a network that is gone. Far
 * beyond the slowest write, and no option: a store knows better what to expect of itself.
 */
const STORE_TIMEOUT_MS = 300_000

/** @throws InvalidOptionError for the first option that cannot be used */
export function settingsOf(options: BackfillOptions): Settings {
  const { lister, sources, sink, progress } = options
  mustHave('lister', lister, 'listRepos', "a RepoLister such as relayLister('relay1.us-east.bsky.network')")
  if (!Array.isArray(sources) || sources.length === 0) {
    throw new InvalidOptionError(
      'sources',
      'a list of at least one source such as [lexiconGarden()]',
      sources,
    )
  }
  for (const source of sources) {
    mustHave('sources', source, 'collections', 'a list of CollectionSource such as [lexiconGarden()]')
  }
  mustHave('sink', sink, 'add', 'an IndexSink such as memoryIndexSink()')
  mustHave('progress', progress, 'claim', 'a ProgressStore such as memoryProgressStore()')
  return {
    lister,
    sources,
    sink,
    progress,
    concurrency: wholeNumber('concurrency', options.concurrency ?? 6, 1),
    pagesAhead: wholeNumber('pagesAhead', options.pagesAhead ?? 4, 1),
    refreshAfterMs:
      options.refreshAfterMs === undefined
        ? undefined
        : wholeNumber('refreshAfterMs', options.refreshAfterMs, 0),
    maxAttempts: wholeNumber('maxAttempts', options.maxAttempts ?? 5, 1),
    retry: retryPolicy(options.retry),
    leaseMs: wholeNumber('leaseMs', options.leaseMs ?? 60_000, 100, MAX_TIMER_MS),
    storeTimeoutMs: STORE_TIMEOUT_MS,
    signal: options.signal,
    onEvent: options.onEvent ?? warnOnce(),
  }
}
