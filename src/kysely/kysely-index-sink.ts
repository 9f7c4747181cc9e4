import { type Kysely, type RawBuilder, sql } from 'kysely'
import type { IndexBatch, IndexSink } from '../contracts/index-sink.ts'
import { databaseOf, type SchemaOptions, tableName } from './schema.ts'
import { namingErrors, statement } from './transaction.ts'

/**
 * A sink that writes the pairs to Postgres, PGlite or a database that speaks their SQL, one statement for each batch.
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
      if (transaction === undefined) return { added: await statement(() => addPairs(db, batch, options)) }
      if (!belongsTo(database, transaction)) {
        throw new TypeError(
          'The transaction given to kyselyIndexSink is not one of its own Kysely. ' +
            'Pass it only when progress.database === sink.database, and leave it out otherwise.',
        )
      }
      // A failed statement ends the whole transaction, so only its owner can repeat it.
      return { added: await namingErrors(() => addPairs(transaction, batch, options)) }
    },
  }
}

/**
 * The collection's number is looked up in the statement that uses it, or given there when it has none. It is never
 * remembered: a number from a transaction that was rolled back would leave pairs that belong to no collection. The
 * update changes nothing; it gives the number of a collection that somebody else wrote at the same moment.
 *
 * The order keeps overlapping batches from waiting for each other in a circle. Whoever adds several in one transaction
 * gives that up: the database ends one of two that cross as a deadlock, and that is run again.
 */
async function addPairs<Database>(
  db: Kysely<Database>,
  { collection, dids }: IndexBatch,
  options: SchemaOptions,
): Promise<number> {
  const collections = tableName('collection_index_nsid', options)
  const { numAffectedRows } = await sql`
    with known as (
      select id from ${collections} where nsid = ${collection}
    ), created as (
      insert into ${collections} (nsid)
      select ${collection}::text where not exists (select from known)
      on conflict (nsid) do update set nsid = excluded.nsid
      returning id
    )
    insert into ${tableName('collection_index_pair', options)} (collection_id, did)
    select coalesce((select id from known), (select id from created)), page.did
    from unnest(${textArray(dids)}) as page(did)
    order by page.did collate "C"
    on conflict do nothing
  `.execute(db.withoutPlugins())
  return Number(numAffectedRows ?? 0)
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

/** Looks at the shape and not at the class: the caller's Kysely may be another copy of the package. */
function belongsTo(database: object, transaction: unknown): transaction is Kysely<unknown> {
  const candidate = transaction as Partial<Kysely<unknown>> | null
  return candidate?.isTransaction === true && candidate.getExecutor?.().adapter === database
}
