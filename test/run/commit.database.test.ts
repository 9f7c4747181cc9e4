import { Kysely, PostgresDialect, sql } from 'kysely'
import { describe, expect, it } from 'vitest'
import {
  createBackfiller,
  type IndexSink,
  knownCollections,
  type PageEvent,
  type RepoPage,
} from '../../src/index.ts'
import { kyselyIndexSink } from '../../src/kysely/kysely-index-sink.ts'
import { kyselyProgressStore } from '../../src/kysely/kysely-progress-store.ts'
import { migrateToLatest } from '../../src/kysely/migrations.ts'
import type { BackfillDatabase } from '../../src/kysely/schema.ts'
import { createPostgres, type TestKysely, type TestPostgres } from '../support/databases.ts'
import { listenTo } from '../support/listen-to.ts'
import { openPool } from '../support/pool.ts'
import { didsOf, gate, pagesOf, scriptedLister } from '../support/scripted-lister.ts'

const A = 'com.example.a'
const PAGES_AHEAD = 4

interface Run {
  /** What was tried again, and why. */
  readonly retries: unknown[]
  /** What each event said was new. */
  readonly added: (number | undefined)[]
  /** How many pages the walk had after each commit. */
  readonly pages: number[]
  readonly events: PageEvent[]
}

async function migrated(): Promise<TestPostgres> {
  const postgres = await createPostgres()
  await migrateToLatest(postgres.db)
  return postgres
}

/** A walk whose first commit is held until so many pages wait behind it as may. The sink bears so many pairs in a batch. */
async function run(
  db: TestKysely,
  pages: readonly RepoPage[],
  { mostPairs = Number.POSITIVE_INFINITY, retries: most = 9 } = {},
): Promise<Run> {
  const full = gate()
  const lister = scriptedLister({
    [A]: ({ cursor = '0' }) => {
      if (Number(cursor) === PAGES_AHEAD) full.pass()
      return pages[Number(cursor)] ?? { dids: [] }
    },
  })
  const inner = kyselyIndexSink(db)
  const sink: IndexSink = {
    database: inner.database,
    async add(batch, context) {
      await full.wait()
      if (batch.dids.length > mostPairs) throw new Error('too many pairs')
      return inner.add(batch, context)
    },
  }
  const retries: unknown[] = []
  const backfiller = createBackfiller({
    relay: lister,
    collections: [knownCollections([A])],
    store: { sink, progress: kyselyProgressStore(db) },
    pagesAhead: PAGES_AHEAD,
    retry: { retries: most },
    onEvent: listenTo({ retry: ({ error }) => retries.push(error) }),
  })
  const events = await Array.fromAsync(backfiller)
  return { retries, events, added: events.map(({ added }) => added), pages: events.map(({ pages }) => pages) }
}

async function indexed(db: TestKysely): Promise<string[]> {
  const rows = await db.selectFrom('collection_index').select('did').where('collection', '=', A).execute()
  return rows.map(({ did }) => did).toSorted()
}

describe('pages that wait for the database', () => {
  it('are one batch, one commit and one event', async () => {
    await using postgres = await migrated()
    const listed = pagesOf(A, 5, 3)
    const { events } = await run(postgres.db, listed)
    const last = { pages: 5, imported: 15, added: 12, completed: true, dids: didsOf(listed.slice(1)) }
    expect(events).toMatchObject([{ pages: 1, imported: 3, added: 3, cursor: '1', completed: false }, last])
    expect(events[1]?.cursor).toBeUndefined()
    expect(await indexed(postgres.db)).toEqual(didsOf(listed).toSorted())
  })

  it('are one commit also when some of their pairs are known, and the event counts those that were new', async () => {
    await using postgres = await migrated()
    const listed = pagesOf(A, 5, 3)
    const known = [...(listed[2]?.dids.slice(1) ?? []), ...(listed[4]?.dids ?? [])]
    await kyselyIndexSink(postgres.db).add({ relay: 'live', collection: A, dids: known })
    const { added, pages } = await run(postgres.db, listed)
    expect(pages).toEqual([1, 5])
    expect(added).toEqual([3, 7])
    expect(await indexed(postgres.db)).toEqual(didsOf(listed).toSorted())
    const [row] = await kyselyProgressStore(postgres.db).list()
    expect(row).toMatchObject({ state: 'complete', pages: 5, imported: 15 })
  })

  it.each([9, 0])(
    'are committed one by one when they are too much for the sink as one batch, with %d retries of each',
    async (most) => {
      await using postgres = await migrated()
      const listed = pagesOf(A, 5, 3)
      const { added, pages, retries } = await run(postgres.db, listed, { mostPairs: 3, retries: most })
      expect(pages).toEqual([1, 2, 3, 4, 5])
      expect(added).toEqual([3, 3, 3, 3, 3])
      expect(retries).toEqual([new Error('too many pairs')])
      expect(await indexed(postgres.db)).toEqual(didsOf(listed).toSorted())
    },
  )

  it('count a pair once that comes again on another of them', async () => {
    await using postgres = await migrated()
    const listed = pagesOf(A, 5, 3)
    const repeated = {
      ...listed[3],
      dids: [...(listed[3]?.dids.slice(1) ?? []), ...(listed[1]?.dids.slice(2) ?? [])],
    }
    const { added } = await run(postgres.db, listed.with(3, repeated))
    expect(added).toEqual([3, 11])
  })
})

it('a batch of pages in no order waits for a live feed that has one of its pairs, and is never half of a deadlock', async () => {
  await using postgres = await migrated()
  const failures: unknown[] = []
  await using db: TestKysely = new Kysely<BackfillDatabase>({
    dialect: new PostgresDialect({ pool: openPool({ connectionString: postgres.url }) }),
    log: (event) => {
      if (event.level === 'error') failures.push(event.error)
    },
  })
  const pages = pagesOf(A, 5).toReversed()
  const listed = pages.map(({ dids }, page) => (page < 4 ? { dids, cursor: String(page + 1) } : { dids }))
  const [first = '', ...others] = didsOf(listed.slice(1)).toSorted()
  const live = kyselyIndexSink(postgres.db)
  const feed = (dids: string[], transaction: unknown) =>
    live.add({ relay: 'live', collection: A, dids }, { transaction })

  // So that nobody waits for the row that names the collection.
  const named = 'did:web:before.example'
  await live.add({ relay: 'live', collection: A, dids: [named] })

  let walk: Promise<Run> | undefined
  await postgres.db.transaction().execute(async (transaction) => {
    await feed([first], transaction)
    walk = run(db, listed)
    const waiting = sql`select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`
    await expect.poll(async () => (await waiting.execute(postgres.db)).rows.length).toBe(1)
    // Had the walk written a page behind this pair before it came to it, the feed would wait for the walk, and the walk for it.
    await feed(others, transaction)
  })
  expect(await walk).toMatchObject({ added: [2, 0], pages: [1, 5] })
  expect(failures).toEqual([])
  expect(await indexed(db)).toEqual([named, ...didsOf(listed)].toSorted())
})
