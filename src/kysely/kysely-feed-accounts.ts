import { sql } from 'kysely'
import type { AccountChange, ClosedAccount, ClosedPairs } from '../contracts/feed-store.ts'
import { isAsSeen } from '../util/feed-rules.ts'
import type { FeedTables } from './feed-tables.ts'
import { jsonRow, rowOf } from './json-row.ts'

/** The collection of what is gone with its whole account. */
const ACCOUNT = 0

/**
 * The rows are read and written in one statement: the lock on the counts keeps other writers away.
 *
 * @returns the accounts that were gone and are there again
 */
export async function changeAccounts(
  feed: FeedTables,
  accounts: readonly AccountChange[],
): Promise<string[]> {
  if (accounts.length === 0) return []
  const { tables, table } = feed
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
    feed,
    accounts.filter(({ active }) => active === true).map(({ did }) => did),
  )
}

/** @returns those of these accounts that were gone, and are not any more */
export async function bringBack({ tables }: FeedTables, dids: readonly string[]): Promise<string[]> {
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
export async function forgetGone({ tables }: FeedTables): Promise<void> {
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

/** Those that are as they were when it was decided: feeds wait for the lock on the counts. */
export async function asSeen<Account extends ClosedAccount>(
  { tables }: FeedTables,
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
export async function removeAccounts(feed: FeedTables, deleted: readonly string[]): Promise<number> {
  if (deleted.length === 0) return 0
  await noteAccountsGone(feed, deleted)
  const { tables, table } = feed
  const { numAffectedRows } = await sql`
    delete from ${table('collection_index_pair')}
    where did = any (${deleted}::text[])
    and collection_id = any (array (select id from ${table('collection_index_nsid')}))
  `.execute(tables)
  return Number(numAffectedRows ?? 0)
}

/** @returns how many pairs were removed */
export async function closeAccounts(
  feed: FeedTables,
  { collection, accounts }: ClosedPairs,
): Promise<number> {
  if (accounts.length === 0) return 0
  await changeAccounts(
    feed,
    accounts.map(({ did, status }) => ({ did, active: false, status })),
  )
  const dids = accounts.map(({ did }) => did)
  await noteAccountsGone(feed, dids)
  const { tables, table } = feed
  const { numAffectedRows } = await sql`
    delete from ${table('collection_index_pair')}
    where did = any (${dids}::text[])
    and collection_id = (select id from ${table('collection_index_nsid')} where nsid = ${collection})
  `.execute(tables)
  return Number(numAffectedRows ?? 0)
}

async function noteAccountsGone({ tables, table }: FeedTables, dids: readonly string[]): Promise<void> {
  await sql`
    insert into ${table('collection_feed_gone')} (collection_id, did)
    select ${ACCOUNT}::integer, did from unnest(${dids}::text[]) as given (did) order by did collate "C"
    on conflict do nothing
  `.execute(tables)
}
