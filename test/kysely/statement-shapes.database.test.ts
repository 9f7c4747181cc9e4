import { Kysely, PostgresDialect } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createBackfiller, knownCollections, relayLister, verify } from '../../src/index.ts'
import {
  type CollectionIndex,
  collectionIndex,
  createDidIndex,
  kyselyIndexSink,
  kyselyProgressStore,
  migrateToLatest,
  observedCollections,
} from '../../src/kysely/index.ts'
import { startRelay, type TestRelay } from '../../src/testing/index.ts'
import { createPostgres, type TestKysely, type TestPostgres } from '../support/databases.ts'
import { openPool } from '../support/pool.ts'
import { didsFrom } from '../support/store-steps.ts'

/**
 * What a database can do whose pairs are distributed over machines by `collection_id`, with the dictionary on each of them
 * and the progress on one: no statement may join the pairs, or change them together with, anything but the dictionary.
 */
const PAIRS = 'collection_index_pair'
const DICTIONARY = 'collection_index_nsid'
const PROGRESS = 'backfill_progress'
const OURS = [PAIRS, DICTIONARY, PROGRESS, 'collection_index']

/** The words of a statement, without what is in quotes, and its tables. */
function wordsOf(statement: string): string[] {
  const bare = statement.replaceAll(/'(?:[^']|'')*'/g, ' ').toLowerCase()
  return bare.match(/[a-z_][a-z0-9_]*/g) ?? []
}

interface Shape {
  readonly text: string
  readonly words: readonly string[]
  /** Of the library, each once. */
  readonly tables: readonly string[]
  /** Tables of the database's own. */
  readonly catalogs: readonly string[]
}

function shapeOf(text: string): Shape {
  const words = wordsOf(text)
  const tables = OURS.filter((table) => words.includes(table))
  const catalogs = words.filter((word) =>
    /^pg_(class|stats|statistic|namespace|index|indexes|settings|constraint|attribute)$/.test(word),
  )
  return { text, words, tables, catalogs }
}

/** A Kysely whose statements are remembered, each once. */
function recording(url: string): { db: TestKysely; shapes: () => Shape[]; statements: Set<string> } {
  const statements = new Set<string>()
  const dialect = new PostgresDialect({ pool: openPool({ connectionString: url }) })
  const db: TestKysely = new Kysely({ dialect, log: ({ query }) => void statements.add(query.sql) })
  return { db, statements, shapes: () => [...statements].map(shapeOf) }
}

let postgres: TestPostgres
let relay: TestRelay
let recorder: ReturnType<typeof recording>
const BIG = 'app.bsky.actor.profile'
const collections = { [BIG]: 450, 'com.example.small': 7, 'com.example.mid': 120 }

beforeAll(async () => {
  postgres = await createPostgres()
  // The migration is made before anything is distributed, and its statements are for one machine.
  await migrateToLatest(postgres.db)
  relay = await startRelay({ collections })
  recorder = recording(postgres.url)
  await useAll(recorder.db)
})
afterAll(async () => {
  await recorder.db.destroy()
  await relay[Symbol.asyncDispose]()
  await postgres[Symbol.asyncDispose]()
})

/** A backfill from the beginning to the end, and everything that is done with its stores beside it. */
async function useAll(db: TestKysely): Promise<void> {
  const store = {
    sink: kyselyIndexSink(db),
    progress: kyselyProgressStore(db),
    observed: observedCollections(db),
  }
  const index = collectionIndex(db)
  const lister = relayLister(relay.url, { pageSize: 100 })
  await createBackfiller({
    relay: lister,
    store,
    collections: [knownCollections(relay.collections), store.observed],
  }).run()
  await useProgress(db)
  await store.sink.add({ relay: 'live', collection: BIG, dids: ['did:web:surplus.example'] })
  await index.remove(BIG, [...relay.dids(BIG)].slice(0, 3))
  await verify({ relay: lister, index, sink: store.sink }).run()
  await verify({ relay: lister, index, sink: store.sink, repair: 'both' }).run()
  await createDidIndex(db)
  await useIndex(index)
}

async function useIndex(index: CollectionIndex): Promise<void> {
  const [did = '', other = ''] = relay.dids(BIG)
  await index.listRepos(BIG, { limit: 10, cursor: did })
  await index.listCollections({ limit: 2 })
  await index.countRepos(BIG)
  await index.collectionsOf(did)
  await index.has(BIG, did)
  await index.remove(BIG, did)
  await index.removeRepo(other)
}

async function useProgress(db: TestKysely): Promise<void> {
  const progress = kyselyProgressStore(db)
  const of = 'other.example'
  await progress.register(of, [{ nsid: BIG, estimatedRepos: 5 }], { refreshAfterMs: 1_000 })
  await progress.register(of, [{ nsid: BIG }], { refreshBefore: new Date() })
  const claim = await progress.claim({ relay: of, owner: 'x', leaseMs: 10_000 })
  if (claim === undefined) throw new Error('a collection that was registered is free')
  await progress.renew(claim, 10_000)
  await progress.release(claim, { kind: 'failed', error: 'no' })
  await progress.retryFailed(of, [BIG])
  await progress.remaining(of)
  await progress.reset(of, [BIG])
  await progress.list({ relay: of })
}

