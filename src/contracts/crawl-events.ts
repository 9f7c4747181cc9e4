import type { CollectionFlag } from './collection-progress.ts'
import type { ClaimHolder } from './events.ts'

/**
 * Everything that a crawl tells, told apart by `type`. The loop over a crawler yields the `page` events; `onEvent` gets
 * all of them. A fault that the crawl survives shows in exactly one event.
 */
export type CrawlEvent =
  | HostsEvent
  | HostsFailedEvent
  | HostLeftOutEvent
  | HostRequestedEvent
  | HostRetryEvent
  | HostPausedEvent
  | HostStartedEvent
  | HostPageEvent
  | RepoFailedEvent
  | RepoCutEvent
  | HostFailedEvent
  | HostClaimLostEvent
  | CrawlWaitingEvent
  | CrawlStoreUnavailableEvent
  | CrawlStoreAvailableEvent

/**
 * Gets every event of a crawl at the moment it happens. The crawl does not wait for it; when it throws, or returns a
 * promise that rejects, the crawl ends with that error.
 */
export type CrawlListener = (event: CrawlEvent) => unknown

/** The hosts are known. */
export interface HostsEvent {
  type: 'hosts'
  /** How many are crawled, by this run or another. */
  hosts: number
  /** How many accounts they have together, as far as the sources tell. */
  accounts: number
  /** How many were left out, each with an event of its own. */
  leftOut: number
}

/** A source of hosts failed. The crawl goes on with the hosts that are known. */
export interface HostsFailedEvent {
  type: 'hostsFailed'
  /** {@link HostSource.name}. */
  source: string
  error: unknown
}

/** A host is not crawled. */
export interface HostLeftOutEvent {
  type: 'hostLeftOut'
  host: string
  /** Why, after its name: `is a relay`. */
  reason: string
}

/** A request to a host was answered, or failed with `error`. What a host says of a repo is an answer. */
export interface HostRequestedEvent {
  type: 'requested'
  host: string
  /** The repo that was asked for. Absent for a page of the host's list. */
  did?: string | undefined
  /** The whole time in milliseconds, with what it waited for its turn. */
  durationMs: number
  error?: unknown
}

/** A request, a write or a call to the progress store failed and is made again after `waitMs`. */
export interface HostRetryEvent {
  type: 'retry'
  /** Absent where it concerns no single host. */
  host?: string | undefined
  did?: string | undefined
  /** The source of hosts that is asked again. */
  source?: string | undefined
  /** The method of the progress store that failed. */
  call?: string | undefined
  error: unknown
  /** Which try failed, from 1. */
  attempt: number
  /** The pause before the next try, in milliseconds. */
  waitMs: number
}

/** All requests to a host wait: it refused one (`error` says how), or said that no more are allowed for now. */
export interface HostPausedEvent {
  type: 'paused'
  host: string
  /** How long from now, in milliseconds. */
  waitMs: number
  error?: unknown
}

/** A worker of this run took a host. With a cursor, it goes on from an earlier walk of its list. */
export interface HostStartedEvent {
  type: 'hostStarted'
  host: string
  cursor?: string | undefined
  /** What this walk has committed before: pages, and the active repos on them. */
  pages: number
  repos: number
}

/**
 * A page of a host's repos that is durable: the collections of each are in the index, and the cursor behind the page is
 * saved. It is sent after the commit, so a crash may lose one.
 */
export interface HostPageEvent {
  type: 'page'
  host: string
  /** What went to the index: DIDs by collection, in the order of the names. */
  collections: ReadonlyMap<string, readonly string[]>
  /** How many repos of this page their host described. */
  described: number
  /** How many accounts on this page were left out as not active. */
  inactive: number
  /** How many repos on this page the host lists as active and does not serve, or says to be another host's. */
  absent: number
  /** How many repos of this page failed, each with an event of its own. */
  failed: number
  /** How many repos of this page have more collections than are taken of one, each with an event of its own. */
  cut: number
  /** The pairs on this page. */
  pairs: number
  /** How many of them were new to the index. Absent where the sink cannot know. */
  added?: number | undefined
  /** The entries of this walk that were not valid DIDs, this page included. */
  invalid: number
  /** The pages of this walk, this one included. */
  pages: number
  /** The active repos of this walk, repeats and this page included. */
  repos: number
  /** Where the next page begins, which is what is saved. Absent once the host is complete. */
  cursor?: string | undefined
  /** Whether the host is complete: this page was its last. */
  completed: boolean
  /**
   * Whether these are repos that failed before and were asked for once more. Then it is no page of the host's list:
   * `pages`, `repos` and `invalid` are 0, and `completed` is false.
   */
  isRetry: boolean
  /** How long the commit took, in milliseconds, with its retries. */
  durationMs: number
}

