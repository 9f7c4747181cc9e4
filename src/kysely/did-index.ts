import { type Kysely, type RawBuilder, sql } from 'kysely'
import { abortable, sleep } from '../util/abort.ts'
import { codeOf, hasGivenUp, isConflict, toStoreError } from './database-errors.ts'
import { type BackfillDatabase, backfillTables, catalogName, type SchemaOptions } from './schema.ts'
import { inTransaction, retryingConflicts, statement } from './transaction.ts'

const TABLE = 'collection_index_pair'
const INDEX = 'collection_index_pair_did'

/** How often a call looks whether the one that builds the index is done, in milliseconds. */
const POLL_MS = 500

/** What `nowait` gives where a lock is not free. */
const LOCK_NOT_AVAILABLE = '55P03'

export interface DidIndexOptions extends SchemaOptions {
  /** Ends the waiting. What the server is building it builds to the end, and a later call finds it. */
  signal?: AbortSignal | undefined
}

/**
 * Builds the index by DID, which `collectionsOf` needs and which makes `removeRepo` faster. Everybody reads and writes as
 * before meanwhile. It takes minutes for tens of millions of pairs, about as much room as the primary key, and makes
 * each later write of a pair about twice as much work: build it when the import is done.
 *
 * Safe to call at every start and from several processes at once: it does nothing where the index is there, waits
 * where another call is building it, and clears away what a build that broke off has left. A partitioned table gets it
 * partition by partition. On Postgres it turns off the timeouts of its own connection, which a pooler in transaction mode
 * must not share with others.
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
  const table = sql<{ oid: number }>`select ${catalogName(TABLE, { schema })}::regclass::oid as oid`
  const { rows } = await statement(() => table.execute(tables))
  // With one connection, there is nobody to be locked out, and nobody to wait for.
  const alone = db.getExecutor().adapter.supportsMultipleConnections === false
  for (const { oid } of rows) await buildOn({ db: tables, alone, signal }, oid, INDEX)
}

/** Whether the index by DID is there and finished. */
export async function hasDidIndex<Database>(db: Kysely<Database>, options: SchemaOptions): Promise<boolean> {
  const { rows } = await sql<{ valid: boolean }>`
    select indisvalid as valid from pg_catalog.pg_index
    where indexrelid = to_regclass(${catalogName(INDEX, options)})
      and indrelid = to_regclass(${catalogName(TABLE, options)})
  `.execute(db)
  return rows[0]?.valid === true
}

type Tables = Kysely<BackfillDatabase>

interface Builder {
  readonly db: Tables
  /** Whether this is the only connection that the database can have. */
  readonly alone: boolean
  readonly signal: AbortSignal | undefined
}

/** A table, or a partition of one, and its index by DID. Names are as SQL has them, quoted and qualified where they must be. */
interface Found {
  table: string
  partitioned: boolean
  index: string | null
  indexOid: number | null
  valid: boolean | null
}

async function find(db: Tables, table: number, indexName: string): Promise<Found> {
  const { rows } = await sql<Found>`
    select class.oid::regclass::text as table, class.relkind = 'p' as partitioned,
      index.oid::regclass::text as index, index.oid as "indexOid", index.indisvalid as valid
    from pg_catalog.pg_class class
    left join (
      select oid, indrelid, indisvalid from pg_catalog.pg_class
      join pg_catalog.pg_index on indexrelid = oid where relname = ${indexName}
    ) as index on index.indrelid = class.oid
    where class.oid = ${table}
  `.execute(db)
  const [found] = rows
  if (found === undefined)
    throw new Error('A table of the index was dropped while its index by DID was built.')
  return found
}

async function buildOn(builder: Builder, table: number, indexName: string): Promise<void> {
  const { db, alone } = builder
  const found = await statement(() => find(db, table, indexName))
  if (found.valid) return
  if (found.partitioned) await buildOnPartitions(builder, table, indexName)
  else if (alone) await statement(() => create(db, found, indexName))
  else await buildConcurrently(builder, table, indexName)
}

/** The table's own index has no entries: it is finished once each partition's is attached, and new partitions follow it. */
async function buildOnPartitions(builder: Builder, table: number, indexName: string): Promise<void> {
  const { db } = builder
  const whole = await statement(() => find(db, table, indexName))
  await statement(() => create(db, { table: `only ${whole.table}` }, indexName))
  const { index } = await statement(() => find(db, table, indexName))
  const without = sql<{ oid: number }>`
    select partition.inhrelid as oid from pg_catalog.pg_inherits partition
    where partition.inhparent = ${table} and not exists (
      select from pg_catalog.pg_inherits attached
      join pg_catalog.pg_index on indexrelid = attached.inhrelid and indrelid = partition.inhrelid
      where attached.inhparent = ${index}::regclass
    ) order by partition.inhrelid`
  const { rows } = await statement(() => without.execute(db))
  for (const { oid } of rows) {
    const name = `${INDEX}_${oid}`
    await buildOn(builder, oid, name)
    const built = await statement(() => find(db, oid, name))
    const attach = sql`alter index ${inSql(index)} attach partition ${inSql(built.index)}`
    await statement(() => attach.execute(db))
  }
}

