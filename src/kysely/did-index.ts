import { type Kysely, sql } from 'kysely'
import { abortable, sleep } from '../util/abort.ts'
import { isConflict, isCreatedAlready, toStoreError } from './database-errors.ts'
import { BUILD_POLL_MS, PAIRS_TABLE, whileNothingIsBuilt, withoutTimeouts } from './index-builds.ts'
import { type JsonRow, jsonRow, rowOf } from './json-row.ts'
import {
  type BackfillDatabase,
  backfillTables,
  catalogName,
  type SchemaOptions,
  tableName,
} from './schema.ts'
import { statement } from './transaction.ts'

const INDEX = 'collection_index_pair_did'

/** The name of what a build that broke off has left, until it is dropped. */
const UNFINISHED = 'collection_index_pair_did_unfinished'

/** Where the tables are, and what ends the wait for the index. */
export interface DidIndexOptions extends SchemaOptions {
  /** Ends the waiting. What the server is building it builds to the end, and a later call finds it. */
  signal?: AbortSignal | undefined
}

/**
 * Builds the index by DID, which `collectionsOf` needs and which makes `removeRepo` faster. The tables can be read and
 * written meanwhile. It takes minutes for tens of millions of pairs, about as much room as the primary key, and makes
 * each later write of a pair about twice as much work: build it when the import is done.
 *
 * Safe to call at every start and from several processes at once: it does nothing where the index is there, waits where
 * another call is building it, and clears away what a build that broke off has left. On Postgres it turns off the
 * timeouts that its connection began with meanwhile: behind a pooler in transaction mode, which may lend that connection
 * to others, let the server set none. Postgres
 * cannot do this on a table that is partitioned: create the index there yourself.
 *
 * @throws StoreUnavailableError when the database cannot be used at the moment, NotMigratedError without the tables,
 * otherwise the database's own error
 */
export async function createDidIndex<Database>(
  db: Kysely<Database>,
  { schema, signal }: DidIndexOptions = {},
): Promise<void> {
  signal?.throwIfAborted()
  const tables = backfillTables(db, {})
  let failure: unknown
  while ((await statement(() => stateOf(tables, { schema }))) !== 'finished') {
    if (!(await retireUnfinished(tables, { schema }))) {
      await sleep(BUILD_POLL_MS, signal)
      continue
    }
    // Two that begin at the same moment wait for each other, until the database ends one of them.
    if (failure !== undefined && !isConflict(failure)) throw toStoreError(failure)
    // A build goes on in the server when its connection is lost, or gives up waiting as one with a `query_timeout`
    // does. So what came of it is read from the catalog.
    failure = await abortable(build(tables, { schema }), signal).then(
      () => undefined,
      (error: unknown) => error,
    )
    signal?.throwIfAborted()
  }
}

/** Whether the index by DID is there and finished. */
export async function hasDidIndex<Database>(db: Kysely<Database>, options: SchemaOptions): Promise<boolean> {
  return (await stateOf(db, options)) === 'finished'
}

type Tables = Kysely<BackfillDatabase>

/** `unfinished`: it is being built, or its build broke off. */
async function stateOf<Database>(
  db: Kysely<Database>,
  options: SchemaOptions,
): Promise<'finished' | 'unfinished' | 'absent'> {
  const valid = sql`(select indisvalid from pg_catalog.pg_index
    where indexrelid = to_regclass(${catalogName(INDEX, options)}) and indrelid = pairs)`
  const { rows } = await sql<JsonRow<{ valid: boolean | null }>>`
    select ${jsonRow({ valid })}
    from cast(${catalogName(PAIRS_TABLE, options)} as regclass) as pairs
  `.execute(db)
  const found = rows[0] && rowOf(rows[0]).valid
  return found === undefined || found === null ? 'absent' : found ? 'finished' : 'unfinished'
}

/**
 * It is renamed under the lock: dropped by the index's own name, it might by then be one that another call has begun or
 * finished.
 *
 * @returns false while something is built
 */
async function retireUnfinished(db: Tables, options: SchemaOptions): Promise<boolean> {
  const retire = async (transaction: Tables) => {
    if ((await stateOf(transaction, options)) !== 'unfinished') return
    const index = tableName(INDEX, options)
    await sql`alter index ${index} rename to ${sql.id(UNFINISHED)}`.execute(transaction)
  }
  try {
    return await whileNothingIsBuilt(db, options, retire)
  } catch (error) {
    // Left from before. The build drops it, and this one is retired in the next round.
    if (isCreatedAlready(error)) return true
    throw toStoreError(error)
  }
}

async function build(db: Tables, options: SchemaOptions): Promise<void> {
  await withoutTimeouts(db, async (connection) => {
    await sql`drop index concurrently if exists ${tableName(UNFINISHED, options)}`.execute(connection)
    await sql`
      create index concurrently if not exists ${sql.id(INDEX)} on ${tableName(PAIRS_TABLE, options)} (did, collection_id)
    `.execute(connection)
  })
}
