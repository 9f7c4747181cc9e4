/** Pairs to add to the index: one collection, many repositories, of one page or of several that waited. */
export interface IndexBatch {
  /** The relay that listed them: {@link RepoLister.relay}. */
  relay: string
  /** The collection's NSID. */
  collection: string
  /** Valid DIDs in any order, with repeats and with pairs that the index holds already. */
  dids: readonly string[]
}

/** What surrounds a write. */
export interface IndexContext {
  /**
   * The progress store's open transaction, when both name the same {@link IndexSink.database}; absent otherwise. On
   * Postgres it is read committed, whatever the database's default is.
   */
  transaction?: unknown
  signal?: AbortSignal | undefined
}

/**
 * Where the (collection, DID) pairs go.
 *
 * `add` resolves once the pairs are durable: after it, the cursor moves on and the page is never fetched again. Inside
 * a given transaction, durable means written to that transaction; one that is not its database's own is refused with a
 * `TypeError`. It is idempotent: adding a pair again changes nothing and is not counted. It is called for several
 * collections at once, and with the same page again after a crash, or when a call gave no answer for five minutes. When
 * it rejects, the cursor stays and the page comes again: soon, for an error that may pass; not in this run, for one
 * with `retryable: false`; and with a `StoreUnavailableError` the whole run waits until the index is back. When the
 * signal aborts, it may reject with the signal's reason.
 *
 * A given transaction may be rolled back although `add` resolved, when the claim was lost or the commit failed. A batch
 * holds several pages, up to `pagesAhead`, in a given transaction only; when `add` rejects such a one, they come one by
 * one.
 */
export interface IndexSink {
  /**
   * The database that this sink writes to. When it is the same object as {@link ProgressStore.database}, pairs and
   * cursor are committed in one transaction. Absent: the sink writes on its own, before the cursor moves.
   */
  readonly database?: object | undefined
  /** @returns how many of the pairs were new to the index; nothing, with every batch, from a sink that cannot know */
  // biome-ignore lint/suspicious/noConfusingVoidType: what a function without a return statement resolves to
  add(batch: IndexBatch, context?: IndexContext): Promise<{ added: number } | void>
}
