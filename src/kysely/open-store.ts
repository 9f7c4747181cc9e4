import type { Kysely } from 'kysely'
import type { OpenedStore } from '../contracts/opened-store.ts'
import { BYTES_PER_PAIR } from '../util/bytes-per-pair.ts'
import { MissingTables } from '../util/missing-tables.ts'
import { collectionIndex } from './collection-index.ts'
import { compactPairs } from './compact-pairs.ts'
import { kyselyFeedStore } from './kysely-feed-store.ts'
import { kyselyIndexSink } from './kysely-index-sink.ts'
import { kyselyProgressStore } from './kysely-progress-store.ts'
import { hasTables, migrateToLatest } from './migrations.ts'
import { observedCollections } from './observed-collections.ts'
import type { BackfillDatabase, SchemaOptions } from './schema.ts'

/** A database that is open and migrated, with everything that a backfill needs on it. */
export interface OpenStore extends OpenedStore {
  /** For queries of your own: `db.selectFrom('collection_index')…`. With a `schema`, say `db.withSchema(schema)`. */
  readonly db: Kysely<BackfillDatabase>
}

export interface OpenOptions extends SchemaOptions {
  /**
   * Whether tables are created where there are none. Those of an earlier version are brought up to date in any case.
   */
  readonly creates: boolean
}

/**
 * Migrates, and hands the Kysely over to the store, which closes it; it is closed when the migration fails.
 *
 * @param release what else to close behind it
 * @throws MissingTables when there are no tables and none are to be created
 */
export async function openStore(
  db: Kysely<BackfillDatabase>,
  { creates, ...options }: OpenOptions,
  release: () => Promise<void> = async () => {},
): Promise<OpenStore> {
  let closing: Promise<void> | undefined
  const close = () => {
    closing ??= db.destroy().finally(release)
    return closing
  }
  try {
    if (!creates && !(await hasTables(db, options)))
      throw new MissingTables('The database has no tables of a backfill there.')
    await migrateToLatest(db, options)
  } catch (error) {
    await close()
    throw error
  }
  return {
    db,
    sink: kyselyIndexSink(db, options),
    progress: kyselyProgressStore(db, options),
    index: collectionIndex(db, options),
    feed: kyselyFeedStore(db, options),
    observed: observedCollections(db, options),
    bytesPerPair: BYTES_PER_PAIR.postgres,
    compact: ({ signal } = {}) => compactPairs(db, { ...options, signal }),
    close,
    [Symbol.asyncDispose]: close,
  }
}
