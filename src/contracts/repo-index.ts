import type { KnownCollection } from './collection-source.ts'

/** Which page of a list. */
export interface IndexPageRequest {
  /** Where to go on: the `cursor` of the page before, exactly as it came. Absent for the first page. */
  cursor?: string | undefined
  /** The most entries on the page, 1 to 10,000. @default 500 */
  limit?: number | undefined
  signal?: AbortSignal | undefined
}

/** One page of the repositories that the index holds for a collection. */
export interface IndexedRepos {
  /** Their DIDs, each once, in the order of their code points, which goes on from page to page. */
  dids: readonly string[]
  /** Where the next page begins. Absent on the last page, and only there. */
  cursor?: string | undefined
}

/** A page of repositories as it is served. */
export interface ServedRepos {
  /**
   * The `repos` of the answer to `com.atproto.sync.listReposByCollection`, as JSON without white space:
   * `[{"did":"did:plc:…"},…]`; a text, or its bytes in UTF-8.
   */
  json: string | Uint8Array
  /** As {@link IndexedRepos.cursor}. */
  cursor?: string | undefined
}

/** One page of the collections that the index holds. */
export interface IndexedCollections {
  /** By name, in the order of their code points. Their estimates are what the index knows without counting. */
  collections: readonly KnownCollection[]
  /** Where the next page begins. Absent on the last page, and only there. */
  cursor?: string | undefined
}

/**
 * Reads what an {@link IndexSink} has filled: the answer to "which repositories have records in this collection?". It may
 * also remove from it.
 *
 * A list is read page by page while others write to the index. A repo that is in the collection the whole time comes
 * exactly once; one that is added or removed meanwhile comes at most once. A collection that the index does not know is
 * an empty list. Pages may be shorter than `limit`, even empty: nothing but a missing cursor ends a list. Cursors hold
 * across restarts and on every instance that reads the same index. When the signal aborts, calls reject with its
 * reason.
 */
export interface RepoIndex {
  /** The repos of a collection, a page of them; none for a collection that is unknown. */
  listRepos(collection: string, request?: IndexPageRequest): Promise<IndexedRepos>
  /**
   * The same page as `listRepos`, ready to be sent: for an index that can make it in less time than the list.
   * `xrpcHandler` asks for this where it is there. Absent for an index that has no faster way.
   */
  listReposJson?(collection: string, request?: IndexPageRequest): Promise<ServedRepos>
  /**
   * The repos of all collections together, each once: as `listRepos` of one collection that all are in. Absent for an
   * index that cannot tell.
   *
   * @throws NotIndexedError without an index by DID, where one is needed
   */
  listAllRepos?(request?: IndexPageRequest): Promise<IndexedRepos>
  /** Absent for an index that cannot name its collections. */
  listCollections?(request?: IndexPageRequest): Promise<IndexedCollections>
  /**
   * Counts the repositories of one collection, exactly; the time that takes grows with it. Absent if the index cannot
   * count.
   */
  countRepos?(collection: string, options?: { signal?: AbortSignal | undefined }): Promise<number>
  /**
   * Removes repositories from a collection, at most 10,000 in one call. It is durable when it resolves, and whole or not
   * made at all. DIDs that are not there are passed over, so the same call may come again. {@link verify} removes what is
   * surplus by it. Absent if the index is only read.
   *
   * @returns how many pairs it removed
   */
  remove?(
    collection: string,
    dids: readonly string[],
    options?: { signal?: AbortSignal | undefined },
  ): Promise<{ removed: number }>
}
