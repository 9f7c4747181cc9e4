import { type RawBuilder, sql } from 'kysely'
import type { FeedTables } from './feed-tables.ts'
import { jsonRow, rowOf } from './json-row.ts'

/** Pairs with the collection as its number, in the order of the primary key. */
export interface NumberedPairs {
  readonly ids: readonly number[]
  readonly dids: readonly string[]
}

type ByCollection = readonly (readonly [collection: string, dids: readonly string[]])[]

/** Makes sure that each collection has a number. */
export async function addNames({ tables, table }: FeedTables, pairs: ByCollection): Promise<void> {
  const names = [...new Set(pairs.map(([collection]) => collection))].sort()
  if (names.length === 0) return
  const nsids = table('collection_index_nsid')
  await sql`
    insert into ${nsids} (nsid)
    select given.nsid from unnest(${names}::text[]) as given (nsid)
    where not exists (select from ${nsids} as known where known.nsid = given.nsid)
    order by given.nsid collate "C"
    on conflict do nothing
  `.execute(tables)
}

/** Waits for the pages under way of these collections, and keeps others out. @param names absent: all */
export async function lockCollections(
  { tables }: FeedTables,
  names: readonly string[] | undefined,
): Promise<void> {
  if (names?.length === 0) return
  await tables
    .selectFrom('collection_index_nsid')
    .select(sql`1`.as('locked'))
    .$if(names !== undefined, (query) => query.where(sql<boolean>`nsid = any (${names}::text[])`))
    .orderBy('id')
    .forUpdate()
    .execute()
}

export async function numbersOf(
  { tables }: FeedTables,
  pairs: ByCollection,
): Promise<ReadonlyMap<string, number>> {
  if (pairs.length === 0) return new Map()
  const rows = await tables
    .selectFrom('collection_index_nsid')
    .select(jsonRow<{ id: number; nsid: string }>({ id: sql.ref('id'), nsid: sql.ref('nsid') }))
    .where(sql<boolean>`nsid = any (${pairs.map(([collection]) => collection)}::text[])`)
    .execute()
  return new Map(rows.map(rowOf).map(({ id, nsid }) => [nsid, id]))
}

export function numbered(pairs: ByCollection, numbers: ReadonlyMap<string, number>): NumberedPairs {
  const rows = pairs.flatMap(([collection, dids]) => {
    const id = numbers.get(collection)
    if (id === undefined) throw new Error(`The collection ${collection} got no number.`)
    return dids.map((did) => ({ id, did }))
  })
  // Within a collection they are in order already.
  rows.sort((a, b) => a.id - b.id)
  return { ids: rows.map(({ id }) => id), dids: rows.map(({ did }) => did) }
}

/** Pairs as a table `given (id, did)`. */
export function rowsOf({ ids, dids }: NumberedPairs): RawBuilder<unknown> {
  return sql`unnest(${[...ids]}::integer[], ${[...dids]}::text[]) as given (id, did)`
}

/** @returns how many pairs were removed */
export async function removePairs({ tables, table }: FeedTables, pairs: NumberedPairs): Promise<number> {
  if (pairs.ids.length === 0) return 0
  await sql`
    insert into ${table('collection_feed_gone')} (collection_id, did)
    select given.id, given.did from ${rowsOf(pairs)} on conflict do nothing
  `.execute(tables)
  const { numAffectedRows } = await sql`
    delete from ${table('collection_index_pair')} as pair using ${rowsOf(pairs)}
    where pair.collection_id = given.id and pair.did = given.did
  `.execute(tables)
  return Number(numAffectedRows ?? 0)
}