/** A repo's collections cannot be had, though its host answers for others. Its host goes on. */
export interface RepoFailedEvent {
  type: 'repoFailed'
  host: string
  did: string
  error: unknown
  /**
   * Whether it is asked for once more, when all hosts are walked. If not, it has failed for this crawl: the next one asks
   * again, unless its host has the flag `reposFailed`.
   */
  willRetry: boolean
}

/** A repo has more collections than are taken of one: what an account could fill an index with. Its host goes on. */
export interface RepoCutEvent {
  type: 'repoCut'
  host: string
  did: string
  /** How many of its collections go to the index. */
  taken: number
  /** How many do not. */
  leftOut: number
}

/** The walk of a host ended with an error. */
export interface HostFailedEvent {
  type: 'hostFailed'
  host: string
  error: unknown
  /** How often it failed since its last committed page. */
  attempts: number
  /** When it is tried again, in milliseconds from now. Absent when it is not: it has failed for this run. */
  retryInMs?: number | undefined
  /** The walk begins again at the first page, once: the host refused the saved cursor, or its cursors changed. */
  restart: boolean
}

/** Another worker took a host, or a group of hosts, over. This run goes on with other work. */
export interface HostClaimLostEvent {
  type: 'claimLost'
  host: string
  error: unknown
}

/** This run has nothing to do: other workers hold what is left. As a backfill's `waiting`, with hosts. */
export interface CrawlWaitingEvent {
  type: 'waiting'
  holders: readonly ClaimHolder[]
}

/** The store cannot be used at the moment. The crawl waits `waitMs` milliseconds and asks again, as long as it takes. */
export interface CrawlStoreUnavailableEvent {
  type: 'storeUnavailable'
  error: unknown
  /** Which try failed, from 1. */
  attempt: number
  waitMs: number
}

/** The store can be used again. */
export interface CrawlStoreAvailableEvent {
  type: 'storeAvailable'
  /** How long it could not be used, in milliseconds. */
  unavailableMs: number
}

/** A repo whose collections could not be had. */
export interface RepoFailure {
  host: string
  did: string
  /** The last error, in the host's words where it gave any. */
  error: string
}

/** What one crawl did in this process. */
export interface CrawlSummary {
  /** Hosts whose last page this run committed. */
  completed: number
  /** Hosts that were left out. */
  leftOut: number
  pages: number
  /** Repos that were described. */
  described: number
  /** Accounts that are not active. */
  inactive: number
  /** Repos that their host lists as active and does not serve, or says to be another host's. */
  absent: number
  /** Repos whose collections could not be had, also when they were asked for once more. */
  failed: number
  /** The first hundred of them. */
  failures: readonly RepoFailure[]
  /** Repos with more collections than are taken of one. */
  cut: number
  /** Pairs on the pages, repeats included. */
  pairs: number
  /** Pairs that were new to the index, as far as the sink could tell. */
  added: number
  /** Entries that were not valid DIDs. */
  invalid: number
  /** Requests to hosts. */
  requests: number
  /** How long it took, or has taken so far, in milliseconds. */
  durationMs: number
}

/** The state of a host. `leftOut`: it is not crawled, as `lastError` says. */
export type HostState = 'pending' | 'running' | 'failed' | 'complete' | 'leftOut'

/** How far one host is, over all runs. */
export interface HostProgress {
  host: string
  /** The hosts that it shares a limit with: `*.host.example`. Absent for most. */
  group?: string | undefined
  state: HostState
  pages: number
  /** The active repos on those pages. */
  repos: number
  /** About how many accounts it has. */
  accounts?: number | undefined
  attempts: number
  lastError?: string | undefined
  /** What is to be known of it for good: `reposFailed`, `reposCut`, `cursorsChanged`. Empty for most. */
  flags: readonly CollectionFlag[]
  /** How many of its repos failed and are asked for once more: by the crawl that is under way, or by the next one. */
  failedRepos: number
  completedAt?: Date | undefined
  /** How long until a pending host is tried again that was set aside, in milliseconds. */
  retryInMs?: number | undefined
}

/** How far a crawl is, over all runs and workers. */
export interface CrawlStatus {
  /** Hosts registered. */
  total: number
  complete: number
  running: number
  pending: number
  failed: number
  leftOut: number
  /** Active repos on the committed pages of all hosts. */
  repos: number
  /** Repos that failed and are asked for once more, of all hosts. */
  failedRepos: number
  /** One row for each host, by name. */
  hosts: readonly HostProgress[]
}
