import { type Kysely, sql } from 'kysely'
import type { IndexBatch, IndexSink } from '../index-sink.ts'
import { backfillTables, databaseOf, type SchemaOptions, tableName } from './schema.ts'
import { namingErrors, statement } from './transaction.ts'

/**
 * A sink that writes the pairs to Postgres, PGlite or a database that speaks their SQL, one statement for each page.
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
      if (transaction === undefined) return { added: await addPairs(db, batch, options, statement) }
      if (!belongsTo(database, transaction)) {
        throw new TypeError(
          'The transaction given to kyselyIndexSink is not one of its own Kysely. ' +
            'Pass it only when progress.database === sink.database, and leave it out otherwise.',
        )
      }
      // A failed statement ends the whole transaction, so only its owner can repeat it.
      return { added: await addPairs(transaction, batch, options, namingErrors) }
    },
  }
}

type Run = <T>(operation: () => Promise<T>) => Promise<T>

/**
 * The collection's number is looked up in the statement that uses it, never remembered: a number from a transaction
 * that was rolled back would leave pairs that belong to no collection.
 */
async function addPairs<Database>(
  db: Kysely<Database>,
  batch: IndexBatch,
  options: SchemaOptions,
  run: Run,
): Promise<number> {
  const first = await run(() => insertPairs(db, batch, options))
  if (first.known) return first.added
  await run(() => insertCollection(db, batch.collection, options))
  const second = await run(() => insertPairs(db, batch, options))
  // Without the number nothing was written, and to say otherwise would lose the page.
  if (!second.known)
    throw new Error(`The collection ${batch.collection} cannot be read back after it was written.`)
  return second.added
}

/**
 * The order keeps overlapping pages from waiting for each other in a circle. Counting the dictionary's row in the same
 * statement tells a page that brought nothing new from a collection that nobody has written yet.
 */
async function insertPairs<Database>(
  db: Kysely<Database>,
  { collection, dids }: IndexBatch,
  options: SchemaOptions,
): Promise<{ known: boolean; added: number }> {
  const { rows } = await sql<{ known: boolean; added: string | number }>`
    with known as (
      select id from ${tableName('collection_index_nsid', options)} where nsid = ${collection}
    ), added as (
      insert into ${tableName('collection_index_pair', options)} (collection_id, did)
      select known.id, page.did from known, unnest(${dids}::text[]) as page(did)
      order by page.did collate "C"
      on conflict do nothing
      returning 1
    )
    select exists (select from known) as known, (select count(*) from added) as added
  `.execute(db.withoutPlugins())
  return { known: rows[0]?.known ?? false, added: Number(rows[0]?.added ?? 0) }
}

async function insertCollection<Database>(
  db: Kysely<Database>,
  nsid: string,
  options: SchemaOptions,
): Promise<void> {
  await backfillTables(db, options)
    .insertInto('collection_index_nsid')
    .values({ nsid })
    .onConflict((conflict) => conflict.doNothing())
    .execute()
}

/** Looks at the shape and not at the class: the caller's Kysely may be another copy of the package. */
function belongsTo(database: object, transaction: unknown): transaction is Kysely<unknown> {
  const candidate = transaction as Partial<Kysely<unknown>> | null
  return candidate?.isTransaction === true && candidate.getExecutor?.().adapter === database
}
