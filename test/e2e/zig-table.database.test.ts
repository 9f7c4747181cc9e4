import { type Kysely, sql } from 'kysely'
import { describe, expect, it } from 'vitest'
import { createBackfiller, knownCollections, relayLister } from '../../src/index.ts'
import { kyselyIndexSink, kyselyProgressStore, migrateToLatest } from '../../src/kysely/index.ts'
import { startRelay, type TestRelay } from '../../src/testing/index.ts'
import { databases, differences, NONE, PROFILE, pageCount, quick } from '../support/e2e.ts'

/** The Zig relay's pages, and ours: its cursor need not lie where one of our pages begins. */
const ITS_PAGE = 1_000
const OUR_PAGE = 700

/** What the Zig relay had completed, with the pages that it counted. */
const done = ['app.bsky.feed.post', 'app.bsky.graph.block', 'com.example.doneAndEmpty']
const HALF = 'app.bsky.feed.like'
const HALF_DONE = 2 * ITS_PAGE
/** Registered there, not begun. */
const untouched = ['app.bsky.graph.list', PROFILE]
/** Unknown to it. */
const NEW = 'com.whtwnd.blog.entry'

const collections = {
  'app.bsky.feed.post': 3_210,
  'app.bsky.graph.block': 1_400,
  'com.example.doneAndEmpty': 0,
  [HALF]: 5_300,
  'app.bsky.graph.list': 1_500,
  [PROFILE]: 42,
  [NEW]: 701,
}
const COMPLETED_AT = new Date('2026-03-01T12:00:00Z')

/** The table as the Zig relay left it, in the middle of its work. */
async function leaveTable<Database>(
  db: Kysely<Database>,
  key: string,
  source: string,
  relay: TestRelay,
): Promise<void> {
  await sql`
    create table backfill_progress (
      collection text not null, source text not null, cursor text not null default '',
      imported_count bigint not null default 0, completed_at timestamptz,
      created_at timestamptz not null default now(), ${sql.raw(key)}
    )
  `.execute(db)
  const leave = (nsid: string, cursor: string, imported: number, completedAt: Date | null) =>
    sql`
      insert into backfill_progress (collection, source, cursor, imported_count, completed_at)
      values (${nsid}, ${source}, ${cursor}, ${imported}, ${completedAt})
    `.execute(db)
  for (const nsid of done) await leave(nsid, '', relay.size(nsid), COMPLETED_AT)
  await leave(HALF, relay.cursorAt(HALF, HALF_DONE), HALF_DONE, null)
  for (const nsid of untouched) await leave(nsid, '', 0, null)
}

/** The pairs that the Zig relay had imported, brought into the index. */
async function bringPairs<Database>(db: Kysely<Database>, source: string, relay: TestRelay): Promise<void> {
  const sink = kyselyIndexSink(db)
  for (const collection of done)
    await sink.add({ relay: source, collection, dids: [...relay.dids(collection)] })
  await sink.add({ relay: source, collection: HALF, dids: [...relay.dids(HALF)].slice(0, HALF_DONE) })
}

describe.each(databases)('a table that the Zig relay left, on $kind,', ({ create }) => {
  it.each([
    { form: 'of its later form', key: 'primary key (collection, source)' },
    { form: 'of its early form', key: 'primary key (collection)' },
  ])('$form, is continued and not restarted', async ({ key }) => {
    await using database = await create()
    await using relay = await startRelay({ collections })
    const { db } = database
    const lister = relayLister(relay.url, { pageSize: OUR_PAGE })
    const { relay: source } = lister
    await leaveTable(db, key, source, relay)
    await migrateToLatest(db)
    await bringPairs(db, source, relay)

    const progress = kyselyProgressStore(db)
    const walked = [HALF, ...untouched, NEW]
    const fresh = [...untouched, NEW].reduce((sum, nsid) => sum + relay.size(nsid), 0)
    const rest = relay.size(HALF) - HALF_DONE
    const summary = await createBackfiller({
      relay: lister,
      collections: [knownCollections([...done, HALF, NEW])],
      store: { sink: kyselyIndexSink(db), progress },
      retry: quick,
    }).run()
    expect(summary).toMatchObject({ completed: walked.length, imported: rest + fresh, added: rest + fresh })

    for (const nsid of done) expect(relay.requestsOf(nsid)).toEqual([])
    // It has no anchor, so it gets one before it goes on.
    const offsets = [0, 2_000, 2_700, 3_400, 4_100, 4_800, 0]
    expect(relay.requestsOf(HALF).map(({ offset }) => offset)).toEqual(offsets)
    expect(relay.requestsOf(HALF)[1]?.cursor).toBe(relay.cursorAt(HALF, HALF_DONE))

    expect(await differences(db, relay)).toEqual(NONE)
    const rows = new Map((await progress.list()).map((row) => [row.collection, row]))
    expect([...rows.keys()]).toEqual([...done, ...walked].sort())
    for (const nsid of Object.keys(collections)) {
      expect(rows.get(nsid)).toMatchObject({ relay: source, state: 'complete', imported: relay.size(nsid) })
    }
    for (const nsid of done) expect(rows.get(nsid)).toMatchObject({ completedAt: COMPLETED_AT, pages: 0 })
    expect(rows.get(HALF)).toMatchObject({ pages: 5 })
    for (const nsid of [...untouched, NEW]) {
      expect(rows.get(nsid)).toMatchObject({ pages: pageCount(relay.size(nsid), OUR_PAGE) })
    }
  })
})
