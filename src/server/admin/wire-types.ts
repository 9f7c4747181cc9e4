import type { CollectionFlag, CollectionState } from '../../contracts/collection-progress.ts'
import type { BackfillEvent, InvalidName, SourceReport } from '../../contracts/events.ts'
import type { MonitoredFailure, Waiting } from '../../monitor/snapshot.ts'
import type { Work } from '../../monitor/work.ts'

// What goes over the wire: types alone, for those who write a client. Fields of the status are in snake case, as those
// of zlay, the relay in Zig, are; fields of events are named as in `BackfillEvent`.

/** An error, for a program and for a person. The message may come from the network: it is text, never markup. */
export interface AdminError {
  /** `BackfillError.code`, that of a driver or of Node, or `UNKNOWN` where the error has none. */
  readonly code: string
  readonly message: string
}

/** How far one collection is. Times are ISO 8601 in UTC. */
export interface AdminRow {
  readonly collection: string
  /** The relay: `RepoLister.relay`. */
  readonly source: string
  /** DIDs imported by the current walk. */
  readonly imported: number
  readonly completed: boolean
  /** What is saved; absent before the first page and once complete. */
  readonly cursor?: string
  readonly state: CollectionState
  /** The pages of the current walk. */
  readonly pages: number
  readonly estimated_repos: number | null
  /** Entries of the current walk that were no DID. */
  readonly invalid: number
  /** Failures in a row, without a page committed. */
  readonly attempts: number
  /** When it is tried again, where it was set aside after a failure or for a wait that the relay asked for; else null. */
  readonly not_before: string | null
  /**
   * Who reads it, named as `ClaimHolder.holder`, and when that claim ends unless it is renewed; null where this
   * process's run reads it, or none.
   */
  readonly owner: string | null
  readonly lease_ends_at: string | null
  /** What is to be known of it for good: `CollectionProgress.flags`. */
  readonly flags: readonly CollectionFlag[]
  readonly completed_at: string | null
  readonly last_error: string | null
}

/**
 * - `complete`: everything that is registered for the relay is complete
 * - `incomplete`: it is over, and collections are not complete
 * - `stopped`: by a request, or with the process
 * - `failed`: something ended it that concerns all collections
 */
export type AdminOutcome = 'complete' | 'incomplete' | 'stopped' | 'failed'

/** A fault that the run survives: as `MonitoredFailure` has it. */
export interface AdminFailure {
  readonly kind: MonitoredFailure['kind']
  /** The collection, or null where the failure is not one of a collection. */
  readonly collection: string | null
  /** The source of collections that failed, where it is one. */
  readonly name: string | null
  readonly message: string
  /** When it happened, or happened last. */
  readonly at: string
  /** How often the same happened in a row. */
  readonly times: number
  /** When it is tried again; null when it is not, in this run. */
  readonly retry_at: string | null
}

/** The speed over a part of the run. */
export interface AdminSample {
  /** When that part began. */
  readonly at: string
  readonly span_ms: number
  readonly pairs_per_second: number
  readonly requests_per_second: number
}

/** What the whole run waits for, and until when: {@link Waiting}. */
export interface AdminWaiting {
  readonly reason: Waiting['reason']
  /** Since when; only of the database. */
  readonly since: string | null
  /** When that ends, or is looked at again; null where it is not known. */
  readonly until: string | null
  /** The reason in the words of the relay or the database. */
  readonly message: string | null
  /** Who has the claims that are waited for, named as `ClaimHolder.holder`. */
  readonly holders: readonly string[]
  /** The collections that are waited for, at most ten of them. */
  readonly collections: readonly string[]
}

/** Work that a run did not know of at its beginning. */
export interface AdminAddedWork {
  readonly at: string
  readonly requests: number
  /** 0 where collections that were known became more work. */
  readonly collections: number
}

/** The whole at one moment, without what is as long as the network. */
export interface AdminTotals {
  /** Whether a run of this handler is under way; one that is about to stop is. */
  readonly running: boolean
  /** Collections registered. */
  readonly total: number
  readonly completed: number
  /** Everything that is not completed: also what is pending or failed. */
  readonly in_progress: number
  /** DIDs imported by the current walk of each collection. */
  readonly total_imported: number