/**
 * A build goes on in the server when the connection that asked for it is lost, or gives up waiting as one with a
 * `query_timeout` does. So what came of it is read from the catalog.
 */
async function buildConcurrently({ db, signal }: Builder, table: number, indexName: string): Promise<void> {
  let failure: unknown
  for (;;) {
    const found = await statement(() => find(db, table, indexName))
    if (found.valid) return
    if (!(await retireUnfinished(db, found, table, indexName))) {
      await sleep(POLL_MS, signal)
      continue
    }
    // Two that begin at the same moment wait for each other, until the database ends one of them.
    if (failure !== undefined && !isConflict(failure)) throw toStoreError(failure)
    const attempt = withoutTimeouts(db, async (connection) => {
      await dropRetired(connection, table, indexName)
      await create(connection, found, indexName, sql`concurrently`)
    })
    failure = await abortable(attempt, signal).then(
      () => undefined,
      (error: unknown) => error,
    )
    signal?.throwIfAborted()
  }
}

/**
 * Whoever builds an index concurrently holds this lock until the end. Who gets it knows that an index which is not
 * finished never will be, and renames it: so nobody can drop one that was finished in the meantime.
 *
 * @returns false when the lock is not to be had: the index is being built, or the table vacuumed
 */
async function retireUnfinished(
  db: Tables,
  { table }: Found,
  oid: number,
  indexName: string,
): Promise<boolean> {
  const retire = async (transaction: Tables) => {
    await sql`lock table only ${inSql(table)} in share update exclusive mode nowait`.execute(transaction)
    const { index, indexOid, valid } = await find(transaction, oid, indexName)
    if (index === null || valid) return
    const retired = sql.id(`${retiredPrefix(indexName)}${indexOid}`)
    await sql`alter index ${inSql(index)} rename to ${retired}`.execute(transaction)
  }
  try {
    await retryingConflicts(() => inTransaction(db, retire))
    return true
  } catch (error) {
    if (codeOf(error) === LOCK_NOT_AVAILABLE) return false
    throw toStoreError(error)
  }
}

async function dropRetired(connection: Tables, table: number, indexName: string): Promise<void> {
  const retired = sql<{ name: string }>`
    select oid::regclass::text as name from pg_catalog.pg_class
    join pg_catalog.pg_index on indexrelid = oid
    where indrelid = ${table} and starts_with(relname, ${retiredPrefix(indexName)})`
  const { rows } = await retired.execute(connection)
  for (const { name } of rows) await sql`drop index concurrently if exists ${inSql(name)}`.execute(connection)
}

function retiredPrefix(indexName: string): string {
  return `${indexName}_unfinished_`
}

async function create(
  db: Tables,
  { table }: Pick<Found, 'table'>,
  indexName: string,
  how: RawBuilder<unknown> = sql``,
): Promise<void> {
  await sql`
    create index ${how} if not exists ${sql.id(indexName)} on ${inSql(table)} (did, collection_id)
  `.execute(db)
}

/** A build takes longer than any statement of a backfill, and waits for everybody's transactions to end. */
async function withoutTimeouts(db: Tables, body: (connection: Tables) => Promise<void>): Promise<void> {
  await db.connection().execute(async (connection) => {
    await sql`set statement_timeout = 0`.execute(connection)
    await sql`set lock_timeout = 0`.execute(connection)
    try {
      await body(connection)
    } finally {
      await resetTimeouts(connection)
    }
  })
}

/** A connection that gave up on a build is not lent to anybody before the server is done with it. */
async function resetTimeouts(connection: Tables): Promise<void> {
  for (const setting of ['statement_timeout', 'lock_timeout']) {
    const reset = sql`reset ${sql.id(setting)}`
    let error: unknown
    do {
      error = await reset.execute(connection).then(
        () => undefined,
        (reason: unknown) => reason,
      )
    } while (hasGivenUp(error))
  }
}

/** A name that the catalog gave as a text. */
function inSql(name: string | null): RawBuilder<unknown> {
  return sql.raw(name ?? '')
}
