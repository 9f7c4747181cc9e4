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
import { openPool } from '../support/pool.ts'
import { didsOf, gate, pagesOf, scriptedLister } from '../support/scripted-lister.ts'

const A = 'com.example.a'
const PAGES_AHEAD = 4

interface Run {
  /** What was tried again, and why. */
  readonly retries: unknown[]
  /** What each page event said was new. */
  readonly added: number[]
  /** How many pages each commit held. */
  readonly commits: number[]
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
  mostPairs = Number.POSITIVE_INFINITY,
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
  const { added, commits, events, retries }: Run = { added: [], commits: [], events: [], retries: [] }
  const backfiller = createBackfiller({
    lister,
    sources: [knownCollections([A])],
    sink,
    progress: kyselyProgressStore(db),
    pagesAhead: PAGES_AHEAD,
    hooks: {
      committed: ({ pages: held }) => commits.push(held),
      retry: ({ error }) => retries.push(error),
    },
  })
  for await (const event of backfiller) {
    added.push(event.added)
    events.push(event)
  }
  return { added, commits, events, retries }
}

async function indexed(db: TestKysely): Promise<string[]> {
  const rows = await db.selectFrom('collection_index').select('did').where('collection', '=', A).execute()
  return rows.map(({ did }) => did).toSorted()
}

describe('pages that wait for the database', () => {
  it('are one batch and one commit, and each is told with its own cursor and pairs', async () => {
    await using postgres = await migrated()
    const pages = pagesOf(A, 5, 3)
    const { added, commits, events } = await run(postgres.db, pages)
    expect(commits).toEqual([1, 4])
    expect(added).toEqual([3, 3, 3, 3, 3])
    expect(events.map(({ pages: page, imported, cursor }) => [page, imported, cursor])).toEqual([
      [1, 3, '1'],
      [2, 6, '2'],
      [3, 9, '3'],
      [4, 12, '4'],
      [5, 15, undefined],
    ])
    expect(await indexed(postgres.db)).toEqual(didsOf(pages).toSorted())
  })

  it('are one commit when all of their pairs are known', async () => {
    await using postgres = await migrated()
    const pages = pagesOf(A, 5, 3)
    await kyselyIndexSink(postgres.db).add({ relay: 'live', collection: A, dids: didsOf(pages) })
    const { added, commits } = await run(postgres.db, pages)
    expect(commits).toEqual([1, 4])
    expect(added).toEqual([0, 0, 0, 0, 0])
  })

  it('are committed one by one when some pairs are known, so that each tells exactly what it brought', async () => {
    await using postgres = await migrated()
    const pages = pagesOf(A, 5, 3)
    const known = [...(pages[2]?.dids.slice(1) ?? []), ...(pages[4]?.dids ?? [])]
    await kyselyIndexSink(postgres.db).add({ relay: 'live', collection: A, dids: known })
    const { added, commits } = await run(postgres.db, pages)
    expect(commits).toEqual([1, 1, 1, 1, 1])
    expect(added).toEqual([3, 3, 1, 3, 0])
    expect(await indexed(postgres.db)).toEqual(didsOf(pages).toSorted())
    const [row] = await kyselyProgressStore(postgres.db).list()
    expect(row).toMatchObject({ state: 'complete', pages: 5, imported: 15 })
  })

  it('are committed one by one when they are too much for the sink as one batch', async () => {
    await using postgres = await migrated()
    const pages = pagesOf(A, 5, 3)
    const { added, commits, retries } = await run(postgres.db, pages, 3)
    expect(commits).toEqual([1, 1, 1, 1, 1])
    expect(added).toEqual([3, 3, 3, 3, 3])
    expect(retries).toEqual([new Error('too many pairs')])
    expect(await indexed(postgres.db)).toEqual(didsOf(pages).toSorted())
  })

  it('count a pair once that comes again on another of them', async () => {
    await using postgres = await migrated()
    const pages = pagesOf(A, 5, 3)
    const repeated = {
      ...pages[3],
      dids: [...(pages[3]?.dids.slice(1) ?? []), ...(pages[1]?.dids.slice(2) ?? [])],
    }
    const { added } = await run(postgres.db, pages.with(3, repeated))
    expect(added).toEqual([3, 3, 3, 2, 3])
  })

  it('are one batch again after a mixed one when the pages have long been unmixed', async () => {
    await using postgres = await migrated()
    const pages = pagesOf(A, 60)
    await kyselyIndexSink(postgres.db).add({
      relay: 'live',
      collection: A,
      dids: pages[3]?.dids.slice(1) ?? [],
    })
    const { added, commits } = await run(postgres.db, pages)
    expect(added.reduce((sum, each) => sum + each, 0)).toBe(119)
    expect(commits.slice(0, 33).every((held) => held === 1)).toBe(true)
    expect(Math.max(...commits.slice(33))).toBeGreaterThan(1)
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
  expect(await walk).toMatchObject({ added: [2, 0, 0, 0, 0], commits: [1, 4] })
  expect(failures).toEqual([])
  expect(await indexed(db)).toEqual([named, ...didsOf(listed)].toSorted())
})
