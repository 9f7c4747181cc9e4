/**
 * Index, progress and read side on a Kysely of your own, for Postgres and PGlite. Needs `kysely`.
 *
 * @module atproto-collection-backfill/kysely
 */

// The adapters and the shapes that a user's own code names. Withheld: how errors are told apart and transactions
// repeated, which belong to the adapters' inside.
export type { CollectionIndex, Compacted, RepoCollections } from '../contracts/opened-store.ts'
export { NotIndexedError } from '../util/not-indexed-error.ts'
export { collectionIndex } from './collection-index.ts'
export { compactPairs } from './compact-pairs.ts'
export { createDidIndex, type DidIndexOptions } from './did-index.ts'
export { kyselyFeedStore } from './kysely-feed-store.ts'
export { kyselyIndexSink } from './kysely-index-sink.ts'
export { kyselyProgressStore } from './kysely-progress-store.ts'
export { migrateToLatest } from './migrations.ts'
export { observedCollections } from './observed-collections.ts'
export type { OpenStore } from './open-store.ts'
export type {
  BackfillDatabase,
  BackfillProgressTable,
  CollectionFeedAccountTable,
  CollectionFeedCountsTable,
  CollectionFeedFollowedTable,
  CollectionFeedGoneTable,
  CollectionFeedNewcomerTable,
  CollectionFeedToLookUpTable,
  CollectionIndexNsidTable,
  CollectionIndexPairTable,
  CollectionIndexView,
  SchemaOptions,
} from './schema.ts'
export { NotMigratedError } from './table-errors.ts'
