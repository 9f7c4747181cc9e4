import { setTimeout as sleep } from 'node:timers/promises'
import { Kysely, PostgresDialect, sql } from 'kysely'
import { describe, expect, it } from 'vitest'
import { StoreUnavailableError } from '../../src/index.ts'
import { collectionIndex, createDidIndex, kyselyIndexSink, migrateToLatest } from '../../src/kysely/index.ts'
import { createPostgres, type TestKysely, type TestPostgres } from '../support/databases.ts'
import { openPool } from '../support/pool.ts'
import { didsFrom, SOURCE } from '../support/store-steps.ts'

const POST = 'app.bsky.feed.post'
const [DID = '', OTHER = ''] = didsFrom(0, 2)

async function filled(): Promise<TestPostgres> {
  const postgres = await createPostgres()
  await migrateToLatest(postgres.db)
  await kyselyIndexSink(postgres.db).add({ relay: SOURCE, collection: POST, dids: didsFrom(0, 1_000) })
  return postgres
}

/** The indexes of the pairs but the key, each with whether it is finished. */
async function indexesOf(db: TestKysely): Promise<Record<string, boolean>> {
  const { rows } = await sql<{ name: string; valid: boolean }>`
    select relname as name, indisvalid as valid from pg_index join pg_class on oid = indexrelid
    where indrelid = 'collection_index_pair'::regclass and not indisprimary order by 1
  `.execute(db)
  return Object.fromEntries(rows.map(({ name, valid }) => [name, valid]))
}

const FINISHED = { collection_index_pair_did: true }

/** A transaction that no build can pass, since it may still see pairs that are not indexed. */
async function blocking(postgres: TestPostgres, run: () => Promise<void>): Promise<void> {
  const transaction = postgres.connect().transaction().setIsolationLevel('repeatable read')
  await transaction.execute(async (open) => {
    await open.selectFrom('collection_index_pair').select('did').limit(1).execute()
    await run()
  })
}

/** Waits until a build has come to a transaction that is in its way, and gives its process. */
async function untilStuck(postgres: TestPostgres): Promise<number> {
  for (;;) {
    const { rows } = await sql<{ pid: number }>`
      select pid from pg_stat_progress_create_index
      where phase = 'waiting for old snapshots' and datname = current_database()
    `.execute(postgres.db)
    const [stuck] = rows
    if (stuck) return stuck.pid
    await sleep(5)
  }
}

