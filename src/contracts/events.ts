import type { CollectionFlag } from './collection-progress.ts'
import type { KnownCollection } from './collection-source.ts'

/**
 * Everything that a run tells, told apart by `type`. The loop over a backfiller yields the `page` events; `onEvent`
 * gets all of them. A fault that the run survives shows in exactly one event.
 */
export type BackfillEvent =
  | DiscoveredEvent
  | SourceFailedEvent
  | IndexMissingEvent
  | RequestedEvent
  | RetryEvent
  | PausedEvent
  | CollectionStartedEvent
  | PageEvent
  | CollectionFailedEvent
  | ClaimLostEvent
  | WaitingEvent
  | StoreUnavailableEvent
  | StoreAvailableEvent
  | RelayFailedEvent

/**
 * Gets every event of a run at the moment it happens. The run does not wait for it; when it throws, or returns a
 * promise that rejects, the run ends with that error.
 */
export type BackfillListener = (event: BackfillEvent) => unknown

/** Tells an event, at once. */
export type Emit = (event: BackfillEvent) => void

/**
 * Pages that are durable: their pairs are in the index and the cursor behind them is saved. One page, or several that
 * waited for the database and were committed together. It is sent after the commit, so a crash may lose one.
 */
export interface PageEvent {
  type: 'page'
  /** The relay: {@link RepoLister.relay}. */
  relay: string
  collection: string
  /** The valid DIDs on these pages, as the relay sent them. */
  dids: readonly string[]
  /** How many of the pairs were new to the index. Absent where the sink cannot know. */
  added?: number | undefined
  /** The entries of this walk that were not valid DIDs, these pages included. */
  invalid: number
  /** Where the next page begins, which is what is saved. Absent once the collection is complete. */
  cursor?: string | undefined
  /** The pages of this walk, these included. */
  pages: number
  /** The DIDs of this walk, repeats and these pages included. */
  imported: number
  /** Whether the collection is complete: these pages were its last. */
  completed: boolean
  /** The flags that the collection got with these pages: {@link CollectionProgress.flags}. Absent for most. */
  flags?: readonly CollectionFlag[] | undefined
  /** How long the commit took, in milliseconds, with its retries. */
  durationMs: number
}

/** What one source contributed. */
export interface SourceReport {
  /** {@link CollectionSource.name}. */
  name: string
  /** How many names it gave, repeats included; when it was asked again, in the try that gave most. */
  found: number
  /** How many of them were not valid NSIDs. */
  invalid: number
  /**
   * The least repos of a collection that it lists, if it leaves smaller ones out: {@link CollectionSource.leastRepos}.
   */
  leastRepos?: number | undefined
}

/** A name that a source gave and that is no NSID, so that it names no collection. */
export interface InvalidName {
  /** {@link CollectionSource.name}. */
  source: string
  /** In one line of 100 characters at most; of what is no text, the type in brackets. */
  name: string
}

/** The sources have been asked. */
export interface DiscoveredEvent {
  type: 'discovered'
  relay: string
  /** What all sources know together, each collection once, as far as the run is for it. */
  collections: readonly KnownCollection[]
  sources: readonly SourceReport[]
  /** The first ten of the names that are no NSID; `sources` says how many there were. Absent if there were none. */
  invalidNames?: readonly InvalidName[] | undefined
  /** Whether collections that failed in earlier runs stay as they are. Absent: they are retried. */
  keepFailed?: boolean | undefined
  /**
   * Collections that earlier runs registered and did not complete, and that this run does not read: its options `only` or
   * `except` leave them out. Absent if there are none.
   */
  leftOut?: readonly string[] | undefined
  /** The entries of `only` and `except` that match no collection that is known. Absent if there are none. */
  unmatched?: readonly string[] | undefined
}

/** A source failed or took too long. What it gave before that counts, and the others go on. */
export interface SourceFailedEvent {
  type: 'sourceFailed'
  relay: string
  /** {@link CollectionSource.name}. */
  source: string
  error: unknown
}

/**
 * The index does not know these collections, whose pages were imported into it: it was emptied, or restored to an older
 * state than its progress. The run has reset them and reads them again. It notices only collections that are gone as a
 * whole; `verify` finds the rest.
 */
