/**
 * What is kept of one collection of one relay. Plain JSON: strings, finite numbers and booleans; what is absent or
 * `undefined` is the same. Times are milliseconds on the clock of {@link ProgressRows.now}. Later versions of the
 * library may add fields, so keep a row whole, as JSON for example, and give back all of it.
 */
export interface ProgressRow {
  /** {@link RepoLister.relay}; for other work than a backfill its scope, such as `crawl:` and what that names. */
  readonly relay: string
  /** Its NSID. `''` in a row that holds nothing but `relayPauseEndsAt`, of a relay that had no other row then. */
  readonly collection: string
  /** 1 for a new row; each change raises it by one. */
  readonly version: number
  /** {@link Claim.epoch} of the newest claim; 0 before the first. */
  readonly epoch: number
  /** The worker that holds the collection. Absent if it is free. */
  readonly owner?: string | undefined
  /** When the lease ends. */
  readonly leaseEndsAt?: number | undefined
  /** When the collection may be tried again, after a failure or a wait that the relay asked for. */
  readonly notBefore?: number | undefined
  /** The saved cursor; absent before the first page and once complete. */
  readonly cursor?: string | undefined
  readonly pages: number
  readonly imported: number
  readonly invalid: number
  readonly loopGuard?: string | undefined
  /** {@link Claim.anchor} as JSON, in ASCII. */
  readonly anchor?: string | undefined
  /** {@link CollectionProgress.flags}, with spaces between them. Absent if there are none. */
  readonly flags?: string | undefined
  readonly estimatedRepos?: number | undefined
  readonly attempts: number
  readonly restarts: number
  /** Whether the collection has failed: no worker takes it until it is tried again. */
  readonly failed: boolean
  readonly lastError?: string | undefined
  /** {@link CollectionProgress.beganAt} */
  readonly beganAt?: number | undefined
  readonly completedAt?: number | undefined
  /** Until when the relay wants no request, whichever the collection. The latest of a relay's rows counts. */
  readonly relayPauseEndsAt?: number | undefined
}

/**
 * A table of versioned rows, of which `progressStoreOn` makes a {@link ProgressStore}: it makes claims, leases, fences,
 * attempts and the order of work of them. Any number of processes use one table at the same time, each through an
 * object of its own.
 *
 * A call that rejects may have been carried out or not. Both are safe: the store reads before it goes on. For a
 * database that cannot be reached, reject with a {@link StoreUnavailableError}, and the run waits.
 */
export interface ProgressRows {
  /**
   * The rows of a relay, or all rows when none is named; in any order. Called for each claim, whenever a worker looks
   * for work, and for each status: a network of today has some 1,300 collections, of some 300 bytes each as JSON.
   */
  list(relay: string | undefined, transaction?: unknown): Promise<readonly ProgressRow[]>
  /** One row, as the last `write` that any process made has left it: no replica that lags behind, no cache. */
  read(relay: string, collection: string, transaction?: unknown): Promise<ProgressRow | undefined>
  /**
   * Saves a row if it follows the stored one: a row of version 1 where there is none, any other in place of the one
   * whose version is one less. Comparing and saving are one step, without another write in between: an
   * `insert … on conflict do nothing`, an `update … where version = …`, a conditional put. Outside of a transaction the
   * row is durable when this resolves.
   *
   * @returns true when it is saved; false when another version is stored, and then nothing has changed
   */
  write(row: ProgressRow, transaction?: unknown): Promise<boolean>
  /**
   * The time in milliseconds since 1970, on one clock for all processes: leases, pauses and refreshes run on it.
   * `Date.now()` where all of them run on one machine, else the database's own clock. A worker whose clock is wrong
   * would take over collections that others hold, or leave those of dead workers alone; epochs fence it off, but pages
   * are fetched twice.
   */
  now(transaction?: unknown): number | Promise<number>
  /**
   * Runs `body` in a transaction: committed and durable when the promise resolves, rolled back when `body` rejects,
   * whose error it rejects with. It may run `body` again when the database asks to repeat the transaction. What it
   * hands to `body` comes back as the last argument of the other methods, all of which are called inside of a
   * transaction then; on a database with one connection, let one transaction wait for the other.
   *
   * Absent: each `write` is a commit of its own.
   */
  transaction?<T>(body: (transaction: unknown) => Promise<T>): Promise<T>
  /**
   * The database of the transactions: see {@link IndexSink.database}. A sink that names the same object gets the open
   * transaction with each page, and pairs and cursor are committed together.
   */
  readonly database?: object | undefined
}
