import { type Kysely, type RawBuilder, sql } from 'kysely'
import type { IndexBatch, IndexSink } from '../contracts/index-sink.ts'
import { type JsonRow, jsonRow, rowOf } from './json-row.ts'
import { type BackfillDatabase, backfillTables, databaseOf, type SchemaOptions, tableName } from './schema.ts'
import { inTransaction, namingErrors, ownTransaction, statement } from './transaction.ts'

/**
 * A sink that writes the pairs to Postgres, PGlite or a database that speaks their SQL, one insert for each batch.
 * Run `migrateToLatest(db)` first. The Kysely stays the caller's: it is never closed here.
 *
 * Together with a `kyselyProgressStore` on the same Kysely, pairs and cursor are committed in one transaction.
 */
export function kyselyIndexSink<Database>(db: Kysely<Database>, options: SchemaOptions = {}): IndexSink {
  const database = databaseOf(db)
  return {
    database,
    async add(batch, { transaction, signal } = {}) {
      signal?.throwIfAborted()
      if (batch.dids.length === 0) return { added: 0 }
      if (transaction === undefined) {
        const alone = () => inTransaction(db, (own) => addPairs(own, batch, options))
        return { added: await statement(alone) }
      }
      // A failed statement ends the whole transaction, so only its owner can repeat it.
      const given = ownTransaction(database, transaction)
      return { added: await namingErrors(() => addPairs(given, batch, options)) }
    },
  }
}

/**
 * The collection's number is looked up in the transaction that uses it, or given there when it has none. It is never
 * remembered: a number from a transaction that was rolled back would leave pairs that belong to no collection.
 *
 * What a feed told to be gone is left out, also what it tells at the same moment: the dictionary's row is locked before
 * the statement that looks, and a feed locks it otherwise before it removes. So either sees what the other has written.
 * Where a feed has told nothing of the collection, that costs no more than the lock.
 *
 * The order keeps overlapping batches from waiting for each other in a circle. Whoever adds several in one transaction
 * gives that up: the database ends one of two that cross as a deadlock, and that is run again.
 */
async function addPairs<Database>(
  db: Kysely<Database>,
  { collection, dids }: IndexBatch,
  options: SchemaOptions,
): Promise<number> {
  const tables = backfillTables(db, options)
  const id = (await lockedNumber(tables, collection)) ?? (await newNumber(tables, collection, options))
  // As an array, the page is looked up in the index of what is gone whatever the planner knows of that table by then.
  const { numAffectedRows } = await sql`
    with page (did) as materialized (
      select did from unnest(${textArray(dids)}) as given (did)
    ), gone (did) as materialized (
      select did from ${tableName('collection_feed_gone', options)}
      where collection_id in (0, ${id}::integer) and did = any (array (select did from page))
    )
    insert into ${tableName('collection_index_pair', options)} (collection_id, did)
    select ${id}::integer, page.did from page
    where page.did not in (select did from gone)
    order by page.did collate "C"
    on conflict do nothing
  `.execute(tables)
  return Number(numAffectedRows ?? 0)
}

/** The number of a collection, which no feed can remove from until the transaction ends. */
async function lockedNumber(
  tables: Kysely<BackfillDatabase>,
  collection: string,
): Promise<number | undefined> {
  const known = tables
    .selectFrom('collection_index_nsid')
    .select(jsonRow<{ id: number }>({ id: sql.ref('id') }))
    .where('nsid', '=', collection)
    .forKeyShare()
  const row = await known.executeTakeFirst()
  return row && rowOf(row).id
}

/**
 * Gives a collection its number. A feed that removes an account has locked the row of the counts, so that no collection
 * comes into being which it did not see. The update changes nothing; it gives the number of a collection that somebody
 * else wrote at the same moment.
 */
async function newNumber(
  tables: Kysely<BackfillDatabase>,
  collection: string,
  options: SchemaOptions,
): Promise<number> {
  await tables.selectFrom('collection_feed_counts').select('id').forShare().execute()
  const { rows } = await sql<JsonRow<{ id: number }>>`
    insert into ${tableName('collection_index_nsid', options)} (nsid) values (${collection})
    on conflict (nsid) do update set nsid = excluded.nsid
    returning ${jsonRow<{ id: number }>({ id: sql.ref('id') })}
  `.execute(tables)
  const [row] = rows
  if (row === undefined) throw new Error(`The collection ${collection} got no number.`)
  return rowOf(row).id
}

/**
 * One text costs both sides less than an array, whose entries are quoted one by one. No DID has a comma in it, but
 * nothing keeps a caller from other strings.
 */
function textArray(texts: readonly string[]): RawBuilder<unknown> {
  const joined = texts.join(',')
  const isExact = joined !== '' && !texts.some((text) => text.includes(','))
  return isExact ? sql`string_to_array(${joined}, ',')` : sql`${texts}::text[]`
}
