import { type Kysely, type RawBuilder, sql } from 'kysely'
import { WORK_SCOPES } from '../util/scopes.ts'
import { isUnsupported } from './database-errors.ts'
import { type JsonRow, jsonRow, rowOf } from './json-row.ts'
import { type BackfillDatabase, catalogName, type SchemaOptions, tableName } from './schema.ts'

type Tables = Kysely<BackfillDatabase>

/** Collections are counted up to here: about as many pairs as one block of their primary key holds. */
const COUNTED = 100

/** A collection of the dictionary; with 0 repos when it has lost its last one. */
export interface EstimatedCollection {
  nsid: string
  estimatedRepos: number
}

/** Numbers by the name or the number of a collection. */
type Sizes<Key> = ReadonlyMap<Key, number>

/** Reads a page of the dictionary, from behind a name on, with what is known of each size. */
export type ReadEstimates = (after: string, limit: number) => Promise<EstimatedCollection[]>

/**
 * Estimates that take no more than {@link COUNTED} pairs of any collection to read.
 *
 * Each statement is about one table: where the pairs are distributed over machines, they cannot be joined with progress
 * that is not. And there, each collection is counted by itself, since a count of each row of a list is refused; that takes
 * some milliseconds a collection, so a database is asked the fast way first, and once.
 */
export function estimatesOf(tables: Tables, options: SchemaOptions): ReadEstimates {
  let counts = countTogether
  return async (after, limit) => {
    const page = await readPage(tables, options, after, limit)
    const sampled = await readSamples(tables, options)
    const imported = await readImported(tables, options, page)
    const counted = await counts(tables, options, page).catch((error: unknown) => {
      if (!isUnsupported(error)) throw error
      counts = countEach
      return counts(tables, options, page)
    })
    return page.map(({ id, nsid }) => {
      const least = counted.get(id) ?? 0
      // A collection may have grown since it was walked, or since the planner looked: the larger one is nearer.
      const known = least < COUNTED ? [] : [sampled.get(id) ?? 0, imported.get(nsid) ?? 0]
      return { nsid, estimatedRepos: Math.max(least, ...known) }
    })
  }
}

interface NamedCollection {
  id: number
  nsid: string
}

async function readPage(
  tables: Tables,
  options: SchemaOptions,
  after: string,
  limit: number,
): Promise<NamedCollection[]> {
  const row = jsonRow<NamedCollection>({ id: sql.ref('id'), nsid: sql.ref('nsid') })
  const { rows } = await sql<JsonRow<NamedCollection>>`
    select ${row} from ${tableName('collection_index_nsid', options)}
    where nsid > ${after} order by nsid limit ${limit}
  `.execute(tables)
  return rows.map(rowOf)
}

interface Counted<Key> {
  key: Key
  repos: number
}

async function sizesIn<Key>(tables: Tables, query: RawBuilder<JsonRow<Counted<Key>>>): Promise<Sizes<Key>> {
  const { rows } = await query.execute(tables)
  return new Map(rows.map(rowOf).map(({ key, repos }) => [key, Number(repos)]))
}

const COUNTED_ROW = jsonRow<Counted<never>>({ key: sql.ref('counted.id'), repos: sql.ref('counted.repos') })

/** By the planner's statistics; it knows the most common collections only, and none before the first ANALYZE. */
function readSamples(tables: Tables, options: SchemaOptions): Promise<Sizes<number>> {
  const row = jsonRow<Counted<number>>({
    key: sql.ref('common.id'),
    repos: sql`(common.frequency * class.reltuples)::bigint`,
  })
  return sizesIn(
    tables,
    sql`
      select ${row}
      from pg_catalog.pg_class class
      join pg_catalog.pg_namespace namespace on namespace.oid = class.relnamespace
      join pg_catalog.pg_stats stats on stats.schemaname = namespace.nspname and stats.tablename = class.relname
      cross join lateral unnest(stats.most_common_vals::text::integer[], stats.most_common_freqs)
        as common (id, frequency)
      where class.oid = to_regclass(${catalogName('collection_index_pair', options)}) and stats.attname = 'collection_id'
        and class.reltuples > 0 and stats.inherited = (class.relkind = 'p')
    `,
  )
}

/** The most that a walk of each has brought so far, repeats included. */
function readImported(
  tables: Tables,
  options: SchemaOptions,
  page: readonly NamedCollection[],
): Promise<Sizes<string>> {
  const row = jsonRow<Counted<string>>({ key: sql.ref('collection'), repos: sql`max(imported_count)` })
  return sizesIn(
    tables,
    sql`
      select ${row} from ${tableName('backfill_progress', options)}
      where collection = any (${page.map(({ nsid }) => nsid)}::text[]) and source !~ ${WORK_SCOPES}
      group by collection
    `,
  )
}

/** How many repos each collection has, up to {@link COUNTED}. */
type Count = (
  tables: Tables,
  options: SchemaOptions,
  page: readonly NamedCollection[],
) => Promise<Sizes<number>>

const countTogether: Count = (tables, options, page) =>
  sizesIn(
    tables,
    sql`
      select ${COUNTED_ROW}
      from (
        select page.id, few.repos
        from unnest(${page.map(({ id }) => id)}::integer[]) as page (id)
        cross join lateral (
          select count(*) as repos
          from (
            select from ${tableName('collection_index_pair', options)} pairs
            where pairs.collection_id = page.id limit ${sql.lit(COUNTED)}
          ) as pairs
        ) as few
      ) as counted
    `,
  )

/** Of so many collections in one statement. A longer one takes the database as long to plan as to run. */
const COUNTED_AT_ONCE = 50

const countEach: Count = async (tables, options, page) => {
  const counted = new Map<number, number>()
  for (let from = 0; from < page.length; from += COUNTED_AT_ONCE) {
    const counts = page.slice(from, from + COUNTED_AT_ONCE).map(
      ({ id }) => sql`
        select ${sql.lit(id)} as id, count(*) as repos
        from (
          select did from ${tableName('collection_index_pair', options)}
          where collection_id = ${sql.lit(id)} limit ${sql.lit(COUNTED)}
        ) as pairs
      `,
    )
    const sizes = await sizesIn<number>(
      tables,
      sql`select ${COUNTED_ROW} from (${sql.join(counts, sql` union all `)}) as counted`,
    )
    for (const [id, repos] of sizes) counted.set(id, repos)
  }
  return counted
}
