import { sql } from 'kysely'
import type { FeedTables } from './feed-tables.ts'
import { type JsonRow, jsonRow, rowOf } from './json-row.ts'
import { type NumberedPairs, rowsOf } from './kysely-feed-pairs.ts'

interface Counts {
  /** The next newcomer comes right after this position. */
  readonly before: number
  /** How many newcomers are kept. */
  readonly newcomers: number
  readonly notes: number
}

/** By the clock, so that a database which went back to a backup gives no position twice. */
export async function lockCounts({ tables, table }: FeedTables, notes: number): Promise<Counts> {
  const columns = jsonRow<Counts>({
    before: sql`greatest(latest, floor(extract(epoch from clock_timestamp()) * 1000000)::bigint)`,
    newcomers: sql.ref('newcomers'),
    notes: sql.ref('notes'),
  })
  const { rows } = await sql<JsonRow<Counts>>`
    update ${table('collection_feed_counts')} set notes = notes + ${notes} returning ${columns}
  `.execute(tables)
  const [row] = rows
  if (row === undefined) throw new Error('The row of collection_feed_counts is missing: run migrateToLatest.')
  const { before, newcomers, notes: last } = rowOf(row)
  return { before: Number(before), newcomers: Number(newcomers), notes: Number(last) }
}

/** @returns how many pairs were new */
export async function addNewcomers(
  { tables, table }: FeedTables,
  pairs: NumberedPairs,
  before: number,
): Promise<number> {
  if (pairs.ids.length === 0) return 0
  await sql`
    delete from ${table('collection_feed_gone')} as gone using ${rowsOf(pairs)}
    where gone.did = given.did and gone.collection_id = given.id
  `.execute(tables)
  const { rows } = await sql<{ row: { id: number; did: string } | string }>`
    insert into ${table('collection_index_pair')} (collection_id, did)
    select given.id, given.did from ${rowsOf(pairs)} order by given.id, given.did collate "C"
    on conflict do nothing
    returning ${jsonRow<{ id: number; did: string }>({ id: sql.ref('collection_id'), did: sql.ref('did') })}
  `.execute(tables)
  if (rows.length === 0) return 0
  const fresh = rows.map(rowOf)
  await sql`
    insert into ${table('collection_feed_newcomer')} (position, collection_id, did)
    select ${before}::bigint + given.place, given.id, given.did
    from unnest(${fresh.map(({ id }) => id)}::integer[], ${fresh.map(({ did }) => did)}::text[])
      with ordinality as given (id, did, place)
  `.execute(tables)
  return fresh.length
}

export async function countNewcomers(
  feed: FeedTables,
  { before, newcomers: known }: Counts,
  added: number,
  kept: number,
): Promise<void> {
  const latest = before + added
  const newcomers = Math.min(known + added, kept)
  const excess = known + added - newcomers
  const counts = excess === 0 ? { newcomers } : await forgetNewcomers(feed, { excess, newcomers, latest })
  await feed.tables
    .updateTable('collection_feed_counts')
    .set({ latest, ...counts })
    .execute()
}

/** Where there are fewer than were counted, some have got lost: all are forgotten, so that no reader misses those. */
async function forgetNewcomers(
  { tables }: FeedTables,
  { excess, newcomers, latest }: { excess: number; newcomers: number; latest: number },
): Promise<{ forgotten: number; newcomers: number }> {
  const last = await tables
    .selectFrom('collection_feed_newcomer')
    .select(jsonRow<{ position: number }>({ position: sql.ref('position') }))
    .orderBy('position')
    .offset(excess - 1)
    .limit(1)
    .executeTakeFirst()
  const forgotten = last === undefined ? latest : Number(rowOf(last).position)
  await tables.deleteFrom('collection_feed_newcomer').where('position', '<=', forgotten).execute()
  return { forgotten, newcomers: last === undefined ? 0 : newcomers }
}
