import { sql } from 'kysely'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createBackfiller, knownCollections } from '../../src/index.ts'
import {
  collectionIndex,
  createDidIndex,
  kyselyIndexSink,
  kyselyProgressStore,
  migrateToLatest,
  observedCollections,
} from '../../src/kysely/index.ts'
import { indexSinkSuite, progressStoreSuite, sharedDatabaseSuite } from '../../src/testing/index.ts'
import { createPostgres, freshStores, type TestKysely, type TestPostgres } from '../support/databases.ts'
import { didsOf, pagesOf, scriptedLister } from '../support/scripted-lister.ts'

const suites = [...progressStoreSuite, ...indexSinkSuite, ...sharedDatabaseSuite]
const A = 'com.example.a'

/** What a database, a role or a server may be set to. */
const SETTINGS = {
  DateStyle: 'German, DMY',
  IntervalStyle: 'sql_standard',
  TimeZone: 'Asia/Kathmandu',
  bytea_output: 'escape',
  extra_float_digits: '-15',
}

/** What a process may have told `pg.types.setTypeParser`. */
const TASTE: Record<number, (text: string) => unknown> = {
  [pg.types.builtins.TIMESTAMPTZ]: (text) => `a time, ${text}`,
  [pg.types.builtins.INT8]: (text) => `${BigInt(text)}n`,
  [pg.types.builtins.BOOL]: (text) => (text === 't' ? 'yes' : 'no'),
  [pg.types.builtins.TEXT]: (text) => text.toUpperCase(),
  [pg.types.builtins.JSON]: (text) => text,
}

const types: pg.CustomTypesConfig = {
  getTypeParser: (id: number, format?: string) =>
    TASTE[id] ?? pg.types.getTypeParser(id, format === 'binary' ? 'binary' : 'text'),
}

async function setDatabase(database: TestPostgres): Promise<void> {
  const name = sql.id(new URL(database.url).pathname.slice(1))
  for (const [setting, value] of Object.entries(SETTINGS))
    await sql`alter database ${name} set ${sql.id(setting)} to ${sql.lit(value)}`.execute(database.db)
}

describe.each<{ whose: string; connect: (database: TestPostgres) => Promise<TestKysely> }>([
  {
    whose: 'a database that writes times and numbers its own way',
    connect: async (database) => {
      await setDatabase(database)
      return database.connect()
    },
  },
  {
    whose: 'a process that reads types its own way',
    connect: async (database) => database.connect({ types }),
  },
])('on $whose', ({ connect }) => {
  let postgres: TestPostgres
  let db: TestKysely
  beforeAll(async () => {
    postgres = await createPostgres()
    db = await connect(postgres)
  })
  afterAll(() => postgres[Symbol.asyncDispose]())

  for (const { name, run } of suites) it(name, () => run(() => freshStores(db, postgres.db)))

  it('a run completes, and states, times, counts and names are read as they are', async () => {
    await using database = await createPostgres()
    const own = await connect(database)
    await migrateToLatest(own)
    await createDidIndex(own)
    const backfiller = createBackfiller({
      relay: scriptedLister({ [A]: pagesOf(A, 3) }),
      collections: [knownCollections([A])],
      store: { sink: kyselyIndexSink(own), progress: kyselyProgressStore(own) },
    })
    for await (const _ of backfiller);
    const dids = didsOf(pagesOf(A, 3)).toSorted()
    expect(await backfiller.status()).toMatchObject({ total: 1, complete: 1 })
    const completedAt = new Date('2026-03-04T05:06:07.089Z')
    await database.db.updateTable('backfill_progress').set({ completed_at: completedAt }).execute()
    const walked = { state: 'complete', pages: 3, imported: dids.length, completedAt }
    expect(await kyselyProgressStore(own).list()).toMatchObject([{ collection: A, ...walked }])

    const index = collectionIndex(own)
    expect(await index.listRepos(A)).toEqual({ dids })
    expect(await index.countRepos(A)).toBe(dids.length)
    expect(await index.listCollections()).toEqual({
      collections: [{ nsid: A, estimatedRepos: dids.length }],
    })
    expect(await index.collectionsOf(dids[0] ?? '')).toEqual({ collections: [A] })
    expect(await Array.fromAsync(observedCollections(own).collections())).toEqual([{ nsid: A }])
  })
})
