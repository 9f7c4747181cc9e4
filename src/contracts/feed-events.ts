import type { ClaimHolder } from './events.ts'

/**
 * What a follower of a feed tells. `feed` is the name under which the feed's cursor is kept: `feed:` and its address, as
 * `feed:wss://relay.example`.
 */
export type FeedEvent =
  | FeedConnectedEvent
  | FeedLiveEvent
  | FeedBatchEvent
  | FeedGapEvent
  | FeedNoticeEvent
  | FeedDisconnectedEvent
  | FeedWaitingEvent
  | FeedClaimLostEvent
  | FeedRetryEvent
  | FeedStoreUnavailableEvent
  | FeedStoreAvailableEvent

/** Gets every event of a follower. What it throws, or rejects with, ends the follower with that error. */
export type FeedListener = (event: FeedEvent) => unknown

/** The connection is open. */
export interface FeedConnectedEvent {
  type: 'connected'
  feed: string
  /** From where the feed was asked to go on. Absent: from now on. */
  cursor?: string | undefined
}

/**
 * The feed is followed: whatever it tells from now on comes into the index. A backfill that begins now misses nothing.
 * Sent for each connection, and once where another process follows the feed.
 */
export interface FeedLiveEvent {
  type: 'live'
  feed: string
  /** `FeedStore.followedSince`: what was imported before that moment is to be imported again. */
  since: Date
  /** Where the feed goes on. Absent where it begins now, and where another process follows it. */
  cursor?: string | undefined
  /** Whether another process follows the feed, and this one waits. */
  elsewhere: boolean
}

/** What the feed told in about a second is durable, with its cursor. */
export interface FeedBatchEvent {
  type: 'batch'
  feed: string
  /** Up to where the feed was read: the number of the last message, or its time for a Jetstream. */
  cursor: string
  /** How many messages these were, those included that change nothing. */
  messages: number
  /** Pairs that were new to the index. */
  added: number
  /** Pairs that were in the index and are not any more. */
  removed: number
  /** Accounts and repos that were told of. */
  accounts: number
  /** The DIDs of repos that were noted to be looked up at their hosts. */
  toLookUp: readonly string[]
  /** Messages, and records in them, that cannot be: no DID, no NSID, not decodable. */
  invalid: number
  /** How old the last message was when it was read, in milliseconds on this machine's clock. Absent where it says no time. */
  lagMs?: number | undefined
  /** How long the commit took, in milliseconds, with its retries. */
  durationMs: number
}

/**
 * What came before is missing in part, and the backlog is to be imported again: `refreshBefore: since`. It is durable in
 * `FeedStore.followedSince`.
 *
 * - `begin`: the feed is followed for the first time
 * - `outdatedCursor`: the relay does not keep its feed back to the saved cursor
 * - `futureCursor`: the relay has not come to the saved cursor yet; it was rebuilt, or is another one
 */
export interface FeedGapEvent {
  type: 'gap'
  feed: string
  reason: 'begin' | 'outdatedCursor' | 'futureCursor'
  since: Date
}

/** The relay says something that is no event of a repo, in a word of later days. */
export interface FeedNoticeEvent {
  type: 'notice'
  feed: string
  name: string
  message?: string | undefined
}

/** The connection is over, or did not come about. It is opened again after `retryInMs` milliseconds, for ever. */
export interface FeedDisconnectedEvent {
  type: 'disconnected'
  feed: string
  /** A `RelayError`; its `error` is `ConsumerTooSlow` where the relay did not want to wait any more. */
  error: unknown
  retryInMs: number
}

/** Another process follows the feed. This one takes over when it stops. Without holders: it is this one's turn. */
export interface FeedWaitingEvent {
  type: 'waiting'
  feed: string
  holders: readonly ClaimHolder[]
}

/** Another process has taken the feed over. This one waits for its turn. */
export interface FeedClaimLostEvent {
  type: 'claimLost'
  feed: string
  error: unknown
}

/** A write failed and is made again after `waitMs` milliseconds. */
export interface FeedRetryEvent {
  type: 'retry'
  feed: string
  error: unknown
  /** Which try failed, from 1. */
  attempt: number
  waitMs: number
}

/** The store cannot be used at the moment. The feed waits for it, on the relay's side as far as the relay keeps it. */
export interface FeedStoreUnavailableEvent {
  type: 'storeUnavailable'
  feed: string
  error: unknown
  /** Which try failed, from 1. */
  attempt: number
  waitMs: number
}

/** The store can be used again. */
export interface FeedStoreAvailableEvent {
  type: 'storeAvailable'
  feed: string
  /** How long it could not be used, in milliseconds. */
  unavailableMs: number
}