export interface IndexMissingEvent {
  type: 'indexMissing'
  relay: string
  collections: readonly string[]
}

/** A request for a page was answered, or failed with `error`. */
export interface RequestedEvent {
  type: 'requested'
  relay: string
  collection: string
  /** The cursor that was sent. Absent for the first page. */
  cursor?: string | undefined
  /** The whole time in milliseconds, with what the lister waited before it asked. */
  durationMs: number
  /** The valid DIDs on the page. Absent when the request failed. */
  repos?: number | undefined
  error?: unknown
}

/**
 * A request or a write failed and is made again after `waitMs`. Without a collection, it is a request to the source that
 * `source` names, the call to the progress store that `call` names, or else the check before the run.
 */
export interface RetryEvent {
  type: 'retry'
  relay: string
  collection?: string | undefined
  source?: string | undefined
  cursor?: string | undefined
  /** The method of the progress store that failed; absent where it was a request or a write of pages. */
  call?:
    | 'register'
    | 'reset'
    | 'claim'
    | 'renew'
    | 'release'
    | 'pauseRelay'
    | 'remaining'
    | 'list'
    | undefined
  error: unknown
  /** Which try failed, from 1. */
  attempt: number
  /** The pause before the next try, in milliseconds. */
  waitMs: number
}

/** All requests to the relay wait: it refused one (`error` says how), or it said that no more are allowed for now. */
export interface PausedEvent {
  type: 'paused'
  relay: string
  /** How long from now, in milliseconds. */
  waitMs: number
  error?: unknown
}

/** A worker of this run took a collection. With a cursor, it goes on from an earlier walk. */
export interface CollectionStartedEvent {
  type: 'collectionStarted'
  relay: string
  collection: string
  cursor?: string | undefined
  /** What this walk has committed before: pages, DIDs on them, entries that were not valid DIDs. */
  pages: number
  imported: number
  invalid: number
}

/** A walk ended with an error. */
export interface CollectionFailedEvent {
  type: 'collectionFailed'
  relay: string
  collection: string
  error: unknown
  /** How often the collection failed since its last committed page. */
  attempts: number
  /** When it is tried again, in milliseconds from now. Absent when it is not: it has failed for this run. */
  retryInMs?: number | undefined
  /**
   * The walk begins again at the first page, once: the relay refused the saved cursor, or, where the error has the code
   * `CURSORS_CHANGED`, its cursors have changed their meaning.
   */
  restart: boolean
}

/** Another worker took a collection over. This run goes on with other work. */
export interface ClaimLostEvent {
  type: 'claimLost'
  relay: string
  collection: string
  error: unknown
}

/** A process that holds claims. */
export interface ClaimHolder {
  /** `process 4711 on web1`, or the claim's owner as it is where that names no process. */
  holder: string
  /** How many collections it holds. */
  collections: number
  /**
   * How long until the last of their leases ends, in milliseconds, unless they are renewed. If it has died, this run
   * goes on with its collections then.
   */
  leaseLeftMs: number
}

/**
 * This run has nothing to do: other workers hold what is left. It takes over what they leave. Sent when the holders or
 * the number of their collections change, and without holders once the run does not wait any more. The run does not wait
 * for a process of this host that has ended: it takes its claims over at once.
 */
export interface WaitingEvent {
  type: 'waiting'
  relay: string
  holders: readonly ClaimHolder[]
}

/**
 * The store cannot be used at the moment. The run waits `waitMs` milliseconds and asks again, for as long as it takes.
 */
export interface StoreUnavailableEvent {
  type: 'storeUnavailable'
  relay: string
  error: unknown
  /** Which try failed, from 1. */
  attempt: number
  waitMs: number
}

/** The store can be used again. */
export interface StoreAvailableEvent {
  type: 'storeAvailable'
  relay: string
  /** How long it could not be used, in milliseconds. */
  unavailableMs: number
}

/**
 * One of several relays ended with an error; the others go on. With a single relay, the run ends with that error instead.
 */
export interface RelayFailedEvent {
  type: 'relayFailed'
  relay: string
  error: unknown
}
