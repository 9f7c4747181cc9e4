import { isValidNsid } from '@atproto/syntax'
import type { BackfillListener } from '../contracts/events.ts'
import type { IndexSink } from '../contracts/index-sink.ts'
import type { RepoIndex } from '../contracts/repo-index.ts'
import type { RepoLister } from '../contracts/repo-lister.ts'
import { InvalidOptionError } from '../errors.ts'
import { listersOf } from '../run/options.ts'
import { warnOnce } from '../run/warnings.ts'
import { type RetryPolicy, retryPolicy } from '../util/retry.ts'
import { mustHave, type OptionNames, refuseUnknown, wholeNumber } from '../util/validate-options.ts'
import type { RepairMode } from './repair.ts'

/** What to compare with what, and how. */
export interface VerifyOptions {
  /**
   * The relay to read again: a host, an http or https URL, or a lister. Several, if the index was filled from several:
   * then it is compared with what they list together.
   */
  relay: string | RepoLister | readonly (string | RepoLister)[]
  /** The index to compare with it. It is only read, except for a `repair` that removes. */
  index: RepoIndex
  /**
   * Mends what differs, each collection when it was compared: `'add'` adds what only the relay lists, `'remove'` removes
   * what only the index holds, `'both'` does both. It takes one more walk of each collection that differs, and compares
   * by digests. Removing needs an index with `remove`.
   *
   * @default nothing is written
   */
  repair?: RepairMode | undefined
  /** Where a repair adds: `store.sink`. A removal needs it too, for repos that come back meanwhile. */
  sink?: IndexSink | undefined
  /**
   * The collections, by their NSIDs.
   *
   * @default those that the index holds; an index without `listCollections` cannot tell
   */
  collections?: readonly string[] | undefined
  /**
   * How many collections are compared at once, each with one request at a time. An index that cannot name its
   * collections cannot tell how large they are: then what is compared by digests is compared one after the other.
   *
   * @default 6, and 1 with a `repair`, so that little is under way if the relay is rebuilt meanwhile
   */
  concurrency?: number | undefined
  /** How many DIDs of each kind a report gives as samples. @default 10 */
  samples?: number | undefined
  /**
   * The most memory that digests may take, in bytes, if the relay does not list repos in order. A repo takes 8 to 11
   * bytes. A collection that has no room beside others waits for them. One that has none alone is compared by reading the
   * relay again.
   *
   * @default 268_435_456 (256 MiB: 24 million repos, more than the largest collection of the network has)
   */
  memoryBytes?: number | undefined
  /** How one request is tried again before its collection is reported with an error. */
  retry?: Partial<RetryPolicy> | undefined
  /** Stops the verification, with the signal's own reason. */
  signal?: AbortSignal | undefined
  /**
   * Gets the events of a backfill that occur here too: `requested`, `retry`, `paused`, `storeUnavailable`,
   * `storeAvailable`.
   */
  onEvent?: BackfillListener | undefined
}

/** The options of a verification with nothing left open. */
export interface VerifySettings {
  readonly listers: readonly RepoLister[]
  readonly index: RepoIndex
  /** Absent: nothing is written. */
  readonly repair: { readonly mode: RepairMode; readonly sink: IndexSink } | undefined
  readonly collections: readonly string[] | undefined
  readonly concurrency: number
  readonly sampleSize: number
  readonly memoryBytes: number
  readonly retry: RetryPolicy
  readonly signal: AbortSignal | undefined
  readonly onEvent: BackfillListener
}

const OPTIONS: OptionNames<VerifyOptions> = {
  relay: true,
  index: true,
  repair: true,
  sink: true,
  collections: true,
  concurrency: true,
  samples: true,
  memoryBytes: true,
  retry: true,
  signal: true,
  onEvent: true,
}

/** @throws InvalidOptionError for the first option that cannot be used */
export function verifySettingsOf(options: VerifyOptions): VerifySettings {
  refuseUnknown(options, OPTIONS, { meant: { lister: 'relay', store: 'sink' } })
  const listers = listersOf(options.relay)
  const { index, collections, signal, onEvent = warnOnce() } = options
  mustHave('index', index, 'listRepos', 'a RepoIndex such as store.index')
  const isList = Array.isArray(collections) && collections.every((nsid) => isValidNsid(nsid))
  const canTell = collections === undefined && index.listCollections !== undefined
  if (!isList && !canTell) {
    throw new InvalidOptionError('collections', 'a list of NSIDs such as app.bsky.feed.post', collections)
  }
  return {
    listers,
    index,
    repair: repairOf(options),
    collections,
    concurrency: wholeNumber('concurrency', options.concurrency ?? (options.repair === undefined ? 6 : 1), 1),
    sampleSize: wholeNumber('samples', options.samples ?? 10, 0),
    memoryBytes: wholeNumber('memoryBytes', options.memoryBytes ?? 268_435_456, 1),
    retry: retryPolicy(options.retry),
    signal,
    onEvent,
  }
}

const MODES: readonly unknown[] = ['add', 'remove', 'both'] satisfies RepairMode[]

function repairOf({ repair: mode, sink, index }: VerifyOptions): VerifySettings['repair'] {
  if (sink !== undefined) mustHave('sink', sink, 'add', 'an IndexSink such as store.sink')
  if (mode === undefined) return undefined
  if (!MODES.includes(mode)) throw new InvalidOptionError('repair', "'add', 'remove' or 'both'", mode)
  if (sink === undefined)
    throw new InvalidOptionError('sink', 'an IndexSink such as store.sink, for repair', sink)
  if (mode !== 'add')
    mustHave('index', index, 'remove', 'a RepoIndex with remove, such as store.index, for repair')
  return { mode, sink }
}