describe('the statements of a backfill, of the read side and of a repair', () => {
  it('are all of them here: each table is read and written', () => {
    const shapes = recorder.shapes()
    expect(shapes.length).toBeGreaterThan(25)
    for (const table of [PAIRS, DICTIONARY, PROGRESS]) {
      const own = shapes.filter(({ tables }) => tables.includes(table))
      expect(own.some(({ words }) => words[0] === 'insert' || words[0] === 'with')).toBe(true)
      expect(own.some(({ words }) => words[0] === 'select')).toBe(true)
    }
  })

  it('touch the progress, or the pairs and the dictionary, and never both', () => {
    for (const { text, tables } of recorder.shapes()) {
      if (tables.includes(PROGRESS)) expect(tables, text).toEqual([PROGRESS])
      if (tables.includes(PAIRS)) expect([[PAIRS], [PAIRS, DICTIONARY]], text).toContainEqual(tables)
    }
  })

  it('touch no catalog together with a table', () => {
    for (const { text, tables, catalogs } of recorder.shapes())
      if (tables.length > 0) expect(catalogs, text).toEqual([])
  })

  it('ask for the time on the progress alone', () => {
    for (const { text, tables, words } of recorder.shapes())
      if (words.includes('clock_timestamp') || words.includes('now')) expect(tables, text).toEqual([PROGRESS])
  })

  it('join or look up for each row of the pairs in one place, which has another form', () => {
    const lateral = recorder
      .shapes()
      .filter(({ words, tables }) => words.includes('lateral') && tables.length > 0)
    expect(lateral.map(({ tables }) => tables)).toEqual([[PAIRS]])
    const joins = recorder
      .shapes()
      .filter(({ words, tables }) => words.includes('join') && tables.includes(PAIRS))
    // The collections of a repo; and the count, of a list of numbers.
    expect(joins.map(({ tables }) => tables)).toEqual(expect.arrayContaining([[PAIRS, DICTIONARY], [PAIRS]]))
    expect(joins).toHaveLength(2)
  })

  it('need nothing that only one Postgres has', () => {
    const only = ['listen', 'notify', 'temp', 'temporary', 'skip', 'tablesample', 'ctid']
    for (const { text, words } of recorder.shapes()) {
      expect(
        words.filter((word) => only.includes(word) || word.startsWith('pg_advisory')),
        text,
      ).toEqual([])
      // Each table is named by itself: a transaction may hold several of them.
      expect(words, text).not.toContain('merge')
    }
  })
})

describe('where a count of each row of a list is refused', () => {
  /** A database that speaks as Citus does of what it cannot do. */
  function refusing(url: string): { db: TestKysely; refused: string[]; told: string[] } {
    const refused: string[] = []
    const told: string[] = []
    const pool = openPool({ connectionString: url })
    const connect = async () => {
      const client = await pool.connect()
      const query = async (text: string, parameters: unknown[]) => {
        told.push(text)
        const { words, tables } = shapeOf(text)
        if (!words.includes('lateral') || !tables.includes(PAIRS)) return client.query(text, parameters)
        refused.push(text)
        throw Object.assign(new Error('cannot push down this subquery'), { code: '0A000' })
      }
      return { query, release: () => client.release(), processID: 1 } as never
    }
    const dialect = new PostgresDialect({ pool: { connect, end: () => pool.end(), options: {} } })
    return { db: new Kysely({ dialect }), refused, told }
  }

  it('listCollections tells the same, some dozens of collections a statement, and asks for the refused form once', async () => {
    await using fresh = await createPostgres()
    await migrateToLatest(fresh.db)
    const sink = kyselyIndexSink(fresh.db)
    for (let i = 0; i < 120; i += 1)
      await sink.add({ relay: 'x', collection: `com.example.n${i}`, dids: didsFrom(i * 1_000, i + 1) })
    await collectionIndex(fresh.db).remove('com.example.n3', didsFrom(3_000, 4))
    const { db, refused, told } = refusing(fresh.url)
    try {
      const index = collectionIndex(db)
      const expected = await collectionIndex(fresh.db).listCollections({ limit: 200 })
      expect(expected.collections).toHaveLength(119)
      expect(await index.listCollections({ limit: 200 })).toEqual(expected)
      const first = await index.listCollections({ limit: 70 })
      expect(first).toEqual(await collectionIndex(fresh.db).listCollections({ limit: 70 }))
      expect(refused).toHaveLength(1)
      const counts = told.map(shapeOf).filter(({ words }) => words.includes('union'))
      expect(counts).toHaveLength(3 + 2)
      for (const { words, tables } of counts) {
        expect(tables).toEqual([PAIRS])
        expect(words).not.toContain('join')
      }
    } finally {
      await db.destroy()
    }
  })
})
