import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PGlite } from '@electric-sql/pglite'
import { Kysely, PGliteDialect, PostgresDialect, sql } from 'kysely'
import pg from 'pg'
import { expect, inject } from 'vitest'
import type { FeedStore } from '../../src/contracts/feed-store.ts'
import type { RepoIndex } from '../../src/contracts/repo-index.ts'
import { collectionIndex } from '../../src/kysely/collection-index.ts'
import { createDidIndex } from '../../src/kysely/did-index.ts'
import { kyselyFeedStore } from '../../src/kysely/kysely-feed-store.ts'
import { kyselyIndexSink } from '../../src/kysely/kysely-index-sink.ts'
import { kyselyProgressStore } from '../../src/kysely/kysely-progress-store.ts'
import { migrateToLatest } from '../../src/kysely/migrations.ts'
import type { BackfillDatabase } from '../../src/kysely/schema.ts'
import type { RepoIndexFixture, SharedDatabaseFixture } from '../../src/testing/index.ts'
import { openPool } from './pool.ts'

export type TestKysely = Kysely<BackfillDatabase>

/** An empty database of its own. */
export interface TestDatabase extends AsyncDisposable {
  /** One Kysely on it, closed with the database. */
  readonly db: TestKysely
}

export interface TestPostgres extends TestDatabase {
  readonly url: string
  /** A further Kysely with a pool of its own, as another process would have; closed with the database. */
  connect(config?: pg.PoolConfig): TestKysely
}

/**
 * A new database, dropped afterwards.
 *
 * @param server a Postgres whose user may create databases: the suite's unless another one is given
 * @param form what `create database` is told of it, as `encoding 'LATIN1'`
 */
export async function createPostgres(
  server: string | undefined = inject('postgresUrl'),
  form = '',
): Promise<TestPostgres> {
  if (server === undefined) throw new Error('A test that needs a database is named x.database.test.ts.')
  const name = `test_${randomUUID().replaceAll('-', '')}`
  const url = new URL(server)
  await administer(server, `create database ${name} ${form}`)
  url.pathname = `/${name}`
  const opened: TestKysely[] = []
  const connect = (config: pg.PoolConfig = {}) => {
    const pool = openPool({ connectionString: url.href, max: 12, ...config })
    const db: TestKysely = new Kysely({ dialect: new PostgresDialect({ pool }) })
    opened.push(db)
    return db
  }
  return {
    db: connect(),
    url: url.href,
    connect,
    async [Symbol.asyncDispose]() {
      await Promise.all(opened.map((db) => db.destroy()))
      await administer(server, `drop database ${name} with (force)`)
    },
  }
}

/** A new PGlite in memory. */
export async function createPGlite(): Promise<TestDatabase> {
  const db: TestKysely = new Kysely({ dialect: new PGliteDialect({ pglite: await newPGlite() }) })
  return { db, [Symbol.asyncDispose]: () => db.destroy() }
}

/** To make a cluster takes a PGlite seconds, to copy one a fifth of that: the first of a run is what the others begin as. */
async function newPGlite(): Promise<PGlite> {
  const file = join(inject('scratch'), 'pglite.tar')
  if (existsSync(file)) return PGlite.create({ loadDataDir: new Blob([await readFile(file)]) })
  const first = await PGlite.create()
  const blank = await first.dumpDataDir('none')
  // Another test file may be at it too: whichever is done last stays.
  const part = `${file}.${process.pid}`
  await writeFile(part, new Uint8Array(await blank.arrayBuffer()))
  await rename(part, file)
  return first
}

/** What every suite of stores asks for. */
export interface StoreFixture extends SharedDatabaseFixture {
  readonly schema: string
  readonly index: RepoIndex
  readonly feed: FeedStore
  reopen(): Promise<Pick<StoreFixture, 'sink' | 'progress' | 'index' | 'feed'>>
  [Symbol.asyncDispose](): Promise<void>
}

/** Schemas with the tables of the library and nothing in them, which cases of a database can take over. */
const idleSchemas = new WeakMap<TestKysely, string[]>()

/**
 * Stores in a schema of their own, so that each case begins with empty tables. It is emptied afterwards and used by a later
 * case: to make the tables takes longer than most cases.
 *
 * @param another a Kysely on the same database with connections of its own, where it can have more than one
 */
export async function freshStores(db: TestKysely, another: TestKysely = db): Promise<StoreFixture> {
  const idle = idleSchemas.get(db) ?? []
  idleSchemas.set(db, idle)
  const schema = idle.pop() ?? (await migratedSchema(db))
  const stores = (on: TestKysely) => ({
    progress: kyselyProgressStore(on, { schema }),
    sink: kyselyIndexSink(on, { schema }),
    index: collectionIndex(on, { schema }),
    feed: kyselyFeedStore(on, { schema }),
  })
  return {
    ...stores(db),
    schema,
    reopen: async () => stores(another),
    async read(collection) {
      const pairs = another.withSchema(schema).selectFrom('collection_index').select('did')
      return (await pairs.where('collection', '=', collection).execute()).map(({ did }) => did)
    },
    async [Symbol.asyncDispose]() {
      await emptySchema(db, schema)
      idle.push(schema)
    },
  }
}

/** An index in a schema of its own, written to through another connection where there can be one. */
export async function freshIndex(db: TestKysely, another: TestKysely = db): Promise<RepoIndexFixture> {
  const stores = await freshStores(db, another)
  const { sink } = await stores.reopen()
  const reader = collectionIndex(another, { schema: stores.schema })
  // On one connection alone, nothing is built beside others.
  if (another !== db) await createDidIndex(db, { schema: stores.schema })
  return {
    index: collectionIndex(db, { schema: stores.schema }),
    async add(collection, dids) {
      await sink.add({ relay: 'relay.example', collection, dids })
    },
    async remove(collection, did) {
      expect(await reader.remove(collection, did)).toEqual({ removed: 1 })
    },
    reopen: async () => ({ index: reader }),
    [Symbol.asyncDispose]: () => stores[Symbol.asyncDispose](),
  }
}

async function migratedSchema(db: TestKysely): Promise<string> {
  const schema = `case_${randomUUID().replaceAll('-', '')}`
  await migrateToLatest(db, { schema })
  return schema
}

/** Takes the rows out of every table but those that say which migrations were made. */
async function emptySchema(db: TestKysely, schema: string): Promise<void> {
  const { rows } = await sql<{ name: string }>`
    select tablename as name from pg_tables where schemaname = ${schema} and tablename not like '%migration%'
  `.execute(db)
  const tables = rows.map(({ name }) => sql.table(`${schema}.${name}`))
  await sql`truncate ${sql.join(tables)} restart identity`.execute(db)
  await sql`insert into ${sql.table(`${schema}.collection_feed_counts`)} (id) values (1)`.execute(db)
}

async function administer(server: string, command: string): Promise<void> {
  const client = new pg.Client({ connectionString: server })
  await client.connect()
  try {
    await client.query(command)
  } finally {
    await client.end()
  }
}
