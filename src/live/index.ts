/**
 * Follows the live feed of a relay, its firehose or a Jetstream, so that an index stays up to date. Needs no package
 * besides those that the library brings: a websocket and a decoder.
 *
 * @module atproto-collection-backfill/live
 */

export type {
  FeedBatchEvent,
  FeedClaimLostEvent,
  FeedConnectedEvent,
  FeedDisconnectedEvent,
  FeedEvent,
  FeedGapEvent,
  FeedListener,
  FeedLiveEvent,
  FeedNoticeEvent,
  FeedRetryEvent,
  FeedStoreAvailableEvent,
  FeedStoreUnavailableEvent,
  FeedWaitingEvent,
} from '../contracts/feed-events.ts'
// Withheld: the connection, the messages and their proofs, which belong to its inside.
export { feedName } from './feed-address.ts'
export type { FeedOptions, FeedTarget } from './feed-options.ts'
export { followFeed } from './follow-feed.ts'
export type { UnprovenDeletes } from './pending-batch.ts'
