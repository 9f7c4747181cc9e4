import { randomUUID } from 'node:crypto'
import { PGlite } from '@electric-sql/pglite'
import { Kysely, PGliteDialect, PostgresDialect, sql } from 'kysely'
import pg from 'pg'
import { inject } from 'vitest'
import { kyselyIndexSink } from '../../src/kysely/index-sink.ts'
import { migrateToLatest } from '../../src/kysely/migrations.ts'
import { kyselyProgressStore } from '../../src/kysely/progress-store.ts'
import type { BackfillDatabase } from '../../src/kysely/schema.ts'
import type { StoreFixture } from './store-cases.ts'

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

/** A new database in the suite's Postgres, dropped afterwards. */
export async function createPostgres(): Promise<TestPostgres> {
  const name = `test_${randomUUID().replaceAll('-', '')}`
  const url = new URL(inject('postgresUrl'))
  await administer(`create database ${name}`)
  url.pathname = `/${name}`
  const opened: TestKysely[] = []
  const connect = (config: pg.PoolConfig = {}) => {
    const pool = new pg.Pool({ connectionString: url.href, max: 12, ...config })
    // A connection that the server ends is an event, idle or lent; nobody listening would end the process.
    pool.on('error', () => {})
    pool.on('connect', (client) => client.on('error', () => {}))
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
      await administer(`drop database ${name} with (force)`)
    },
  }
}

/** A new PGlite in memory. */
export async function createPGlite(): Promise<TestDatabase> {
  const db: TestKysely = new Kysely({ dialect: new PGliteDialect({ pglite: await PGlite.create() }) })
  return { db, [Symbol.asyncDispose]: () => db.destroy() }
}

/** Stores in a new schema of the database, so that each case begins with empty tables and pays for no new database. */
export async function freshStores(db: TestKysely): Promise<StoreFixture> {
  const schema = `case_${randomUUID().replaceAll('-', '')}`
  await migrateToLatest(db, { schema })
  return {
    progress: kyselyProgressStore(db, { schema }),
    sink: kyselyIndexSink(db, { schema }),
    async [Symbol.asyncDispose]() {
      await sql`drop schema ${sql.id(schema)} cascade`.execute(db)
    },
  }
}

async function administer(command: string): Promise<void> {
  const client = new pg.Client({ connectionString: inject('postgresUrl') })
  await client.connect()
  try {
    await client.query(command)
  } finally {
    await client.end()
  }
}
