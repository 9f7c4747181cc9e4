import { CamelCasePlugin, Kysely, PostgresDialect, sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { StoreUnavailableError } from '../../src/index.ts'
import {
  kyselyIndexSink,
  kyselyProgressStore,
  migrateToLatest,
  observedCollections,
} from '../../src/kysely/index.ts'
import { NotMigratedError } from '../../src/kysely/table-errors.ts'
import { createPGlite, createPostgres, type TestKysely, type TestPostgres } from '../support/databases.ts'
import { openPool } from '../support/pool.ts'
import { didsFrom, LEASE_MS, mustClaim, SOURCE } from '../support/store-steps.ts'

const batch = { relay: SOURCE, collection: 'app.bsky.feed.post', dids: didsFrom(0, 10) }
const request = { relay: SOURCE, owner: 'worker', leaseMs: LEASE_MS }
const page = { pages: 1, cursor: 'c1', imported: 10, invalid: 0 }

let postgres: TestPostgres
beforeAll(async () => {
  postgres = await createPostgres()
  await migrateToLatest(postgres.db)
})
afterAll(() => postgres[Symbol.asyncDispose]())

describe('which stores share a transaction', () => {
  it('is those on one Kysely, whatever its plugins and schema', () => {
    const { db } = postgres
    const { database } = kyselyProgressStore(db)
    expect(kyselyIndexSink(db).database).toBe(database)
    expect(kyselyIndexSink(db.withSchema('other')).database).toBe(database)
    expect(kyselyIndexSink(db.withPlugin(new CamelCasePlugin())).database).toBe(database)
  })

  it('is never those on two, even of the same database', () => {
    expect(kyselyIndexSink(postgres.connect()).database).not.toBe(kyselyProgressStore(postgres.db).database)
  })

  it('is refused when the transaction belongs to another Kysely', async () => {
    const sink = kyselyIndexSink(postgres.connect())
    const foreign = postgres.db.transaction().execute((transaction) => sink.add(batch, { transaction }))
    await expect(foreign).rejects.toThrow('not one of its own Kysely')
    await expect(kyselyIndexSink(postgres.db).add(batch, { transaction: postgres.db })).rejects.toThrow(
      TypeError,
    )
    expect(await postgres.db.selectFrom('collection_index').selectAll().execute()).toEqual([])
  })

  it('works with plugins that rename columns', async () => {
    await using apart = await createPostgres()
    const db = apart.db.withPlugin(new CamelCasePlugin())
    await migrateToLatest(db)
    const progress = kyselyProgressStore(db)
    await progress.register(SOURCE, [{ nsid: batch.collection }])
    const claim = await mustClaim(progress)
    await progress.advance(claim, page, async (transaction) => {
      await kyselyIndexSink(db).add(batch, { transaction })
    })
    expect(await progress.list()).toMatchObject([{ imported: 10, pages: 1 }])
    expect(await observed(db)).toEqual([batch.collection])
  })
})

async function observed(db: TestKysely, signal?: AbortSignal): Promise<string[]> {
  const names: string[] = []
  for await (const { nsid } of observedCollections(db).collections({ signal })) names.push(nsid)
  return names
}

describe('observedCollections', () => {
  it('names what the index holds, however it came there', async () => {
    await using own = await createPostgres()
    await migrateToLatest(own.db)
    expect(await observed(own.db)).toEqual([])
    await kyselyIndexSink(own.db).add({ ...batch, collection: 'com.example.b' })
    await kyselyIndexSink(own.db).add({ ...batch, collection: 'com.example.a' })
    expect(await observed(own.db)).toEqual(['com.example.a', 'com.example.b'])
  })

  it('ends with the reason of its signal', async () => {
    const reason = new Error('enough')
    await expect(observed(postgres.db, AbortSignal.abort(reason))).rejects.toBe(reason)
  })
})

describe('without the migration', () => {
  it('every call names it', async () => {
    await using empty = await createPostgres()
    const progress = kyselyProgressStore(empty.db)
    const claim = { relay: SOURCE, collection: batch.collection, owner: 'w', leaseMs: 1, epoch: 1 }
    const held = { ...claim, pages: 0, imported: 0, invalid: 0, attempts: 0, restarts: 0 }
    const calls = [
      () => progress.register(SOURCE, [{ nsid: batch.collection }]),
      () => progress.claim(request),
      () => progress.advance(held, page),
      () => progress.renew(held, 1),
      () => progress.release(held),
      () => progress.remaining(SOURCE),
      () => progress.list(),
      () => kyselyIndexSink(empty.db).add(batch),
      () => observed(empty.db),
      () => kyselyProgressStore(empty.db, { schema: 'nowhere' }).list(),
    ]
    for (const call of calls) await expect(call()).rejects.toThrow(NotMigratedError)
    await expect(progress.list()).rejects.toThrow('migrateToLatest(db)')
  })

  it("leaves an error of the caller's own write alone", async () => {
    await kyselyProgressStore(postgres.db).register(SOURCE, [{ nsid: batch.collection }])
    const progress = kyselyProgressStore(postgres.db)
    const claim = await mustClaim(progress)
    const write = async () => {
      await sql`select * from a_table_of_theirs`.execute(postgres.db)
    }
    await expect(progress.advance(claim, page, write)).rejects.toMatchObject({ code: '42P01' })
    await progress.release(claim)
  })
})

describe('a database in trouble', () => {
  it.each([
    { trouble: 'read-only', options: '-c default_transaction_read_only=on' },
    { trouble: 'slow', options: '-c statement_timeout=1' },
  ])('is not available, and may be later: $trouble', async ({ trouble, options }) => {
    const db = postgres.connect({ options })
    const dids = trouble === 'slow' ? didsFrom(0, 10_000) : batch.dids
    const added = kyselyIndexSink(db).add({ ...batch, dids })
    await expect(added).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', retryable: true })
  })

  it('is not available when nobody listens', async () => {
    const db = postgres.connect({ connectionString: 'postgres://nobody@127.0.0.1:1/nothing' })
    await expect(kyselyProgressStore(db).claim(request)).rejects.toThrow(StoreUnavailableError)
    await expect(kyselyProgressStore(db).list()).rejects.toThrow('ECONNREFUSED')
  })

  it('is not available when all connections are in use', async () => {
    const pool = openPool({ connectionString: postgres.url, max: 1 })
    const db: TestKysely = new Kysely({ dialect: new PostgresDialect({ pool }) })
    await db.connection().execute(async () => {
      // Only from now on: to open a connection takes longer on a busy machine.
      pool.options.connectionTimeoutMillis = 50
      await expect(kyselyProgressStore(db).list()).rejects.toThrow(StoreUnavailableError)
    })
    await db.destroy()
  })

  it('goes on after the server ended the connection in mid-page, with nothing of that page saved', async () => {
    const progress = kyselyProgressStore(postgres.db)
    const sink = kyselyIndexSink(postgres.db)
    await progress.register('cut.example', [{ nsid: 'com.example.cut' }])
    const claim = await progress.claim({ ...request, relay: 'cut.example' })
    if (claim === undefined) throw new Error('nothing to claim')
    const cut = { ...batch, collection: 'com.example.cut' }
    const write = async (transaction: unknown) => {
      await sink.add(cut, { transaction })
      await sql`select pg_terminate_backend(pg_backend_pid())`
        .execute(transaction as TestKysely)
        .catch(() => {})
      await sink.add(cut, { transaction })
    }
    await expect(progress.advance(claim, page, write)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
    expect(await progress.list({ relay: 'cut.example' })).toMatchObject([{ pages: 0, imported: 0 }])
    const again = await progress.advance(claim, page, async (transaction) => {
      expect(await sink.add(cut, { transaction })).toEqual({ added: 10 })
    })
    expect(again.pages).toBe(1)
  })
})

it('a sink whose collection gets no number does not call the page durable', async () => {
  await using database = await createPostgres()
  await migrateToLatest(database.db)
  await sql`create function forget() returns trigger language plpgsql as 'begin return null; end'`.execute(
    database.db,
  )
  await sql`
    create trigger forget before insert on collection_index_nsid for each row execute function forget()
  `.execute(database.db)
  await expect(kyselyIndexSink(database.db).add(batch)).rejects.toThrow('app.bsky.feed.post got no number')
})

describe.each([
  ['Postgres', createPostgres],
  ['PGlite', createPGlite],
])('the sink on %s', (_, create) => {
  it('keeps every string as it is, also what no DID can be, and counts each exactly', async () => {
    await using database = await create()
    await migrateToLatest(database.db)
    const sink = kyselyIndexSink(database.db)
    const batches = [
      { dids: [''], added: 1 },
      { dids: ['', 'a', ''], added: 1 },
      { dids: ['a,b', 'b', 'a'], added: 2 },
      { dids: ['NULL', 'null', '{}', '{a}', '"', "'", '\\', ' a', '%', 'ä', '🦋', '\n'], added: 12 },
      { dids: ['a', 'b', 'c'], added: 1 },
    ]
    for (const { dids, added } of batches) expect(await sink.add({ ...batch, dids })).toEqual({ added })
    const rows = await database.db.selectFrom('collection_index').select('did').execute()
    const given = new Set(batches.flatMap(({ dids }) => dids))
    expect(rows.map(({ did }) => did).sort()).toEqual([...given].sort())
  })
})
