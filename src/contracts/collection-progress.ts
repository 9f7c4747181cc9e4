/**
 * - `pending`: it waits for a worker, or for the end of a pause
 * - `running`: a worker holds it
 * - `failed`: no worker tries it until the next run, or until it is retried
 * - `complete`: every page is in the index
 */
export type CollectionState = 'pending' | 'running' | 'failed' | 'complete'

/**
 * What an operator must know of a collection, whatever becomes of its walk. It stays until the collection is reset or
 * refreshed.
 *
 * - `cursorsChanged`: the relay's cursors changed their meaning during a walk, as those of a relay do whose database was
 *   rebuilt. What was imported before may be surplus: `verify` finds it
 * - `smallerThanTold`, `largerThanTold`: the walk came to its end with less than half, or more than twice, of what the
 *   relay's own directory told in the same run, by more than a page. Two different servers that answer in turns behind
 *   one name look like that. Without a directory, or for what it hides, there is no such flag
 * - `reposFailed`: of a host that is crawled: more of its repos could not be read than are kept to be asked for again, and
 *   are not in the index. `indexRepos` reads them, or a crawl that refreshes the host
 * - `reposCut`: of a host that is crawled: some of its repos have more collections than are taken of one, and the rest is
 *   not in the index
 * - `cancelled`: an operator cancelled it: {@link ProgressStore.cancel}. It is failed, and no run tries it again, until it is
 *   retried by its name
 */
export type CollectionFlag =
  | 'cursorsChanged'
  | 'smallerThanTold'
  | 'largerThanTold'
  | 'reposFailed'
  | 'reposCut'
  | 'cancelled'

/** How far one collection is. */
export interface CollectionProgress {
  relay: string
  collection: string
  state: CollectionState
  /** The saved cursor. Absent before the first page and once complete. */
  cursor?: string | undefined
  pages: number
  imported: number
  invalid: number
  estimatedRepos?: number | undefined
  attempts: number
  lastError?: string | undefined
  /**
   * When this walk began: when a worker took it before its first page, on the store's clock. Every page of it was read
   * after that. Absent before the first claim, and where another program has walked it.
   */
  beganAt?: Date | undefined
  completedAt?: Date | undefined
  /** What is to be known of it for good. Empty for most. */
  flags: readonly CollectionFlag[]
  /**
   * How long until a pending collection may be claimed that was set aside, after a failure or for a wait that the relay
   * asked for, in milliseconds. Absent where it may be claimed at once.
   */
  retryInMs?: number | undefined
  /**
   * How long the lease of a running collection lasts from now, in milliseconds on the store's clock: another worker may
   * take it over then, unless its own renews the lease. Absent in every other state.
   */
  leaseLeftMs?: number | undefined
  /** {@link ClaimRequest.owner} of the claim on a running collection. Absent in every other state. */
  owner?: string | undefined
}
