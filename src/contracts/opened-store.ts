import type { CollectionSource } from './collection-source.ts'
import type { FeedStore } from './feed-store.ts'
import type { IndexSink } from './index-sink.ts'
import type { ProgressStore } from './progress-store.ts'
import type { IndexPageRequest, RepoIndex } from './repo-index.ts'

/** One page of the collections that hold a repository. */
export interface RepoCollections {
  /** Their NSIDs, each once, in the order in which the index came to know them. */
  collections: readonly string[]
  /** Where the next page begins. Absent on the last page, and only there. */
  cursor?: string | undefined
}

/** @inline */
interface Abortable {
  signal?: AbortSignal | undefined
}

/**
 * The index, to be read and to be kept up to date by a live feed. The pairs that are new go through the sink.
 *
 * A removal is durable when it resolves, and removing what is not there is no error. A backfill that runs meanwhile may
 * have the pair on a page that it fetched before, and then adds it again.
 */
export interface CollectionIndex extends Required<RepoIndex> {
  /**
   * The collections that hold a repository.
   *
   * @throws NotIndexedError without the index by DID, which is built on request
   */
  collectionsOf(did: string, request?: IndexPageRequest): Promise<RepoCollections>
  /** Whether the index holds the pair. */
  has(collection: string, did: string, options?: Abortable): Promise<boolean>
  /** A repository, or each of several, has no record left in a collection. */
  remove(
    collection: string,
    dids: string | readonly string[],
    options?: Abortable,
  ): Promise<{ removed: number }>
  /**
   * A repository is gone from all its collections. Without the index by DID it takes a look at each collection that is
   * known, some milliseconds for a thousand.
   *
   * @returns how many collections it was in
   */
  removeRepo(did: string, options?: Abortable): Promise<{ removed: number }>
}

/** What a table of pairs takes on disk, with its keys, before and after it was made smaller. */
export interface Compacted {
  /** About how many pairs there are. */
  readonly pairs: number
  readonly bytesBefore: number
  readonly bytesAfter: number
  /** How many unfinished keys were dropped, which rebuilds that broke off had left. */
  readonly dropped: number
}

/** A database that is open, with everything that a backfill needs on it. */
export interface OpenedStore extends AsyncDisposable {
  readonly sink: IndexSink
  readonly progress: ProgressStore
  /** What the sink has written, to be read and kept up to date. */
  readonly index: CollectionIndex
  /** What a live feed keeps beside the pairs: what is gone, accounts, newcomers. */
  readonly feed: FeedStore
  /** The collections that this index knows already. */
  readonly observed: CollectionSource
  /** About what a pair takes on disk, with its key, in bytes. */
  readonly bytesPerPair: number
  /**
   * Makes the index smaller, after an import: its key grew as the pairs came, and is left with room between them. Others
   * read and write meanwhile. Does nothing where there is little to gain.
   *
   * - Postgres: builds the key anew beside the old one (`REINDEX INDEX CONCURRENTLY`), from some 145 bytes a pair, or 165
   *   after an import in the order of the DIDs, to some 127. It takes a minute or more for ten million pairs, and as much
   *   room meanwhile as the key has, 60 bytes a pair. The user must own the table, or have MAINTAIN on it
   * - SQLite: merges the pairs that still wait for it
   *
   * Safe from several processes at once, and after one that was killed: what a rebuild that broke off has left is dropped.
   */
  compact(options?: Abortable): Promise<Compacted>
  /** Closes the connections; a second call does nothing. `await using` does the same. */
  close(): Promise<void>
}
