import type { BackfillEvent } from '../contracts/events.ts'
import type { CollectionProgress } from '../contracts/progress-store.ts'

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
   */
  readonly kind: 'collection' | 'claim-lost' | 'source' | 'store'
  /** The collection, or the name of the source; absent for the store. */
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

/** How a run goes, at one moment. Times are in milliseconds on the monitor's clock. */
export interface MonitorSnapshot {
  readonly at: number
  readonly startedAt: number
  readonly collections: CollectionCounts
  /** DIDs imported by the current walk of each collection, earlier runs' and other workers' included. */
  readonly pairs: number
  /** What `pairs` will be at the end, by the estimates. Absent if most collections have none. */
  readonly expectedPairs?: number | undefined
  /** The part of the work that is done, from 0 to 1: by pairs where there are estimates, else by collections. */
  readonly fraction: number
  /** How long the rest takes, by the estimates and the speed of the last minute. Absent while that is unknown. */
  readonly leftMs?: number | undefined
  /** Pairs that were new to the index, in this run. */
  readonly added: number
  /** Entries of the current walks that were not valid DIDs. */
  readonly invalid: number
  /** The speed of this run over the last ten seconds; absent before there is one. */
  readonly pairsPerSecond?: number | undefined
  readonly requestsPerSecond?: number | undefined
  /** Requests for pages, in this run. */
  readonly requests: number
  readonly failedRequests: number
  readonly retries: number
  readonly lastRetry?: MonitoredRetry | undefined
  /** A pause of all requests that the relay asked for and that is not over. */
  readonly pause?: { readonly leftMs: number; readonly message?: string | undefined } | undefined
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
  readonly pairsPerSecond: number
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
  /** The state of the run. Takes the same time for 5,000 collections as for five. */
  snapshot(): MonitorSnapshot
  /** The row of one collection; nothing if it is unknown. */
  collection(collection: string): CollectionProgress | undefined
  /** A row for each collection, in the order in which they became known. */
  collections(): readonly CollectionProgress[]
  /** The speed from the start until now, in at most 600 samples. */
  history(): readonly ThroughputSample[]
}
