import { type Kysely, type RawBuilder, sql } from 'kysely'
import type {
  AccountChange,
  AppliedBatch,
  ClosedAccount,
  ClosedPairs,
  FeedBatch,
  FeedPair,
  LookedUpRepo,
} from '../contracts/feed-store.ts'
import { isAsSeen, newcomersKept, pairsByCollection } from '../util/feed-limits.ts'
import { type JsonRow, jsonRow, rowOf } from './json-row.ts'
import { type BackfillDatabase, type SchemaOptions, tableName } from './schema.ts'

type Tables = Kysely<BackfillDatabase>

/** The collection of what is gone with its whole account. */
const ACCOUNT = 0

/** Pairs with the collection as its number, in the order of the primary key. */
interface NumberedPairs {
  readonly ids: readonly number[]
  readonly dids: readonly string[]
}

/**
 * Writes a batch of a feed, in the transaction that is open.
 *
 * First come the locks: on the row of the counts, so that feeds write one after the other, positions become visible in
 * their order, and no collection gets its number meanwhile; then on the rows of the collections that lose pairs. A
 * backfill's sink locks the row of its collection before it looks what is gone, so no page brings back what is removed
 * here. An account that is deleted may be in any collection, and locks all of them: some 10 ms for 1,300.
 */
export async function applyFeedBatch(
  tables: Tables,
  batch: FeedBatch,
  options: SchemaOptions,
): Promise<AppliedBatch> {
  const table = (name: keyof BackfillDatabase) => tableName(name, options)
  const noted = [...new Set(batch.toLookUp)].sort()
  const counts = await lockCounts(tables, table, noted.length)
  if (batch.restarted === true) await forgetGone(tables)
  const looked = await endLookUps(tables, batch.lookedUp ?? [])
  const gone = pairsByCollection([...looked.gone, ...(batch.removed ?? [])])
  const here = pairsByCollection([...looked.here, ...(batch.added ?? [])])
  const asked = await asSeen(tables, batch.asked)
  const changed = [...(batch.accounts ?? []), ...asked]
  const deleted = changed.filter(({ status }) => status === 'deleted').map(({ did }) => did)
  const closed = await asSeen(tables, batch.closed?.accounts)
  await addNames(tables, table, [...gone, ...here])
  const isAnywhere = deleted.length > 0 || closed.length > 0
  await lockCollections(tables, isAnywhere ? undefined : gone.map(([collection]) => collection))
  const numbers = await numbersOf(tables, [...gone, ...here])
  const back = [
    ...(await changeAccounts(tables, table, batch.accounts ?? [])),
    ...(await changeAccounts(tables, table, asked)),
  ]
  const removed =
    (await removeAccounts(tables, table, deleted)) +
    (await closeAccounts(tables, table, { collection: batch.closed?.collection ?? '', accounts: closed })) +
    (await removePairs(tables, table, numbered(gone, numbers)))
  const written = here.flatMap(([, dids]) => dids)
  const found = new Set(looked.here.map(({ did }) => did))
  // What these had is not known any more, but for those that a look has told of.
  back.push(...(await bringBack(tables, written)).filter((did) => !found.has(did)))
  const added = await addNewcomers(tables, table, numbered(here, numbers), counts.before)
  await noteRepos(tables, table, noted, counts.notes - noted.length)
  if (back.length > 0)
    await noteRepos(tables, table, back, (await lockCounts(tables, table, back.length)).notes - back.length)
  if (added > 0) await countNewcomers(tables, counts, added, newcomersKept(batch))
  await noteFeed(tables, table, batch)
  return { added, removed }
}

type TableOf = (name: keyof BackfillDatabase) => RawBuilder<unknown>

interface Counts {
  /** The next newcomer comes right after this position. */
  readonly before: number
  /** How many newcomers are kept. */
  readonly newcomers: number
  readonly notes: number
}

