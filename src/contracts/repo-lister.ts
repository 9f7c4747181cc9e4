import type { CollectionSource } from './collection-source.ts'
import type { PacedRelay } from './paced-relay.ts'

/** What to ask a relay for: one page of one collection. */
export interface RepoListRequest {
  /** The collection's NSID. */
  collection: string
  /** Where to go on: the `cursor` of the page before, exactly as it came. Absent for the first page. */
  cursor?: string | undefined
  signal?: AbortSignal | undefined
}

/** One page of a collection's repositories. */
export interface RepoPage {
  /** The repositories' DIDs in the server's order; each one is a valid DID. May hold repeats, may be empty. */
  dids: readonly string[]
  /** Where the next page begins. Absent on the last page, and only there: nothing else ends the list. */
  cursor?: string | undefined
  /** How many entries of the page were not valid DIDs and are not in `dids`. @default 0 */
  invalid?: number | undefined
  /**
   * How many entries of the page were left out because their accounts are not active: of a list of repos those that the
   * server calls deleted or taken down, of a list of accounts all that have no repo at the moment. @default 0
   */
  inactive?: number | undefined
}

/** A pause of all requests to a server. */
export interface RelayPause {
  /** How long from now, in milliseconds. */
  waitMs: number
  /** The refusal that made it necessary. Absent when the server said beforehand that no more requests are allowed. */
  error?: unknown
}

/**
 * Lists the repositories of a collection, page by page: a relay behind `com.atproto.sync.listReposByCollection`,
 * or anything else that has such lists.
 *
 * `listRepos` is called for one page after the other of a collection, and for several collections at once. It makes
 * one attempt; the caller tries again. It rejects if it cannot have the whole page: a page that is cut
 * short or malformed is an error and never the end of the list. An error with `retryable: false` is not tried again;
 * one with `retryAfterMs` not before that. When the signal aborts, it rejects soon, with the signal's reason.
 *
 * A cursor leads to the same place in the list for as long as a walk lasts, over all runs. Before a walk of several pages
 * is complete, and when it goes on, its first page is asked for again; where that has another cursor by then, the first
 * cursor is, too.
 *
 * An error with `cursorRefused: true` says that the server answered a request that carried a cursor with an error, so
 * the cursor may be what it refused: a server whose database was rebuilt knows no old cursors. When it serves the first
 * page, the walk then begins anew. A timeout, a network failure or a server that wants fewer requests is not such an
 * error.
 */
export interface RepoLister extends PacedRelay {
  /**
   * Whose cursors these are: the server's host, or its whole origin when it is not https on port 443. Progress is
   * kept by this name and a cursor is never sent to a lister of another name, so it must not change between runs.
   */
  readonly relay: string
  /**
   * The collections that this relay knows itself. A run with the default sources asks it, and goes on without it if the
   * relay has no such list or takes longer than ten seconds.
   */
  readonly directory?: CollectionSource | undefined
  /** How many repositories it asks for in a page. Absent if it does not ask for a number. */
  readonly pageSize?: number | undefined
  /** One page, by one request. Rejects for anything that is not a whole page. */
  listRepos(request: RepoListRequest): Promise<RepoPage>
  /**
   * Called once before a run. Rejects if this server cannot serve a backfill: it is empty, or lacks the method.
   * `collections` are those that the run was given by name: a network of one's own may have no others.
   */
  check?(options?: {
    signal?: AbortSignal | undefined
    collections?: readonly string[] | undefined
  }): Promise<void>
  /**
   * Calls `listener`, until the signal aborts, each time that all requests to this server have to wait. Absent if a
   * lister has no such pauses.
   */
  onPause?(listener: (pause: RelayPause) => void, signal: AbortSignal): void
}