  /** The relay of the run under way, or of the last one; null before the first one of this process. */
  readonly relay: string | null
  /** The relays that a run may be started with; null when any public host will do. */
  readonly sources: readonly string[] | null
  /** When the run began; null before the first one. */
  readonly started_at: string | null
  /** When it ended; null while it runs. */
  readonly finished_at: string | null
  /** When this was true. */
  readonly at: string
  readonly running_collections: number
  readonly pending: number
  readonly failed: number
  /** The speed of the last ten seconds; null before there is one and when nothing runs. */
  readonly pairs_per_second: number | null
  readonly requests_per_second: number | null
  /** DIDs that this run has imported, repeats included: with its times, its average speed. */
  readonly run_imported: number
  /** Pairs that were new to the index, as far as the sink could tell. */
  readonly run_added: number
  /** Requests for pages. */
  readonly run_requests: number
  /** How much of the work is done, from 0 to 1; null where nothing tells: {@link Work.fraction}. */
  readonly fraction: number | null
  /** Whether the sizes of the collections are known: {@link Work.sizes}. */
  readonly sizes: Work['sizes']
  /** Requests for pages that are left, at least: {@link Work.requestsLeft}. */
  readonly requests_left: number
  /** Why the fraction fell the last time, and when: work that was not known before. Null if it never did. */
  readonly added_work: AdminAddedWork | null
  /** How long the rest takes; null while that cannot be told. */
  readonly eta_ms: number | null
  /** Whether it takes that long or longer: a collection is larger than was told. */
  readonly eta_at_least: boolean
  /** What `total_imported` comes to in the end; null as `fraction` is. */
  readonly expected_pairs: number | null
  /** What the whole run waits for; null while anything is read, and when nothing runs. */
  readonly waiting: AdminWaiting | null
  /** How many collections are tried again later, also while others are read. */
  readonly set_aside: number
  /** What went wrong last, a retry included. */
  readonly last_error: (AdminError & { readonly collection: string | null; readonly at: string }) | null
  /** How the last run ended; null while one runs, and before the first one. */
  readonly outcome: AdminOutcome | null
  /** What ended it, for `failed` and `incomplete`. */
  readonly error: AdminError | null
}

/** The answer to GET, and an event `snapshot`. */
export interface AdminStatus extends AdminTotals {
  /** A row for each collection. */
  readonly collections: readonly AdminRow[]
  /** The last hundred of the run, the oldest first. */
  readonly failures: readonly AdminFailure[]
  /** The speed from the start of the run, in at most 600 samples. */
  readonly history: readonly AdminSample[]
}

/** How things are once a second, without what is as long as the network: an event `totals`. */
export interface AdminTick extends AdminTotals {
  /**
   * The end of {@link AdminStatus.history} as it is now: each takes the place of the one that began at the same time,
   * or comes behind the others. Their `span_ms` doubles when there are 600; then each two of those before become one.
   */
  readonly latest: readonly AdminSample[]
}

/** An event of the run as it is sent: with its error in a form that JSON can hold. */
export type AdminEvent<Type extends BackfillEvent['type']> = Omit<
  Extract<BackfillEvent, { type: Type }>,
  'type' | 'error'
> &
  ('error' extends keyof Extract<BackfillEvent, { type: Type }> ? { error?: AdminError } : unknown)

/**
 * The row as the event left it: absolute, so that nothing needs to be added up.
 *
 * @inline
 */
interface WithRow {
  readonly row: AdminRow
}

/**
 * The failure that it is listed as from now on; the same again has the place of the one before, with `times` one
 * higher.
 *
 * @inline
 */
interface WithFailure {
  readonly failure: AdminFailure
}

/**
 * The events of the stream, by name. The first is a `snapshot`, unless the stream goes on from the event that the
 * client saw last; another comes whenever more has changed than one row: when a run begins, when its collections are
 * known, at its end, and when collections are tried again. `totals` comes with these and once a second while a run is
 * under way.
 */
export interface AdminEvents {
  snapshot: AdminStatus
  totals: AdminTick
  /** `repos` counts the DIDs of the pages. */
  page: Omit<AdminEvent<'page'>, 'dids'> & { readonly repos: number } & WithRow
  discovered: {
    readonly relay: string
    readonly collections: number
    readonly sources: readonly SourceReport[]
    readonly invalidNames?: readonly InvalidName[] | undefined
  }
  sourceFailed: AdminEvent<'sourceFailed'> & WithFailure
  indexMissing: AdminEvent<'indexMissing'> & WithFailure
  retry: AdminEvent<'retry'>
  requested: AdminEvent<'requested'>
  paused: AdminEvent<'paused'>
  collectionStarted: AdminEvent<'collectionStarted'> & WithRow
  collectionFailed: AdminEvent<'collectionFailed'> & WithRow & WithFailure
  claimLost: AdminEvent<'claimLost'> & WithRow & WithFailure
  waiting: AdminEvent<'waiting'>
  storeUnavailable: AdminEvent<'storeUnavailable'> & WithFailure
  storeAvailable: AdminEvent<'storeAvailable'>
}

/**
 * The answer to a POST that starts a run: 200 once its collections are known, 202 when that takes longer than the
 * request may wait, with those that are known so far.
 */
export interface AdminStarted {
  readonly status: 'started' | 'starting'
  readonly source: string
  readonly collections: number
}

/** The answer to POST …/retry. */
export interface AdminRetried {
  readonly source: string
  /** How many collections are retried. */
  readonly collections: number
  /** Whether this started a run, since none was under way. */
  readonly started: boolean
}

/** The answer to POST …/collections, which registers collections, and to DELETE …/collections, which cancels them. */
export interface AdminChanged {
  readonly source: string
  /** How many that were not known are registered now; how many that were not complete are cancelled now. */
  readonly collections: number
}

/** The answer to DELETE: 200 once the run is over and its claims are released, 202 if that takes longer. */
export interface AdminStopped {
  readonly status: 'stopped' | 'stopping' | 'idle'
}

/** Every other answer: 400, 401, 404, 405, 409, 500, 502, 503. */
export interface AdminRefusal {
  readonly error: string
  readonly message: string
}
