import type { FeedListener } from '../contracts/feed-events.ts'
import type { FeedStore } from '../contracts/feed-store.ts'
import type { ProgressStore } from '../contracts/progress-store.ts'
import { InvalidOptionError } from '../errors.ts'
import {
  MAX_TIMER_MS,
  mustHave,
  type OptionNames,
  refuseUnknown,
  wholeNumber,
} from '../util/validate-options.ts'
import { type FeedSource, feedSource } from './feed-address.ts'
import type { UnprovenDeletes } from './pending-batch.ts'

/** Where a follower writes: a store that is open, as `openSqlite` and `openPostgres` give it. */
export interface FeedTarget {
  /** Where the pairs go, and what is kept beside them. */
  readonly feed: FeedStore
  /** Where the cursor and the claim on the feed are stored. */
  readonly progress: ProgressStore
}

/** What a feed is followed with. */
export interface FeedOptions {
  /**
   * The relay whose firehose is followed: its host or URL. Or a Jetstream, by its URL with the path `/subscribe`, and
   * its parameters if any: `wss://jetstream2.us-east.bsky.network/subscribe`.
   */
  relay: string
  store: FeedTarget
  /** Ends the follower, at once; it rejects with the signal's own reason. */
  signal?: AbortSignal | undefined
  /** Gets every event. What it throws ends the follower. */
  onEvent?: FeedListener | undefined
  /**
   * What to do where a record was deleted and nothing proves whether it was the last of its collection: `lookUp` notes
   * the repo to be looked up at its host, `keep` leaves the pair in the index, where `verify` or a prune may find it.
   * A firehose proves nearly all; a Jetstream proves nothing, and some hundred thousand repos delete something each day.
   *
   * @default 'lookUp' for a firehose, 'keep' for a Jetstream
   */
  unprovenDeletes?: UnprovenDeletes | undefined
  /** How many newcomers the store keeps: `FeedBatch.keepNewcomers`. @default 1_000_000 */
  keepNewcomers?: number | undefined
  /** How long messages are collected before they are written, in milliseconds. @default 1_000 */
  batchMs?: number | undefined
  /** Of how many repos they are about at most when they are written. @default 2_000 */
  batchRepos?: number | undefined
  /** How long a follower that died keeps its claim, in milliseconds, until another process takes over. @default 30_000 */
  leaseMs?: number | undefined
  /**
   * How long the relay may say nothing before the connection is taken for broken, in milliseconds; it is asked after
   * half of that.
   *
   * @default 60_000
   */
  silenceMs?: number | undefined
}

const OPTIONS: OptionNames<FeedOptions> = {
  relay: true,
  store: true,
  signal: true,
  onEvent: true,
  unprovenDeletes: true,
  keepNewcomers: true,
  batchMs: true,
  batchRepos: true,
  leaseMs: true,
  silenceMs: true,
}

/** The options with nothing left open. */
export interface FeedSettings {
  readonly source: FeedSource
  readonly store: FeedTarget
  readonly signal: AbortSignal | undefined
  readonly onEvent: FeedListener
  readonly unprovenDeletes: UnprovenDeletes
  readonly keepNewcomers: number | undefined
  readonly batchMs: number
  readonly batchRepos: number
  readonly leaseMs: number
  readonly silenceMs: number
}

/** @throws InvalidOptionError for the first option that cannot be used */
export function feedSettings(options: FeedOptions): FeedSettings {
  refuseUnknown(options, OPTIONS, { meant: { service: 'relay', host: 'relay', url: 'relay', feed: 'store' } })
  const { store, signal, onEvent = () => {}, keepNewcomers } = options
  const source = feedSource(options.relay)
  const expected = 'a store that is open, with feed and progress, as openSqlite and openPostgres give it'
  mustHave('store', store, 'feed', expected)
  mustHave('store', store, 'progress', expected)
  if (typeof onEvent !== 'function') throw new InvalidOptionError('onEvent', 'a function', onEvent)
  const { unprovenDeletes = source.kind === 'firehose' ? 'lookUp' : 'keep' } = options
  if (unprovenDeletes !== 'lookUp' && unprovenDeletes !== 'keep')
    throw new InvalidOptionError('unprovenDeletes', "'lookUp' or 'keep'", unprovenDeletes)
  return {
    source,
    store,
    signal,
    onEvent,
    unprovenDeletes,
    keepNewcomers: keepNewcomers && wholeNumber('keepNewcomers', keepNewcomers, 0),
    batchMs: wholeNumber('batchMs', options.batchMs ?? 1_000, 1, 60_000),
    batchRepos: wholeNumber('batchRepos', options.batchRepos ?? 2_000, 1, 100_000),
    leaseMs: wholeNumber('leaseMs', options.leaseMs ?? 30_000, 100, MAX_TIMER_MS),
    silenceMs: wholeNumber('silenceMs', options.silenceMs ?? 60_000, 10, MAX_TIMER_MS),
  }
}