/** By the clock, so that a database which went back to a backup gives no position twice. */
async function lockCounts(tables: Tables, table: TableOf, notes: number): Promise<Counts> {
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

/** What looks change, unless the feed has told something of the repo since it was listed. */
async function endLookUps(
  tables: Tables,
  lookedUp: readonly LookedUpRepo[],
): Promise<{ gone: readonly FeedPair[]; here: readonly FeedPair[] }> {
  const gone: FeedPair[] = []
  const here: FeedPair[] = []
  for (const { did, note, rev, collections } of lookedUp) {
    const account = await tables
      .selectFrom('collection_feed_account')
      .select(jsonRow<{ rev: string | null }>({ rev: sql.ref('rev') }))
      .where('did', '=', did)
      .executeTakeFirst()
    const isSame = (account && rowOf(account).rev) === (rev ?? (account && null))
    if (collections !== undefined && !isSame) continue
    const { numDeletedRows } = await tables
      .deleteFrom('collection_feed_to_look_up')
      .where('did', '=', did)
      .where('note', '=', note)
      .executeTakeFirstOrThrow()
    if (numDeletedRows === 0n || collections === undefined) continue
    const held = await collectionsOf(tables, did)
    for (const collection of held) if (!collections.includes(collection)) gone.push({ did, collection })
    for (const collection of collections) here.push({ did, collection })
  }
  return { gone, here }
}

/** Naming the numbers lets the primary key answer where there is no index by DID. */
async function collectionsOf(tables: Tables, did: string): Promise<readonly string[]> {
  const rows = await tables
    .selectFrom('collection_index_nsid as known')
    .select(jsonRow<{ nsid: string }>({ nsid: sql.ref('known.nsid') }))
    .where(({ exists, selectFrom }) =>
      exists(
        selectFrom('collection_index_pair as pair')
          .select('pair.did')
          .whereRef('pair.collection_id', '=', 'known.id')
          .where('pair.did', '=', did),
      ),
    )
    .execute()
  return rows.map((row) => rowOf(row).nsid)
}

type ByCollection = readonly (readonly [collection: string, dids: readonly string[]])[]

/** Makes sure that each collection has a number. */
async function addNames(tables: Tables, table: TableOf, pairs: ByCollection): Promise<void> {
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
async function lockCollections(tables: Tables, names: readonly string[] | undefined): Promise<void> {
  if (names?.length === 0) return
  await tables
    .selectFrom('collection_index_nsid')
    .select(sql`1`.as('locked'))
    .$if(names !== undefined, (query) => query.where(sql<boolean>`nsid = any (${names}::text[])`))
    .orderBy('id')
    .forUpdate()
    .execute()
}

async function numbersOf(tables: Tables, pairs: ByCollection): Promise<ReadonlyMap<string, number>> {
  if (pairs.length === 0) return new Map()
  const rows = await tables
    .selectFrom('collection_index_nsid')
    .select(jsonRow<{ id: number; nsid: string }>({ id: sql.ref('id'), nsid: sql.ref('nsid') }))
    .where(sql<boolean>`nsid = any (${pairs.map(([collection]) => collection)}::text[])`)
    .execute()
  return new Map(rows.map(rowOf).map(({ id, nsid }) => [nsid, id]))
}

function numbered(pairs: ByCollection, numbers: ReadonlyMap<string, number>): NumberedPairs {
  const rows = pairs.flatMap(([collection, dids]) => {
    const id = numbers.get(collection)
    if (id === undefined) throw new Error(`The collection ${collection} got no number.`)
    return dids.map((did) => ({ id, did }))
  })
  // Within a collection they are in order already.
  rows.sort((a, b) => a.id - b.id)
  return { ids: rows.map(({ id }) => id), dids: rows.map(({ did }) => did) }
}

/**
 * The rows are read and written in one statement: the lock on the counts keeps other writers away.
 *
 * @returns the accounts that were gone and are there again
 */
async function changeAccounts(
  tables: Tables,
  table: TableOf,
  accounts: readonly AccountChange[],
): Promise<string[]> {
  if (accounts.length === 0) return []
  const column = <T>(value: (change: AccountChange) => T | undefined) =>
    accounts.map((change) => value(change) ?? null)
  const known = table('collection_feed_account')
  await sql`
    insert into ${known} as stored (did, active, status, rev, head)
    select given.did,
      coalesce(given.active, known.active, true),
      case when given.active is null then known.status else given.status end,
      case when given.is_newer then given.rev else known.rev end,
      case when given.is_newer then given.head else known.head end
    from (
      select given.*, given.rev is not null
        and given.rev collate "C" >= coalesce((select rev from ${known} as before where before.did = given.did), '') as is_newer
      from unnest(
        ${column(({ did }) => did)}::text[], ${column(({ active }) => active)}::boolean[],
        ${column(({ status }) => status)}::text[], ${column(({ rev }) => rev)}::text[],
        ${column(({ head }) => head)}::text[]
      ) as given (did, active, status, rev, head)
    ) as given
    left join ${known} as known on known.did = given.did
    order by given.did collate "C"
    on conflict (did) do update set
      active = excluded.active, status = excluded.status, rev = excluded.rev, head = excluded.head
  `.execute(tables)
  return bringBack(
    tables,
    accounts.filter(({ active }) => active === true).map(({ did }) => did),
  )
}

/** @returns those of these accounts that were gone, and are not any more */
async function bringBack(tables: Tables, dids: readonly string[]): Promise<string[]> {
  if (dids.length === 0) return []
  const rows = await tables
    .deleteFrom('collection_feed_gone')
    .where('collection_id', '=', ACCOUNT)
    .where(sql<boolean>`did = any (${[...new Set(dids)]}::text[])`)
    .returning(jsonRow<{ did: string }>({ did: sql.ref('did') }))
    .execute()
  return rows.map((row) => rowOf(row).did).sort()
}

/** What was gone before a gap may have come back in it, but for accounts that were deleted. */
async function forgetGone(tables: Tables): Promise<void> {
  await tables
    .deleteFrom('collection_feed_gone as gone')
    .where(({ or, eb, not, exists, selectFrom }) =>
      or([
        eb('gone.collection_id', '<>', ACCOUNT),
        not(
          exists(
            selectFrom('collection_feed_account as account')
              .select('account.did')
              .whereRef('account.did', '=', 'gone.did')
              .where('account.status', '=', 'deleted'),
          ),
        ),
      ]),
    )
    .execute()
}

/** @returns how many pairs were removed */
async function removeAccounts(tables: Tables, table: TableOf, deleted: readonly string[]): Promise<number> {
  if (deleted.length === 0) return 0
  await noteAccountsGone(tables, table, deleted)
  const { numAffectedRows } = await sql`
    delete from ${table('collection_index_pair')}
    where did = any (${deleted}::text[])
    and collection_id = any (array (select id from ${table('collection_index_nsid')}))
  `.execute(tables)
  return Number(numAffectedRows ?? 0)
}

/** Those that are as they were when it was decided: feeds wait for the lock on the counts. */
async function asSeen<Account extends ClosedAccount>(
  tables: Tables,
  accounts: readonly Account[] = [],
): Promise<readonly Account[]> {
  if (accounts.length === 0) return []
  const dids = accounts.map(({ did }) => did)
  const rows = await tables
    .selectFrom('collection_feed_account')
    .select(
      jsonRow<{ did: string; active: boolean; status: string | null }>({
        did: sql.ref('did'),
        active: sql.ref('active'),
        status: sql.ref('status'),
      }),
    )
    .where(sql<boolean>`did = any (${dids}::text[])`)
    .execute()
  const states = rows
    .map(rowOf)
    .map(({ did, active, status }) => [did, { active, ...(status !== null && { status }) }] as const)
  const stored = new Map(states)
  return accounts.filter((account) => isAsSeen(account, stored.get(account.did)))
}

/** @returns how many pairs were removed */
async function closeAccounts(
  tables: Tables,
  table: TableOf,
  { collection, accounts }: ClosedPairs,
): Promise<number> {
  if (accounts.length === 0) return 0
  await changeAccounts(
    tables,
    table,
    accounts.map(({ did, status }) => ({ did, active: false, status })),
  )
  const dids = accounts.map(({ did }) => did)
  await noteAccountsGone(tables, table, dids)
  const { numAffectedRows } = await sql`
    delete from ${table('collection_index_pair')}
    where did = any (${dids}::text[])
    and collection_id = (select id from ${table('collection_index_nsid')} where nsid = ${collection})
  `.execute(tables)
  return Number(numAffectedRows ?? 0)
}

async function noteAccountsGone(tables: Tables, table: TableOf, dids: readonly string[]): Promise<void> {
  await sql`
    insert into ${table('collection_feed_gone')} (collection_id, did)
    select ${ACCOUNT}::integer, did from unnest(${dids}::text[]) as given (did) order by did collate "C"
    on conflict do nothing
  `.execute(tables)
}

/** @returns how many pairs were removed */
async function removePairs(tables: Tables, table: TableOf, pairs: NumberedPairs): Promise<number> {
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

/** @returns how many pairs were new */
async function addNewcomers(
  tables: Tables,
  table: TableOf,
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

/** Pairs as a table `given (id, did)`. */
function rowsOf({ ids, dids }: NumberedPairs): RawBuilder<unknown> {
  return sql`unnest(${[...ids]}::integer[], ${[...dids]}::text[]) as given (id, did)`
}

async function noteRepos(
  tables: Tables,
  table: TableOf,
  dids: readonly string[],
  lastNote: number,
): Promise<void> {
  if (dids.length === 0) return
  await sql`
    insert into ${table('collection_feed_to_look_up')} (did, place, note)
    select given.did, ${lastNote}::bigint + given.place, ${lastNote}::bigint + given.place
    from unnest(${[...dids]}::text[]) with ordinality as given (did, place)
    on conflict (did) do update set note = excluded.note
  `.execute(tables)
}

async function countNewcomers(
  tables: Tables,
  { before, newcomers: known }: Counts,
  added: number,
  kept: number,
): Promise<void> {
  const latest = before + added
  const newcomers = Math.min(known + added, kept)
  const excess = known + added - newcomers
  const counts = excess === 0 ? { newcomers } : await forgetNewcomers(tables, { excess, newcomers, latest })
  await tables
    .updateTable('collection_feed_counts')
    .set({ latest, ...counts })
    .execute()
}

/** Where there are fewer than were counted, some have got lost: all are forgotten, so that no reader misses those. */
async function forgetNewcomers(
  tables: Tables,
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

async function noteFeed(
  tables: Tables,
  table: TableOf,
  { feed, restarted = false }: FeedBatch,
): Promise<void> {
  await sql`
    insert into ${table('collection_feed_followed')} as known (feed, since) values (${feed}, clock_timestamp())
    on conflict (feed) do update set since = excluded.since where ${restarted}::boolean
  `.execute(tables)
}
