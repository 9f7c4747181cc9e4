import type { CollectionFlag, CollectionProgress } from './collection-progress.ts'
import type { KnownCollection } from './collection-source.ts'

/** What a worker asks for. */
export interface ClaimRequest {
  /** The relay whose collections are wanted: {@link RepoLister.relay}. */
  relay: string
  /**
   * The worker that asks. Unique for each claim, so that a store that lost an epoch in a crash still tells claims
   * apart.
   */
  owner: string
  /** How long the claim holds without a renewal, in milliseconds on the store's clock. */
  leaseMs: number
  /** Only one of these is wanted. Absent: any of the relay's. */
  collections?: readonly string[] | undefined
}

/**
 * Where the list of a walk began: its first page's cursor, and what stood before it. All of it is from one answer, so
 * from one server. With it a run notices that the relay's cursors have changed their meaning since.
 */
export interface WalkAnchor {
  /** The cursor that the first page gave. */
  readonly cursor: string
  /** The last DIDs on the first page, in the relay's order: a few, or none where the page had none. */
  readonly lastDids: readonly string[]
  /** How many DIDs were on the first page. */
  readonly repos: number
}

/** The right to walk one collection, for as long as the lease is renewed, and where to go on. */
export interface Claim {
  readonly relay: string
  readonly collection: string
  readonly owner: string
  readonly leaseMs: number
  /** The fencing token: raised by every claim of this collection, so an older claim can change nothing. */
  readonly epoch: number
  /** The saved cursor; absent when the walk begins. */
  readonly cursor?: string | undefined
  /** The pages that this walk has committed. */
  readonly pages: number
  /** The DIDs on those pages, repeats included. */
  readonly imported: number
  /** The entries on those pages that were not valid DIDs. */
  readonly invalid: number
  /** An earlier cursor of this walk, kept to notice a list that repeats itself. */
  readonly loopGuard?: string | undefined
  /** Absent before the first page, and where a walk without one was taken over, until its next page. */
  readonly anchor?: WalkAnchor | undefined
  /** How often the collection failed since its last committed page. */
  readonly attempts: number
  /**
   * How often the walk began again at the first page because the relay refused its cursor, or because the relay's
   * cursors changed their meaning.
   */
  readonly restarts: number
}

/** What a commit changes: one page, or several that follow each other. */
export interface PageProgress {
  /** How many pages these are, 1 or more. */
  pages: number
  /** Where the next page begins. Absent with the last page, which completes the collection. */
  cursor?: string | undefined
  /** The DIDs on these pages. */
  imported: number
  /** The entries on these pages that were not valid DIDs. */
  invalid: number
  /** {@link Claim.loopGuard} from now on. */
  loopGuard?: string | undefined
  /** {@link Claim.anchor} from now on. A complete collection keeps none. */
  anchor?: WalkAnchor | undefined
  /** Added to {@link CollectionProgress.flags}. */
  flags?: readonly CollectionFlag[] | undefined
}

/**
 * Why a claim is released before the collection is complete. Without a reason, the next worker may claim it at once.
 */
export type ReleaseOutcome =
  | {
      /** It failed: counted as an attempt. */
      kind: 'failed'
      /** Why, in the server's words where it gave any; stores keep the first 500 characters. */
      error: string
      /** No worker tries again before that. Absent: the collection has failed, and stays so until it is retried. */
      retryInMs?: number | undefined
      /** Added to {@link CollectionProgress.flags}. */
      flags?: readonly CollectionFlag[] | undefined
    }
  | {
      /** The relay asked for a wait: not counted as an attempt. */
      kind: 'postponed'
      error: string
      retryInMs: number
    }
  | {
      /**
       * The walk begins again at the first page: the relay refuses the saved cursor, or its cursors have changed their
       * meaning.
       */
      kind: 'restart'
      error: string
      /** Added to {@link CollectionProgress.flags}. */
      flags?: readonly CollectionFlag[] | undefined
    }

/** Which claim: enough to release it. */
export type ClaimKey = Pick<Claim, 'relay' | 'collection' | 'owner' | 'epoch'>

/** A claim that a worker of any process holds. */
export interface HeldClaim extends ClaimKey {
  /** How long its lease lasts from now, in milliseconds on the store's clock, unless its worker renews it. */
  readonly leaseLeftMs: number
}

/** What is left to do for a relay. */
export interface Remaining {
  /** Collections that are neither complete nor failed, including those that other workers hold. */
  collections: number
  /** How long until the first of them can be claimed, in milliseconds: 0 if one can be now. Absent if none is left. */
  dueInMs?: number | undefined
  /** The claims under a live lease, those of the asking run included, by collection. Absent if there are none. */
  claims?: readonly HeldClaim[] | undefined
  /** How long the relay's pause lasts, in milliseconds: {@link ProgressStore.pauseRelay}. Absent if there is none. */
  relayPauseMs?: number | undefined
}

/** How {@link ProgressStore.register} treats the rows that exist. */
export interface RegisterOptions {
  /**
   * Collections completed longer ago than this, in milliseconds on the store's clock, are walked again from the start.
   * What the last walk imported becomes their estimate, if that is larger.
   */
  refreshAfterMs?: number | undefined
  /**
   * Walks again from the start what may hold pages that were read before this moment: collections that are complete or
   * have pages, and whose walk began before it ({@link CollectionProgress.beganAt}; where that is absent, what was
   * completed before it, and every collection with pages that is not complete). A running one loses its claim, as by
   * {@link ProgressStore.cancel}. One that has failed and stays so is left as it is. It is compared with times on the store's clock: a
   * moment taken from another clock is off by as much as that clock is.
   */
  refreshBefore?: Date | undefined
  /** Leave failed collections as they are. A run sets it when it registers what it learns on its way. @default false */
  keepFailed?: boolean | undefined
  /**
   * Leave every row as it is whose collection is not listed here: it is neither refreshed nor retried. A run sets it that
   * is for some of the collections only. @default false
   */
  keepOthers?: boolean | undefined
}

