import type {
  CrawlStoreAvailableEvent,
  CrawlStoreUnavailableEvent,
  HostPausedEvent,
  HostRequestedEvent,
  HostRetryEvent,
} from './crawl-events.ts'

/**
 * What has become of one repo.
 *
 * - `active`: its host described it, and its collections are in the index
 * - `deactivated`, `suspended`, `takendown`: its host does not serve it at the moment
 * - `notFound`: its host, or the directory of DIDs, knows nothing of it (any more)
 * - `deleted`: its owner removed the DID from the directory, for good
 * - `noHost`: the document of its DID names no host
 * - `invalid`: what was given is no DID, its document cannot be used, or its host may not be asked
 * - `failed`: it could not be found out
 */
export type RepoState =
  | 'active'
  | 'deactivated'
  | 'suspended'
  | 'takendown'
  | 'notFound'
  | 'deleted'
  | 'noHost'
  | 'invalid'
  | 'failed'

/** Everything that {@link indexRepos} tells. The loop yields the `repo` events; `onEvent` gets all of them. */
export type IndexReposEvent =
  | RepoEvent
  | HostRequestedEvent
  | HostRetryEvent
  | HostPausedEvent
  | CrawlStoreUnavailableEvent
  | CrawlStoreAvailableEvent

/** One repo is done, and what was written of it is durable. It is sent after the write, so a crash may lose one. */
export interface RepoEvent {
  type: 'repo'
  did: string
  state: RepoState
  /** Its host: the name, or the origin where that is not https on port 443. Absent where it was not found. */
  host?: string | undefined
  /** The handle that the document of its DID claims, which proves nothing. */
  handle?: string | undefined
  /** Why it is not `active`, in the words of the host or the directory. */
  reason?: string | undefined
  /** Why it failed. */
  error?: unknown
  /** The collections that its host says it has; none but for an `active` one. */
  collections: readonly string[]
  /** How many more it has, which were left out: five thousand are taken of one repo. Absent where none was. */
  leftOut?: number | undefined
  /** Those of them that were new to the index. Absent where that is not known: see {@link IndexReposOptions.removeMissing}. */
  added?: readonly string[] | undefined
  /** The collections that it was removed from. */
  removed: readonly string[]
}

/** What one run did. */
export interface IndexReposSummary {
  /** Repos that are done, repeats included. */
  repos: number
  /** How many of them are in each state. */
  states: Readonly<Record<RepoState, number>>
  /** Collections of all repos that are `active`: pairs, those that the index had included. */
  pairs: number
  /** Pairs that were new to the index, as far as the sink could tell. */
  added: number
  /** Pairs that were removed from the index. */
  removed: number
  /** Repos with more collections than are taken of one: {@link RepoEvent.leftOut}. */
  cut: number
  /** The first hundred that failed. */
  failures: readonly Pick<RepoEvent, 'did' | 'host' | 'error'>[]
  /** Requests to hosts and to the directory of DIDs. */
  requests: number
  /** How long it took, or has taken so far, in milliseconds. */
  durationMs: number
}
