import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type pg from 'pg'
import { from as copyFrom } from 'pg-copy-streams'
import { createBackfiller } from '../../src/index.ts'
import type { OpenStore } from '../../src/postgres/index.ts'
import { type ReadyPage, type ReadyPages, readyLister, readySource } from './pages.ts'

/** Writes all pages and gives the seconds that it took. */
export type Writer = (pages: ReadyPages) => Promise<number>

/** The library, whole: claims, pages, cursors, pairs. It begins anew each time. */
export function libraryWriter(store: OpenStore, concurrency: number, pagesAhead?: number): Writer {
  return async (pages) => {
    await store.db.deleteFrom('backfill_progress').execute()
    const { sink, progress } = store
    return await timed(async () => {
      const lister = readyLister(pages)
      const sources = [readySource(pages)]
      await createBackfiller({
        relay: lister,
        collections: sources,
        store: { sink, progress },
        concurrency,
        pagesAhead,
      }).run()
    })
  }
}

/** The bare statement, a page each, committed each by itself. */
export function insertWriter(
  pool: pg.Pool,
  connections: number,
  onConflict: 'on conflict do nothing' | '' = 'on conflict do nothing',
): Writer {
  return async (pages) => {
    const ids = await collectionIds(pool, pages)
    return await timed(() =>
      spread(pages, connections, async (collection) => {
        const client = await pool.connect()
        try {
          for (const { dids } of collection) {
            await client.query({
              name: `bare insert ${onConflict}`,
              text: `insert into collection_index_pair (collection_id, did)
                select $1, page.did from unnest($2::text[]) as page(did)
                order by page.did collate "C" ${onConflict}`,
              values: [idOf(ids, collection), dids],
            })
          }
        } finally {
          client.release()
        }
      }),
    )
  }
}

/** COPY of each collection into the same table with its primary key. */
export function copyWriter(pool: pg.Pool, connections: number): Writer {
  return async (pages) => {
    const ids = await collectionIds(pool, pages)
    return await timed(() =>
      spread(pages, connections, async (collection) => {
        const client = await pool.connect()
        try {
          const id = idOf(ids, collection)
          const copy = client.query(copyFrom('copy collection_index_pair (collection_id, did) from stdin'))
          const chunks = collection.map(({ dids }) => dids.map((did) => `${id}\t${did}\n`).join(''))
          await pipeline(Readable.from(chunks), copy)
        } finally {
          client.release()
        }
      }),
    )
  }
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now()
  await work()
  return (performance.now() - startedAt) / 1000
}

/** Each connection takes one collection after the other. */
async function spread(
  { byCollection }: ReadyPages,
  connections: number,
  write: (collection: readonly ReadyPage[]) => Promise<void>,
): Promise<void> {
  const queue = [...byCollection.values()]
  const work = async () => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) await write(next)
  }
  await Promise.all(Array.from({ length: connections }, work))
}

async function collectionIds(
  pool: pg.Pool,
  { byCollection }: ReadyPages,
): Promise<ReadonlyMap<string, number>> {
  const nsids = [...byCollection.keys()]
  await pool.query(
    'insert into collection_index_nsid (nsid) select unnest($1::text[]) on conflict do nothing',
    [nsids],
  )
  const { rows } = await pool.query<{ id: number; nsid: string }>(
    'select id, nsid from collection_index_nsid where nsid = any ($1::text[])',
    [nsids],
  )
  return new Map(rows.map(({ id, nsid }) => [nsid, id]))
}

function idOf(ids: ReadonlyMap<string, number>, collection: readonly ReadyPage[]): number {
  const id = ids.get(collection[0]?.collection ?? '')
  if (id === undefined) throw new Error('A collection has no number.')
  return id
}