describe('createDidIndex on Postgres', () => {
  it('lets everybody write while it is being built', async () => {
    await using postgres = await filled()
    const { db } = postgres
    let built: Promise<void> | undefined
    await blocking(postgres, async () => {
      built = createDidIndex(db)
      await untilStuck(postgres)
      const index = collectionIndex(db)
      const added = await kyselyIndexSink(db).add({
        relay: SOURCE,
        collection: POST,
        dids: ['did:web:new.example'],
      })
      expect(added).toEqual({ added: 1 })
      expect(await index.remove(POST, DID)).toEqual({ removed: 1 })
      await expect(index.collectionsOf(OTHER)).rejects.toMatchObject({ code: 'NOT_INDEXED' })
    })
    await built
    const index = collectionIndex(db)
    expect(await index.collectionsOf('did:web:new.example')).toEqual({ collections: [POST] })
    expect(await index.collectionsOf(DID)).toEqual({ collections: [] })
    expect(await indexesOf(db)).toEqual(FINISHED)
  })

  it('is done once, whoever calls it and how often', async () => {
    await using postgres = await filled()
    const callers = [postgres.db, postgres.connect(), postgres.connect(), postgres.connect()]
    await Promise.all(callers.map((db) => createDidIndex(db)))
    await createDidIndex(postgres.db)
    expect(await indexesOf(postgres.db)).toEqual(FINISHED)
    expect(await collectionIndex(postgres.db).collectionsOf(DID)).toEqual({ collections: [POST] })
  })

  it('waits for the build of another call, and for its own that its connection gave up on', async () => {
    await using postgres = await filled()
    const gaveUp = Promise.withResolvers<void>()
    const pool = openPool({
      connectionString: postgres.url,
      query_timeout: 1_000,
      statement_timeout: 900,
      lock_timeout: 800,
    })
    await using impatient = new Kysely({
      dialect: new PostgresDialect({ pool }),
      log: ({ level, query }) => {
        if (level === 'error' && query.sql.includes('create index')) gaveUp.resolve()
      },
    })
    const calls: Promise<void>[] = []
    await blocking(postgres, async () => {
      calls.push(createDidIndex(impatient))
      await untilStuck(postgres)
      calls.push(createDidIndex(postgres.db))
      await gaveUp.promise
    })
    await Promise.all(calls)
    expect(await indexesOf(postgres.db)).toEqual(FINISHED)
  })

  it('says so when its build is broken off, and clears away what that left when it is called again', async () => {
    await using postgres = await filled()
    await blocking(postgres, async () => {
      const built = createDidIndex(postgres.connect())
      built.catch(() => {})
      const pid = await untilStuck(postgres)
      await sql`select pg_terminate_backend(${pid}, 5000)`.execute(postgres.db)
      await expect(built).rejects.toThrow(StoreUnavailableError)
    })
    await createDidIndex(postgres.db)
    expect(await indexesOf(postgres.db)).toEqual(FINISHED)
    expect(await collectionIndex(postgres.db).collectionsOf(DID)).toEqual({ collections: [POST] })
  })

  it('takes what another tool left half built for what it is', async () => {
    await using postgres = await filled()
    await blocking(postgres, async () => {
      const building = sql`
        create index concurrently collection_index_pair_did on collection_index_pair (did, collection_id)
      `.execute(postgres.connect())
      building.catch(() => {})
      await sql`select pg_cancel_backend(${await untilStuck(postgres)})`.execute(postgres.db)
      await expect(building).rejects.toThrow('canceling statement')
    })
    expect(await indexesOf(postgres.db)).toEqual({ collection_index_pair_did: false })
    await expect(collectionIndex(postgres.db).collectionsOf(DID)).rejects.toMatchObject({
      code: 'NOT_INDEXED',
    })
    await Promise.all([createDidIndex(postgres.db), createDidIndex(postgres.connect())])
    expect(await indexesOf(postgres.db)).toEqual(FINISHED)
  })

  it('ends its waiting with the reason of its signal, and a later call finds what was built', async () => {
    await using postgres = await filled()
    const controller = new AbortController()
    const reason = new Error('enough')
    const { signal } = controller
    await expect(createDidIndex(postgres.db, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    await blocking(postgres, async () => {
      const calls = [createDidIndex(postgres.db, { signal })]
      await untilStuck(postgres)
      calls.push(createDidIndex(postgres.connect(), { signal }))
      controller.abort(reason)
      for (const call of calls) await expect(call).rejects.toBe(reason)
    })
    await createDidIndex(postgres.db)
    expect(await indexesOf(postgres.db)).toEqual(FINISHED)
  })

  it('leaves the timeouts of its connection as they were', async () => {
    await using postgres = await filled()
    const db = postgres.connect({ max: 1, statement_timeout: 12_345, lock_timeout: 6_789 })
    await createDidIndex(db)
    const { rows } = await sql<{ setting: string }>`
      select setting from pg_settings where name in ('statement_timeout', 'lock_timeout') order by name
    `.execute(db)
    expect(rows.map(({ setting }) => setting)).toEqual(['6789', '12345'])
  })

  it('clears away what an earlier call had set aside, also where another tool left one more', async () => {
    await using postgres = await filled()
    for (const name of ['collection_index_pair_did_unfinished', 'collection_index_pair_did']) {
      await sql`create index ${sql.id(name)} on collection_index_pair (did, collection_id)`.execute(
        postgres.db,
      )
      await sql`update pg_index set indisvalid = false where indexrelid = ${name}::regclass`.execute(
        postgres.db,
      )
    }
    await createDidIndex(postgres.db)
    expect(await indexesOf(postgres.db)).toEqual(FINISHED)
  })

  it('finds the tables in a schema, however it is called', async () => {
    await using postgres = await createPostgres()
    const schema = 'Odd "schema"'
    await migrateToLatest(postgres.db, { schema })
    await kyselyIndexSink(postgres.db, { schema }).add({ relay: SOURCE, collection: POST, dids: [DID] })
    await createDidIndex(postgres.db, { schema })
    const index = collectionIndex(postgres.db, { schema })
    expect(await index.collectionsOf(DID)).toEqual({ collections: [POST] })
    expect((await index.listCollections()).collections).toEqual([{ nsid: POST, estimatedRepos: 1 }])
  })
})
