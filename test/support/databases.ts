import { randomUUID } from 'node:crypto'
import { PGlite } from '@electric-sql/pglite'
import { Kysely, PGliteDialect, PostgresDialect, sql } from 'kysely'
import pg from 'pg'
import { inject } from 'vitest'
import { kyselyIndexSink } from '../../src/kysely/kysely-index-sink.ts'
import { kyselyProgressStore } from '../../src/kysely/kysely-progress-store.ts'
import { migrateToLatest } from '../../src/kysely/migrations.ts'
import type { BackfillDatabase } from '../../src/kysely/schema.ts'
import type {
  IndexSinkFixture,
  ProgressStoreFixture,
  SharedDatabaseFixture,
} from '../../src/testing/index.ts'
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
 */
export async function createPostgres(
  server: string | undefined = inject('postgresUrl'),
): Promise<TestPostgres> {
  if (server === undefined) throw new Error('A test that needs a database is named x.database.test.ts.')
  const name = `test_${randomUUID().replaceAll('-', '')}`
  const url = new URL(server)
  await administer(server, `create database ${name}`)
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

/** The files of a PGlite that nobody has used yet. */
let blank: Promise<Blob> | undefined

/** To make a cluster takes a PGlite seconds, to copy one a fifth of that: the first of a test file is what the others begin as. */
async function newPGlite(): Promise<PGlite> {
  if (blank !== undefined) return PGlite.create({ loadDataDir: await blank })
  const first = PGlite.create()
  blank = first.then((pglite) => pglite.dumpDataDir('none'))
  await blank
  return await first
}

/** What every suite of stores asks for. */
export interface StoreFixture extends SharedDatabaseFixture {
  readonly schema: string
  reopen(): Promise<Pick<IndexSinkFixture & ProgressStoreFixture, 'sink' | 'progress'>>
  [Symbol.asyncDispose](): Promise<void>
}

/**
 * Stores in a new schema of the database, so that each case begins with empty tables and pays for no new database.
 *
 * @param another a Kysely on the same database with connections of its own, where it can have more than one
 */
export async function freshStores(db: TestKysely, another: TestKysely = db): Promise<StoreFixture> {
  const schema = `case_${randomUUID().replaceAll('-', '')}`
  await migrateToLatest(db, { schema })
  const stores = (on: TestKysely) => ({
    progress: kyselyProgressStore(on, { schema }),
    sink: kyselyIndexSink(on, { schema }),
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
      await sql`drop schema ${sql.id(schema)} cascade`.execute(db)
    },
  }
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
