import { sql } from 'kysely'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createBackfiller } from '../../src/index.ts'
import { createDidIndex } from '../../src/kysely/index.ts'
import { type OpenStore, openPostgres } from '../../src/postgres/index.ts'
import { createPostgres, type TestPostgres } from '../support/databases.ts'
import { type Pooler, startPgBouncer } from '../support/pgbouncer.ts'
import { didsOf, pagesOf, scriptedLister } from '../support/scripted-lister.ts'

const NSIDS = Array.from({ length: 12 }, (_, i) => `com.example.c${i}`)
const LIMITS = { statement_timeout: '30s', lock_timeout: '20s', idle_in_transaction_session_timeout: '10s' }

/** The limits under which a statement runs, in the server's words. */
async function limitsOf(db: OpenStore['db']): Promise<object> {
  const names = Object.keys(LIMITS)
  const settings = names.map((name) => sql`current_setting(${sql.lit(name)}) as ${sql.id(name)}`)
  const { rows } = await sql<object>`select ${sql.join(settings)}`.execute(db)
  return rows[0] ?? {}
}

describe.each([
  { pooler: 'refuses what a session asks for, as PgBouncer does untold', settings: {} },
  {
    pooler: 'drops what a session asks for',
    settings: {
      ignore_startup_parameters:
        'statement_timeout, lock_timeout, idle_in_transaction_session_timeout, application_name, extra_float_digits, options',
    },
  },
  { pooler: 'forgets a session after each transaction', settings: { server_reset_query_always: '1' } },
  { pooler: 'lends a connection for a session', settings: { pool_mode: 'session', default_pool_size: '12' } },
])('behind a pooler that $pooler', ({ settings }) => {
  let postgres: TestPostgres
  let pooler: Pooler
  let store: OpenStore
  beforeAll(async () => {
    postgres = await createPostgres()
    pooler = await startPgBouncer(postgres.url, settings)
    store = await openPostgres(pooler.through(postgres.url))
  })
  afterAll(async () => {
    await store.close()
    await pooler[Symbol.asyncDispose]()
    await postgres[Symbol.asyncDispose]()
  })

  it('the limits hold for each statement, alone and in a transaction', async () => {
    expect(await limitsOf(store.db)).toEqual(LIMITS)
    await store.db.transaction().execute(async (transaction) => {
      expect(await limitsOf(transaction)).toEqual(LIMITS)
    })
    const serializable = store.db.transaction().setIsolationLevel('serializable')
    await serializable.execute(async (transaction) => {
      expect(await limitsOf(transaction)).toEqual(LIMITS)
    })
  })

  it('a run and the index by DID come to their end, and leave nothing with the sessions that others get', async () => {
    const pages = Object.fromEntries(NSIDS.map((nsid) => [nsid, pagesOf(nsid, 5)]))
    const relay = scriptedLister(pages)
    await createBackfiller({ relay, collections: NSIDS, store, concurrency: 6 }).run()
    await createDidIndex(store.db)
    for (const nsid of NSIDS) {
      const expected = didsOf(pagesOf(nsid, 5)).toSorted()
      expect(await store.index.listRepos(nsid, { limit: 1000 })).toEqual({ dids: expected })
      expect((await store.index.collectionsOf(expected[0] ?? '')).collections).toContain(nsid)
    }
    expect(await leftBehind(pooler.through(postgres.url))).toEqual([])
  })
})

it('a url’s own limits end a statement and the waiting for a lock', async () => {
  await using postgres = await createPostgres()
  await using pooler = await startPgBouncer(postgres.url)
  const url = new URL(pooler.through(postgres.url))
  url.search = '?statement_timeout=1000&lock_timeout=50&idle_in_transaction_session_timeout=60000'
  await using store = await openPostgres(url.href)
  await expect(sql`select pg_sleep(60)`.execute(store.db)).rejects.toMatchObject({ code: '57014' })
  await store.db.transaction().execute(async (transaction) => {
    await sql`lock table backfill_progress`.execute(transaction)
    const waiting = sql`lock table backfill_progress`.execute(store.db)
    await expect(waiting).rejects.toMatchObject({ code: '55P03' })
  })
})

/** What the three sessions hold that a pooler lends to its next clients: settings and prepared statements. */
async function leftBehind(url: string): Promise<string[]> {
  const clients = Array.from({ length: 3 }, () => new pg.Client({ connectionString: url }))
  const look = async (client: pg.Client) => {
    await client.connect()
    // Held until all have looked, so that each has another session.
    await client.query('begin')
    const { rows } = await client.query<{ left: string }>(`
      select name || ' = ' || setting as left from pg_settings where source = 'session' and name <> 'application_name'
      union all select 'prepared ' || statement from pg_prepared_statements
    `)
    return rows.map(({ left }) => left)
  }
  try {
    return (await Promise.all(clients.map(look))).flat()
  } finally {
    await Promise.all(clients.map((client) => client.end()))
  }
}
