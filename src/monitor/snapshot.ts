import type { CollectionProgress } from '../contracts/collection-progress.ts'
import type { BackfillEvent } from '../contracts/events.ts'
import type { Work } from './work.ts'

/** How many collections are in which state. */
export interface CollectionCounts {
  readonly total: number
  readonly complete: number
  /** Read at the moment, by this run or by another worker. */
  readonly running: number
  /** Waiting for a worker, or for the end of a pause. */
  readonly pending: number
  /** Of the pending: those whose last walk ended with an error and that are tried again. */
  readonly retrying: number
  /** Failed: no worker tries them until the next run, or until they are retried. */
  readonly failed: number
}

/** One collection that this run reads, or has read to its end until another takes its place. */
export interface MonitoredWalk {
  readonly collection: string
  readonly imported: number
  readonly estimatedRepos: number | undefined
  readonly done: boolean
}

/** A fault that the run survives. */
export interface MonitoredFailure {
  /** When it happened, or happened last, in milliseconds on the monitor's clock. */
  readonly at: number
  /**
   * - `collection`: a walk ended with an error
   * - `claim-lost`: another worker took a collection over
   * - `source`: a source of collections failed
   * - `store`: the database cannot be used
   * - `index`: the index does not know collections that were imported; they are read again
   */
  readonly kind: 'collection' | 'claim-lost' | 'source' | 'store' | 'index'
  /** The collection, or the name of the source; absent for the store and the index. */
  readonly subject?: string | undefined
  /**
   * Why, in the server's words where it gave any. It comes from the network: never use it as markup or print its
   * control characters.
   */
  readonly message: string
  /** How often the same happened in a row. */
  readonly times: number
  /**
   * When it is tried again, in milliseconds after {@link MonitoredFailure.at}; absent if this run does not try it
   * again.
   */
  readonly retryInMs?: number | undefined
}

/** A request or a write that is made again. */
export interface MonitoredRetry {
  readonly at: number
  /** The collection; without one, the source or the relay that was asked. */
  readonly subject: string
  readonly message: string
  readonly attempt: number
  readonly waitMs: number
}

/** How long the rest takes. */
export interface TimeLeft {
  readonly ms: number
  /** It takes that long or longer: a collection is larger than was estimated, and nothing tells by how much. */
  readonly atLeast: boolean
}

/** A collection that is tried again, at the earliest `until`. */
export interface SetAsideCollection {
  readonly collection: string
  /** On the monitor's clock. */
  readonly until: number
  /** What its last walk ended with; see {@link MonitoredFailure.message}. */
  readonly message?: string | undefined
}

/**
 * What the whole run waits for, and when that ends, on the monitor's clock.
 *
 * - `database`: it cannot be used, `since` a moment; it is asked again at `until`
 * - `relay`: it asked for a pause of all requests
 * - `setAside`: every collection that is left failed, or the relay asked for a wait. `until` is the first one's end
 * - `claims`: other workers hold every collection that is left. `until` is when the last claim ends if it is not
 *   renewed; absent where the store does not tell. `holders` names their processes, as {@link ClaimHolder.holder} does
 */
export type Waiting =
  | { readonly reason: 'database'; readonly since: number; readonly until: number; readonly message: string }
  | { readonly reason: 'relay'; readonly until: number; readonly message?: string | undefined }
  | {
      readonly reason: 'setAside'
      readonly until: number
      readonly collections: readonly SetAsideCollection[]
    }
  | {
      readonly reason: 'claims'
      readonly until?: number | undefined
      readonly collections: readonly string[]
      readonly holders: readonly string[]
    }

/** Work that this run did not know of at its beginning: collections, larger sizes, or a walk that began again. */
export interface AddedWork {
  readonly at: number
  readonly requests: number
  /** How many collections were added; 0 where those that were known became more work. */
  readonly collections: number
}

/** How a run goes, at one moment. Times are in milliseconds on the monitor's clock. */
export interface MonitorSnapshot {
  readonly at: number
  readonly startedAt: number
  readonly collections: CollectionCounts
  /** How much is done, by all runs and workers. Its `fraction` falls only with {@link MonitorSnapshot.addedWork}. */
  readonly work: Work
  /** The last time that work was added and the fraction fell. */
  readonly addedWork?: AddedWork | undefined
  /**
   * How long the rest takes: by the sizes, the pace of the last one to two minutes, the longest walk that is left, and
   * waits whose end is known. Absent while that cannot be told: before there is a pace, without sizes, while the database
   * is unavailable.
   */
  readonly timeLeft?: TimeLeft | undefined
  /** What the whole run waits for. Absent while anything is read. */
  readonly waiting?: Waiting | undefined
  /** The collections that are tried again later, the soonest first, also while others are read. */
  readonly setAside: readonly SetAsideCollection[]
  /**
   * DIDs that the relay listed, repeats included, in the current walk of each collection, earlier runs' and other
   * workers' included.
   */
  readonly imported: number
  /** Pairs that were new to the index, in this run. */
  readonly added: number
  /** Entries of the current walks that were not valid DIDs. */
  readonly invalid: number
  /** The speed of this run over the last ten seconds, in DIDs; absent before there is one. */
  readonly importedPerSecond?: number | undefined
  readonly requestsPerSecond?: number | undefined
  /** Requests for pages, in this run. */
  readonly requests: number
  readonly failedRequests: number
  readonly retries: number
  readonly lastRetry?: MonitoredRetry | undefined
  /** How many pauses the relay asked for. */
  readonly pauses: number
  /** In the order in which their places were taken: a walk keeps its place to its end. */
  readonly walks: readonly MonitoredWalk[]
  /** The last hundred, the oldest first. */
  readonly failures: readonly MonitoredFailure[]
  /** All failures of this run, also those that are no longer among the last hundred. */
  readonly failureCount: number
}

/** The speed over a part of the run. */
export interface ThroughputSample {
  /** When that part began, in milliseconds on the monitor's clock. */
  readonly at: number
  /** How long it is: a second at first, twice as long each time that the run outgrows the samples. */
  readonly spanMs: number
  /** DIDs, repeats included. */
  readonly importedPerSecond: number
  readonly requestsPerSecond: number
}

/** What a monitor follows. */
export interface MonitorOptions {
  /** The relay: {@link RepoLister.relay}. */
  relay: string
  /**
   * The time in milliseconds.
   *
   * @default the time since 1970, on a clock that never jumps
   */
  now?: (() => number) | undefined
}

/**
 * Follows the run of one relay through its events: what a display, a status page or an alarm needs, without asking
 * the database. Nothing in it waits, holds a timer or grows with the length of the run.
 */
export interface Monitor {
  /**
   * Takes an event of the run: for `onEvent` of `createBackfiller`. It needs no `this`, and ignores the events of other
   * relays.
   */
  handle(this: void, event: BackfillEvent): void
  /**
   * Takes over what the progress store says: before the run, what earlier ones have done; now and then in it, what
   * other workers do. What changed here while it was read is newer and stays.
   *
   * @param read such as `() => progress.list({ relay })`; rejects as it does
   */
  refresh(read: () => Promise<readonly CollectionProgress[]>): Promise<void>
  /** The state of the run. It costs a look at each collection that is not complete: some 2 ms for 5,000. */
  snapshot(): MonitorSnapshot
  /** The row of one collection; nothing if it is unknown. */
  collection(collection: string): CollectionProgress | undefined
  /** A row for each collection, in the order in which they became known; its times count from now. */
  collections(): readonly CollectionProgress[]
  /** The speed from the start until now, in at most 600 samples. */
  history(): readonly ThroughputSample[]
}
