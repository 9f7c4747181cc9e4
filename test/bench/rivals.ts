import { setTimeout as sleep } from 'node:timers/promises'
import { type Kysely, sql } from 'kysely'
import type { BackfillDatabase } from '../../src/kysely/schema.ts'
import type { Load } from './load.ts'

/** Where a rival fetches from, and into what. */
export interface RivalParts {
  readonly db: Kysely<BackfillDatabase>
  readonly url: string
  readonly load: Load
}

/**
 * What the relay in Zig does: one collection after the other, a pause after each page. Its own way of writing is not at hand,
 * so it gets the cheapest there is here: the bare statement.
 */
export async function zigProcedure(parts: RivalParts, pauseMs: number): Promise<void> {
  await eachPage(parts, async (id, nsid, { dids, cursor }) => {
    await sql`
      insert into collection_index_pair (collection_id, did)
      select ${id}::int, page.did from unnest(${dids}::text[]) as page(did)
      order by page.did collate "C" on conflict do nothing
    `.execute(parts.db)
    await saveCursor(parts, nsid, cursor)
    await sleep(pauseMs)
  })
}

/** How many rows people put into a statement. */
const ROWS = 50

/** The loop that people write: one collection after the other, the rows of each page fifty at a time. */
export async function handWrittenLoop(parts: RivalParts): Promise<void> {
  await eachPage(parts, async (id, nsid, { dids, cursor }) => {
    for (let at = 0; at < dids.length; at += ROWS) {
      await parts.db
        .insertInto('collection_index_pair')
        .values(dids.slice(at, at + ROWS).map((did) => ({ collection_id: id, did })))
        .onConflict((conflict) => conflict.doNothing())
        .execute()
    }
    await saveCursor(parts, nsid, cursor)
  })
}

interface Page {
  readonly dids: readonly string[]
  readonly cursor: string | undefined
}

async function eachPage(
  { db, url, load }: RivalParts,
  write: (id: number, nsid: string, page: Page) => Promise<void>,
): Promise<void> {
  for (const nsid of Object.keys(load.sizes)) {
    const { id } = await db
      .insertInto('collection_index_nsid')
      .values({ nsid })
      .returning('id')
      .executeTakeFirstOrThrow()
    let cursor: string | undefined
    do {
      const page = await fetchPage(url, nsid, load.pageSize, cursor)
      await write(id, nsid, page)
      cursor = page.cursor
    } while (cursor !== undefined)
  }
}

/** A page as a client fetches it that does nothing else. */
export async function fetchPage(
  url: string,
  collection: string,
  limit: number,
  cursor?: string,
): Promise<Page> {
  const query = new URLSearchParams({ collection, limit: String(limit) })
  if (cursor !== undefined) query.set('cursor', cursor)
  const response = await fetch(`${url}/xrpc/com.atproto.sync.listReposByCollection?${query}`)
  if (!response.ok) throw new Error(`${url} answered ${response.status} for ${query}`)
  const body = (await response.json()) as { repos: { did: string }[]; cursor?: string }
  return { dids: body.repos.map(({ did }) => did), cursor: body.cursor }
}

async function saveCursor({ db, url }: RivalParts, nsid: string, cursor: string | undefined): Promise<void> {
  await db
    .insertInto('backfill_progress')
    .values({ collection: nsid, source: url, cursor: cursor ?? '' })
    .onConflict((conflict) =>
      conflict.columns(['collection', 'source']).doUpdateSet({ cursor: cursor ?? '' }),
    )
    .execute()
}
