import { type Kysely, sql } from 'kysely'
import type { AppliedBatch, FeedBatch } from '../contracts/feed-store.ts'
import { mustFollow, newcomersKept, pairsByCollection } from '../util/feed-rules.ts'
import type { FeedTables } from './feed-tables.ts'
import { jsonRow, rowOf } from './json-row.ts'
import {
  asSeen,
  bringBack,
  changeAccounts,
  closeAccounts,
  forgetGone,
  removeAccounts,
} from './kysely-feed-accounts.ts'
import { endLookUps, noteRepos } from './kysely-feed-look-ups.ts'
import { addNewcomers, countNewcomers, lockCounts } from './kysely-feed-newcomers.ts'
import { addNames, lockCollections, numbered, numbersOf, removePairs } from './kysely-feed-pairs.ts'
import { type BackfillDatabase, type SchemaOptions, tableName } from './schema.ts'

/**
 * Writes a batch of a feed, in the transaction that is open.
 *
 * First come the locks: on the row of the counts, so that feeds write one after the other, positions become visible in
 * their order, and no collection gets its number meanwhile; then on the rows of the collections that lose pairs. A
 * backfill's sink locks the row of its collection before it looks what is gone, so no page brings back what is removed
 * here. An account that is deleted may be in any collection, and locks all of them: some 10 ms for 1,300.
 */
export async function applyFeedBatch(
  tables: Kysely<BackfillDatabase>,
  batch: FeedBatch,
  options: SchemaOptions,
): Promise<AppliedBatch> {
  const feed: FeedTables = { tables, table: (name) => tableName(name, options) }
  const noted = [...new Set(batch.toLookUp)].sort()
  const counts = await lockCounts(feed, noted.length)
  await checkEpoch(feed, batch)
  if (batch.restarted === true) await forgetGone(feed)
  const looked = await endLookUps(feed, batch.lookedUp ?? [])
  const gone = pairsByCollection([...looked.gone, ...(batch.removed ?? [])])
  const here = pairsByCollection([...looked.here, ...(batch.added ?? [])])
  const asked = await asSeen(feed, batch.asked)
  const changed = [...(batch.accounts ?? []), ...asked]
  const deleted = changed.filter(({ status }) => status === 'deleted').map(({ did }) => did)
  const closed = await asSeen(feed, batch.closed?.accounts)
  await addNames(feed, [...gone, ...here])
  const isAnywhere = deleted.length > 0 || closed.length > 0
  await lockCollections(feed, isAnywhere ? undefined : gone.map(([collection]) => collection))
  const numbers = await numbersOf(feed, [...gone, ...here])
  const back = [...(await changeAccounts(feed, batch.accounts ?? [])), ...(await changeAccounts(feed, asked))]
  const removed =
    (await removeAccounts(feed, deleted)) +
    (await closeAccounts(feed, { collection: batch.closed?.collection ?? '', accounts: closed })) +
    (await removePairs(feed, numbered(gone, numbers)))
  const written = here.flatMap(([, dids]) => dids)
  const found = new Set(looked.here.map(({ did }) => did))
  // What these had is not known any more, but for those that a look has told of.
  back.push(...(await bringBack(feed, written)).filter((did) => !found.has(did)))
  const added = await addNewcomers(feed, numbered(here, numbers), counts.before)
  await noteRepos(feed, noted, counts.notes - noted.length)
  if (back.length > 0) await noteRepos(feed, back, (await lockCounts(feed, back.length)).notes - back.length)
  if (added > 0) await countNewcomers(feed, counts, added, newcomersKept(batch))
  await noteFeed(feed, batch)
  return { added, removed }
}

/** Other followers wait for the lock on the counts. @throws ClaimLostError */
async function checkEpoch({ tables }: FeedTables, batch: FeedBatch): Promise<void> {
  if (batch.epoch === undefined) return
  const row = await tables
    .selectFrom('collection_feed_followed')
    .select(jsonRow<{ epoch: number }>({ epoch: sql.ref('epoch') }))
    .where('feed', '=', batch.feed)
    .executeTakeFirst()
  mustFollow(batch, row && Number(rowOf(row).epoch))
}

async function noteFeed(
  { tables, table }: FeedTables,
  { feed, restarted = false, epoch = 0 }: FeedBatch,
): Promise<void> {
  await sql`
    insert into ${table('collection_feed_followed')} as known (feed, since, epoch)
    values (${feed}, clock_timestamp(), ${epoch}::bigint)
    on conflict (feed) do update set
      since = case when ${restarted}::boolean then excluded.since else known.since end,
      epoch = greatest(known.epoch, excluded.epoch)
    where ${restarted}::boolean or excluded.epoch > known.epoch
  `.execute(tables)
}