/**
 * Where cursors and claims are stored: one row for each (collection, relay).
 *
 * What a call changes is durable once it resolves, and a change is made whole or not at all. Any number of workers use
 * one store at the same time. Leases run on the store's own clock, so that a worker with a wrong clock does no harm.
 */
export interface ProgressStore {
  /** The database that this store writes to: see {@link IndexSink.database}. */
  readonly database?: object | undefined
  /**
   * Makes sure that there is a row for each collection. Rows that exist keep their cursor and counts, and take over a
   * newer estimate. Every failed collection of the relay, listed here or not, is tried again, as by
   * {@link ProgressStore.retryFailed} without names, unless `keepFailed` or `keepOthers` is set. Called at the start of
   * every run.
   */
  register(relay: string, collections: readonly KnownCollection[], options?: RegisterOptions): Promise<void>
  /**
   * Makes failed collections pending; runs under way take them up where they stopped. They keep cursor, counts and last
   * error. Their attempts and restarts are set to 0. A pending collection that was set aside, and is named, may be
   * claimed at once in the same way. All others stay as they are, with the pauses that they wait for.
   *
   * @param collections their names; names without a row are passed over. Absent: every failed collection of the relay, but
   * for those that were cancelled
   * @returns how many collections it changed
   */
  retryFailed(relay: string, collections?: readonly string[]): Promise<number>
  /**
   * Begins complete, pending and failed collections again at the first page; runs under way take them up. They lose
   * cursor, counts, errors, attempts and pauses. What they had imported becomes their estimate, if that is larger.
   * Pairs in the index stay. Their epoch is raised, so that a worker whose lease has ended finds its claim lost. A
   * running collection stays as it is and is not counted: stop that run, or wait until the collection is complete, and
   * reset it then.
   *
   * @param collections their names; names without a row are passed over. Absent: every collection of the relay
   * @returns how many collections it changed
   */
  reset(relay: string, collections?: readonly string[]): Promise<number>
  /**
   * Cancels collections that are not complete: they are failed with the flag `cancelled`, and keep cursor and counts. It
   * stays so in later runs, until {@link ProgressStore.retryFailed} names it, and goes on where it stopped, or `reset`
   * begins it again. A running one is cancelled too: its epoch is raised and its claim is gone, so that the worker's next
   * commit, in whichever process, changes nothing and ends its walk.
   *
   * @param collections their names; names without a row are passed over
   * @returns how many collections it changed
   */
  cancel(relay: string, collections: readonly string[]): Promise<number>
  /**
   * Takes the biggest free collection, by the larger of its estimate and what is imported so far, then by name. A
   * collection is free if it is neither complete nor failed, its pause and that of its relay are over, and no lease on
   * it holds. Two workers never get the same one.
   *
   * @returns nothing when no collection is free at the moment: {@link ProgressStore.remaining} tells whether to wait
   */
  claim(request: ClaimRequest): Promise<Claim | undefined>
  /**
   * Commits pages: checks the fence, runs `write`, saves the cursor, renews the lease, all or nothing. The fence holds
   * while the row has the claim's epoch and page count and the claim was not released. A store with transactions passes
   * its own to `write`, and may run `write` again when the database asks to repeat the transaction. If the answer to a
   * commit is lost, the store reads the row: if it is exactly these pages further, at the same epoch and with their
   * cursor, the commit was ours.
   *
   * @returns the claim for the next page
   * @throws ClaimLostError when the fence does not hold; nothing is changed
   */
  advance(claim: Claim, page: PageProgress, write?: (transaction?: unknown) => Promise<void>): Promise<Claim>
  /**
   * Prolongs the lease to `leaseMs` from now. It does not touch the page count, so it may run beside an `advance`, and
   * a claim of an earlier page of the same epoch is accepted.
   *
   * @throws ClaimLostError when the row has another epoch or the collection is complete
   */
  renew(claim: Claim, leaseMs: number): Promise<Claim>
  /**
   * Releases a claim, of any page of its epoch. Does nothing, without an error, if the claim was lost or the collection
   * is complete. A run also releases claims of processes that are gone, as {@link ProgressStore.remaining} tells them.
   */
  release(claim: ClaimKey, outcome?: ReleaseOutcome): Promise<void>
  /**
   * Keeps that the relay wants no request for `ms` milliseconds from now, on the store's clock: nothing of it is claimed
   * before, by any process, and {@link ProgressStore.remaining} tells how long that lasts. It never shortens a pause, and
   * no other call does. Works for a relay of which nothing is registered, too.
   */
  pauseRelay(relay: string, ms: number): Promise<void>
  /**
   * What is left to do, of all collections of the relay or of these. A run asks often while it waits for other workers,
   * so it should be cheap.
   */
  remaining(relay: string, options?: { collections?: readonly string[] | undefined }): Promise<Remaining>
  /** Every row, by relay and collection. */
  list(filter?: { relay?: string | undefined }): Promise<CollectionProgress[]>
}
