import type { KnownCollection } from './collection-source.ts'

/** Who asks for work. */
export interface ClaimRequest {
  /** The relay whose collections are wanted: {@link RepoLister.relay}. */
  relay: string
  /** The worker that asks; unique for each claim, so that a store which forgot an epoch in a crash still tells them apart. */
  owner: string
  /** How long the claim holds without a renewal, in milliseconds on the store's clock. */
  leaseMs: number
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
  /** The entries on those pages that were no DID. */
  readonly invalid: number
  /** An earlier cursor of this walk, kept to notice a list that runs in circles. */
  readonly loopGuard?: string | undefined
  /** How often the collection failed since its last committed page. */
  readonly attempts: number
  /** How often a refused cursor made it start again from the beginning since it was registered anew. */
  readonly restarts: number
}

/** What a commit changes: one page, or several that follow each other. */
export interface PageProgress {
  /** How many pages these are, 1 or more. */
  pages: number
  /** Where the page behind them begins; absent with the last page, which completes the collection. */
  cursor?: string | undefined
  /** The DIDs on these pages. */
  imported: number
  /** The entries on these pages that were no DID. */
  invalid: number
  /** {@link Claim.loopGuard} from now on. */
  loopGuard?: string | undefined
}

/** Why a claim is handed back unfinished. Without one, the collection is free for the next worker at once. */
export type ReleaseOutcome =
  | {
      /** It failed: counted as an attempt. */
      kind: 'failed'
      /** Why, in the server's words where it gave any; stores keep the first 500 characters. */
      error: string
      /** No worker tries again before that. Absent: given up until it is registered anew. */
      retryInMs?: number | undefined
    }
  | {
      /** The relay asked for a wait: not counted as an attempt. */
      kind: 'postponed'
      error: string
      retryInMs: number
    }
  | {
      /** The relay refuses the saved cursor: the walk begins again at the first page. */
      kind: 'restart'
      error: string
    }

/**
 * - `pending`: nobody walks it; it waits for a worker, or until `dueInMs` is over
 * - `walking`: a worker holds it
 * - `failed`: given up until it is registered anew
 * - `complete`: every page is in the index
 */
export type CollectionState = 'pending' | 'running' | 'failed' | 'complete'

/** How far one collection is. */
export interface CollectionProgress {
  relay: string
  collection: string
  state: CollectionState
  /** What is saved; absent before the first page and once complete. */
  cursor?: string | undefined
  pages: number
  imported: number
  invalid: number
  estimatedRepos?: number | undefined
  attempts: number
  lastError?: string | undefined
  completedAt?: Date | undefined
}

/** What is left to do for a source. */
export interface Remaining {
  /** Collections that are neither complete nor given up, whoever holds them. */
  collections: number
  /** How long until the first of them can be claimed, in milliseconds: 0 when one can be now. Absent when none is left. */
  dueInMs?: number | undefined
}

/** How {@link ProgressStore.register} treats the rows that exist. */
export interface RegisterOptions {
  /**
   * Collections completed longer ago than this, in milliseconds on the store's clock, are walked again from the start.
   * What they brought the last time is their estimate from then on, where that is larger.
   */
  refreshAfterMs?: number | undefined
  /** Leave rows as they are that were given up: a run adds what it comes to know on its way. @default false */
  keepFailed?: boolean | undefined
}

/**
 * Where the place of each walk is kept: one row for each (collection, source).
 *
 * Everything that resolves is durable, and each change is whole or absent. Any number of workers use one store at the
 * same time. Leases run on the store's own clock, so that a worker whose clock is wrong does no harm.
 */
export interface ProgressStore {
  /** The database that this store writes to: see {@link IndexSink.database}. */
  readonly database?: object | undefined
  /**
   * Makes sure that there is a row for each collection. Rows that exist keep their cursor and counts, and take over a
   * newer estimate. Every failed collection of the relay, listed here or not, is tried again, as by
   * {@link ProgressStore.retryFailed}, unless `keepFailed`. Called at the start of every run.
   */
  register(relay: string, collections: readonly KnownCollection[], options?: RegisterOptions): Promise<void>
  /**
   * Failed collections become pending and go on where they stopped; runs under way take them up. They keep cursor, counts
   * and last error; their attempts and restarts are forgotten. Collections in another state stay as they are, with the
   * pauses that they wait for.
   *
   * @param collections their names; names without a row are passed over. Absent: every failed collection of the relay
   * @returns how many collections it changed
   */
  retryFailed(relay: string, collections?: readonly string[]): Promise<number>
  /**
   * Collections begin again at the first page, whether complete, pending or failed; runs under way take them up. They lose
   * cursor, counts, errors, attempts and pauses. What they had brought is their estimate, where that is larger; pairs in the
   * index stay. Their epoch is raised, so that a worker whose lease ran out finds its claim lost. A running collection stays
   * as it is and is not counted: end that run, or wait for the collection's end, and reset it then.
   *
   * @param collections their names; names without a row are passed over. Absent: every collection of the relay
   * @returns how many collections it changed
   */
  reset(relay: string, collections?: readonly string[]): Promise<number>
  /**
   * Takes the biggest free collection, by the larger of its estimate and what it has brought so far, then by name.
   * Free is one that is not complete, not given up, due, and not under a live lease. Two workers never get the same.
   *
   * @returns nothing when no collection is free at the moment: {@link ProgressStore.remaining} tells whether to wait
   */
  claim(request: ClaimRequest): Promise<Claim | undefined>
  /**
   * Commits pages: checks the fence, runs `write`, saves the cursor, renews the lease, all or nothing. The fence
   * holds while the row has the claim's epoch and page count and the claim was not handed back. A store with transactions
   * passes its own to `write`, and may run `write` again when the database asks to repeat the transaction. When the answer
   * to a commit is lost, the store finds out by reading: a row that is just these pages further, at the same epoch and
   * with their cursor, is ours.
   *
   * @returns the claim for the next page
   * @throws ClaimLostError when the fence does not hold; nothing is changed
   */
  advance(claim: Claim, page: PageProgress, write?: (transaction?: unknown) => Promise<void>): Promise<Claim>
  /**
   * Prolongs the lease to `leaseMs` from now. It leaves the page alone, so it may run beside an `advance`, and a claim of
   * an earlier page of the same epoch will do.
   *
   * @throws ClaimLostError when the row has another epoch or the collection is complete
   */
  renew(claim: Claim, leaseMs: number): Promise<Claim>
  /** Hands a claim back, at whatever page of its epoch. A claim that was lost, or whose collection is complete, is nothing to hand back: no error. */
  release(claim: Claim, outcome?: ReleaseOutcome): Promise<void>
  /** What is left to do, as cheaply as the store can tell: asked again and again while a run waits for other workers. */
  remaining(relay: string): Promise<Remaining>
  /** Every row, by source and collection. */
  list(filter?: { relay?: string | undefined }): Promise<CollectionProgress[]>
}
