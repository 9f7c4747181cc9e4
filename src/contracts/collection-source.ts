import type { PacedRelay } from './paced-relay.ts'

/** A collection that a source knows. */
export interface KnownCollection {
  /** The collection's NSID, such as `app.bsky.feed.post`. */
  nsid: string
  /**
   * About how many repositories hold records in it. Used for the order of work and the time left, and for nothing else.
   */
  estimatedRepos?: number | undefined
}

/**
 * Where collection names come from: a directory, an index, a list of your own.
 *
 * `collections` is called at the beginning of a run, side by side with the other sources. It gives what it knows in any
 * order; repeated names are legal. The caller drops and counts names that are not valid NSIDs. A source that fails in
 * the middle has still contributed what it gave before. When the signal aborts, it rejects with the signal's reason,
 * unless it has the whole list already: it never gives a shorter one as if that were all.
 */
export interface CollectionSource {
  /** For messages and events: `lexicon.garden`. */
  readonly name: string
  /**
   * Whether it learns of more collections while a run goes on, and is cheap to ask. The run asks it again at its end
   * and walks what is new. @default false
   */
  readonly live?: boolean | undefined
  /**
   * The least repos of a collection that it may list, if it leaves out smaller ones. It is told with what it gave,
   * if that was twenty sizes or more and none smaller.
   */
  readonly leastRepos?: number | undefined
  /**
   * The relay whose own directory it is, by {@link RepoLister.relay}, if its sizes are counts of what that relay lists. A
   * walk of that relay that ends far from them is flagged. Absent for estimates, such as a count of events.
   */
  readonly directoryOf?: string | undefined
  /**
   * What it knows, in any order. Rejects if it cannot tell, and with the signal's reason when that aborts. `relays` are
   * those of the run: a source on the server of one of them asks by its {@link PacedRelay.paced}.
   */
  collections(options?: {
    signal?: AbortSignal | undefined
    relays?: readonly PacedRelay[] | undefined
  }): AsyncIterable<KnownCollection>
}
