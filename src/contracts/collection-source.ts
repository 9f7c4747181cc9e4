/** A collection that somebody knows of. */
export interface KnownCollection {
  /** The collection's NSID, such as `app.bsky.feed.post`. */
  nsid: string
  /** About how many repositories hold records in it. Serves the order of work and the time left, nothing else. */
  estimatedRepos?: number | undefined
}

/**
 * Where collections are known: a directory, an index, a list of one's own.
 *
 * `collections` is called at the beginning of a run, side by side with the other sources. It gives what it knows in any
 * order; repeated names are legal. Names that are no NSID are dropped and counted by the caller. A source that fails in the
 * middle has still contributed what it gave before. When the signal aborts, it rejects with the signal's reason, unless it
 * has the whole list already: it never gives a shorter one as if that were all.
 */
export interface CollectionSource {
  /** For messages and hooks: `lexicon.garden`. */
  readonly name: string
  /**
   * Whether it comes to know more while a run goes on, and is cheap to ask: it is asked again when the run has nothing left
   * to do, and what is new is walked, too. @default false
   */
  readonly live?: boolean | undefined
  /** What it knows, in any order; rejects when it cannot tell. When the signal aborts, with the signal's reason. */
  collections(options?: { signal?: AbortSignal | undefined }): AsyncIterable<KnownCollection>
}
