import { type Kysely, sql } from 'kysely'
import type { Compacted } from '../contracts/opened-store.ts'
import { abortable, sleep } from '../util/abort.ts'
import { isConflict, toStoreError } from './database-errors.ts'
import type { DidIndexOptions } from './did-index.ts'
import { BUILD_POLL_MS, PAIRS_TABLE, whileNothingIsBuilt, withoutTimeouts } from './index-builds.ts'
import { type JsonRow, jsonRow, rowOf } from './json-row.ts'
import {
  type BackfillDatabase,
  backfillTables,
  catalogName,
  type SchemaOptions,
  tableName,
} from './schema.ts'
import { namingErrors, statement } from './transaction.ts'

/**
 * How much larger than one that was just built a key may be, before it is built anew. An entry takes 8 bytes of its own,
 * 4 for the collection and 1 more than the DID has characters, rounded up to 8, and 4 for its place on the page; pages are
 * filled to nine tenths.
 */
const SLACK = 1.1

/**
 * Rebuilds the primary key of the pairs beside the old one, while others read and write: see `OpenedStore.compact`. It
 * leaves a key as it is that is dense already, or that another call has built meanwhile.
 *
 * It turns off the timeouts that its connection began with, as `createDidIndex` does.
 *
 * @throws BackfillError with the code `STORE_NOT_PERMITTED` when the user neither owns the table nor has MAINTAIN on it
 * (from Postgres 17 on), StoreUnavailableError when the disk has no room for the second key; what was begun is dropped then
 */
export async function compactPairs<Database>(
  db: Kysely<Database>,
  { schema, signal }: DidIndexOptions = {},
): Promise<Compacted> {
  signal?.throwIfAborted()
  const tables = backfillTables(db, {})
  const look = () => statement(() => lookAt(tables, { schema }))
  await statement(() => sql`analyze ${tableName(PAIRS_TABLE, { schema })}`.execute(tables))
  const before = await look()
  let failure: unknown
  let isBuilt = false
  let dropped = 0
  for (let now = before; ; now = await look()) {
    const isDone = now.leftovers.length === 0 && (isBuilt || failure !== undefined || isDense(now))
    if (isDone && failure !== undefined) throw toStoreError(failure)
    if (isDone) return { pairs: before.pairs, bytesBefore: before.bytes, bytesAfter: now.bytes, dropped }
    if (!(await namingErrors(() => whileNothingIsBuilt(tables, { schema })))) {
      await sleep(BUILD_POLL_MS, signal)
      continue
    }
    try {
      await abortable(rebuild(tables, now, failure === undefined && !isBuilt && !isDense(now)), signal)
      isBuilt ||= failure === undefined
      dropped += now.leftovers.length
    } catch (error) {
      signal?.throwIfAborted()
      // Two that begin at the same moment wait for each other, until the database ends one of them. What a build has left
      // is dropped in the next round, but a drop that fails is not tried again.
      if (failure !== undefined) throw toStoreError(failure)
      if (!isConflict(error)) failure = error
    }
  }
}

type Tables = Kysely<BackfillDatabase>

interface Key {
  readonly pairs: number
  /** Of the table with its keys. */
  readonly bytes: number
  /** Of the primary key alone. */
  readonly keyBytes: number
  /** The mean length of a DID, in bytes. */
  readonly didBytes: number
  /** The primary key's name, quoted. */
  readonly key: string
  /** The names, quoted, of keys that a build has left that broke off, or that is under way. */
  readonly leftovers: readonly string[]
}

/** Postgres calls the two keys of such a build by the old one's name and these endings. */
const ENDINGS = '_cc(new|old)[0-9]*$'

async function lookAt(db: Tables, options: SchemaOptions): Promise<Key> {
  const named = sql`format('%I.%I', space.nspname, name.relname)`
  const { rows } = await sql<JsonRow<Key>>`
    select ${jsonRow<Key>({
      pairs: sql`(select greatest(reltuples, 0)::bigint from pg_catalog.pg_class where oid = pairs)`,
      bytes: sql`pg_total_relation_size(pairs)`,
      keyBytes: sql`(select pg_relation_size(indexrelid) from pg_catalog.pg_index where indrelid = pairs and indisprimary)`,
      didBytes: sql`coalesce((
        select avg_width - 1 from pg_catalog.pg_stats as stats, pg_catalog.pg_class as name, pg_catalog.pg_namespace as space
        where name.oid = pairs and space.oid = name.relnamespace
        and stats.schemaname = space.nspname and stats.tablename = name.relname and stats.attname = 'did'), 32)`,
      key: sql`(
        select ${named} from pg_catalog.pg_index, pg_catalog.pg_class as name, pg_catalog.pg_namespace as space
        where indrelid = pairs and indisprimary and name.oid = indexrelid and space.oid = name.relnamespace)`,
      leftovers: sql`coalesce((
        select json_agg(${named}) from pg_catalog.pg_index, pg_catalog.pg_class as name, pg_catalog.pg_namespace as space
        where indrelid = pairs and not indisvalid and name.oid = indexrelid and space.oid = name.relnamespace
        and name.relname ~ ${ENDINGS}), '[]')`,
    })}
    from cast(${catalogName(PAIRS_TABLE, options)} as regclass) as pairs
  `.execute(db)
  const [row] = rows
  if (row === undefined) throw new Error('The table of the pairs is missing: run migrateToLatest.')
  return rowOf(row)
}

function isDense({ pairs, keyBytes, didBytes }: Key): boolean {
  const entry = 8 + Math.ceil((4 + 1 + didBytes) / 8) * 8 + 4
  return keyBytes <= 1_000_000 || keyBytes <= (pairs * entry * SLACK) / 0.9
}

async function rebuild(db: Tables, { key, leftovers }: Key, builds: boolean): Promise<void> {
  await withoutTimeouts(db, async (connection) => {
    for (const name of leftovers)
      await sql`drop index concurrently if exists ${sql.raw(name)}`.execute(connection)
    if (builds) await sql`reindex index concurrently ${sql.raw(key)}`.execute(connection)
  })
}
