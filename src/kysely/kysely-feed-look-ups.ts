import { sql } from 'kysely'
import type { FeedPair, LookedUpRepo } from '../contracts/feed-store.ts'
import type { FeedTables } from './feed-tables.ts'
import { jsonRow, rowOf } from './json-row.ts'
import { fromNow } from './schema.ts'

/** What looks change, unless the feed has told something of the repo since it was listed. */
export async function endLookUps(
  feed: FeedTables,
  lookedUp: readonly LookedUpRepo[],
): Promise<{ gone: readonly FeedPair[]; here: readonly FeedPair[] }> {
  const { tables } = feed
  const gone: FeedPair[] = []
  const here: FeedPair[] = []
  for (const { did, note, rev, collections, setAsideMs } of lookedUp) {
    if (setAsideMs !== undefined) {
      await lookLater(feed, { did, note, setAsideMs })
      continue
    }
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
    const held = await collectionsOf(feed, did)
    for (const collection of held) if (!collections.includes(collection)) gone.push({ did, collection })
    for (const collection of collections) here.push({ did, collection })
  }
  return { gone, here }
}

async function lookLater(
  { tables }: FeedTables,
  { did, note, setAsideMs }: { readonly did: string; readonly note: number; readonly setAsideMs: number },
): Promise<void> {
  await tables
    .updateTable('collection_feed_to_look_up')
    .set({ due: fromNow(setAsideMs) })
    .where('did', '=', did)
    .where('note', '=', note)
    .execute()
}

/** Naming the numbers lets the primary key answer where there is no index by DID. */
async function collectionsOf({ tables }: FeedTables, did: string): Promise<readonly string[]> {
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

export async function noteRepos(
  { tables, table }: FeedTables,
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
