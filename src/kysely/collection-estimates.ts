import { type Kysely, sql } from 'kysely'
import { type JsonRow, jsonRow, rowOf } from './json-row.ts'
import { type BackfillDatabase, catalogName, type SchemaOptions, tableName } from './schema.ts'

/** Collections are counted up to here: about as many pairs as one block of their primary key holds. */
export const COUNTED = 100

/** A collection of the dictionary; with 0 repos when it has lost its last one. */
export interface EstimatedCollection {
  nsid: string
  estimatedRepos: number
}

interface Row {
  nsid: string
  /** Up to {@link COUNTED}. */
  counted: number
  /** By the planner's statistics; it knows the most common collections only, and none before the first ANALYZE. */
  sampled: number | null
  /** The most that a walk of it has brought so far, repeats included. */
  imported: number | null
}

/**
 * A page of the dictionary with what is known of each size, without reading more than {@link COUNTED} pairs of any
 * collection.
 */
export async function readCollections(
  tables: Kysely<BackfillDatabase>,
  options: SchemaOptions,
  after: string,
  limit: number,
): Promise<EstimatedCollection[]> {
  const pairs = tableName('collection_index_pair', options)
  const row = jsonRow<Row>({
    nsid: sql.ref('page.nsid'),
    counted: sql.ref('counted.repos'),
    sampled: sql`sampled.repos::bigint`,
    imported: sql.ref('imported.repos'),
  })
  const { rows } = await sql<JsonRow<Row>>`
    with page as (
      select id, nsid from ${tableName('collection_index_nsid', options)}
      where nsid > ${after} order by nsid limit ${limit}
    ), sampled as (
      select common.id, common.frequency * class.reltuples as repos
      from pg_catalog.pg_class class
      join pg_catalog.pg_namespace namespace on namespace.oid = class.relnamespace
      join pg_catalog.pg_stats stats on stats.schemaname = namespace.nspname and stats.tablename = class.relname
      cross join lateral unnest(stats.most_common_vals::text::integer[], stats.most_common_freqs)
        as common (id, frequency)
      where class.oid = to_regclass(${catalogName('collection_index_pair', options)}) and stats.attname = 'collection_id'
        and class.reltuples > 0 and stats.inherited = (class.relkind = 'p')
    )
    select ${row}
    from page
    cross join lateral (
      select count(*) as repos
      from (select from ${pairs} pairs where pairs.collection_id = page.id limit ${COUNTED}) as few
    ) as counted
    cross join lateral (
      select max(imported_count) as repos from ${tableName('backfill_progress', options)} progress
      where progress.collection = page.nsid collate "default"
    ) as imported
    left join sampled on sampled.id = page.id
    order by page.nsid
  `.execute(tables)
  return rows.map((found) => estimateOf(rowOf(found)))
}

/** A collection may have grown since it was walked, or since the planner looked: the larger one is nearer. */
function estimateOf({ nsid, counted, sampled, imported }: Row): EstimatedCollection {
  const least = Number(counted)
  if (least < COUNTED) return { nsid, estimatedRepos: least }
  return { nsid, estimatedRepos: Math.max(least, Number(sampled ?? 0), Number(imported ?? 0)) }
}
