import { setTimeout as sleep } from 'node:timers/promises'
import { inspect } from 'node:util'
import { sql } from 'kysely'
import pg from 'pg'
import { expect, it } from 'vitest'
import { InvalidOptionError } from '../../src/index.ts'
import { withoutTimeouts } from '../../src/kysely/index-builds.ts'
import { openPostgres } from '../../src/postgres/index.ts'
import { createPostgres, type TestPostgres } from '../support/databases.ts'
import { didsFrom } from '../support/store-steps.ts'

const batch = { relay: 'relay.example', collection: 'app.bsky.feed.post', dids: didsFrom(0, 10) }

async function sessionsOf(postgres: TestPostgres, name: string): Promise<number> {
  const { rows } = await sql`select 1 from pg_stat_activity where application_name = ${name}`.execute(
    postgres.db,
  )
  return rows.length
}

/** A session that was closed is listed until the server has tidied it up. */
async function untilNoSession(postgres: TestPostgres, name: string): Promise<void> {
  while ((await sessionsOf(postgres, name)) > 0) await sleep(5)
}

it('opens a database that is migrated and complete, and leaves no connection', async () => {
  await using postgres = await createPostgres()
  {
    await using store = await openPostgres(postgres.url, { applicationName: 'opened' })
    expect(store.sink.database).toBe(store.progress.database)
    expect(await store.sink.add(batch)).toEqual({ added: 10 })
    await store.progress.register(batch.relay, [{ nsid: batch.collection }])
    expect(await store.db.selectFrom('collection_index').selectAll().execute()).toHaveLength(10)
    const observed: string[] = []
    for await (const { nsid } of store.observed.collections()) observed.push(nsid)
    expect(observed).toEqual([batch.collection])
    expect(await sessionsOf(postgres, 'opened')).toBeGreaterThan(0)
  }
  await untilNoSession(postgres, 'opened')
})

it('keeps the tables in the schema that is asked for', async () => {
  await using postgres = await createPostgres()
  await using store = await openPostgres(postgres.url, { schema: 'backfill' })
  await store.sink.add(batch)
  expect(
    await store.db.withSchema('backfill').selectFrom('collection_index').selectAll().execute(),
  ).toHaveLength(10)
})

it.each([
  { search: '', limits: ['10000', '20000', '30000'] },
  { search: '?statement_timeout=70000&sslmode=disable&lock_timeout=0', limits: ['10000', '0', '70000'] },
])(
  'bounds what a server in trouble can take, by its own limits or the url’s: "$search"',
  async ({ search, limits }) => {
    await using postgres = await createPostgres()
    await using store = await openPostgres(postgres.url + search)
    const { rows } = await sql<{ name: string; setting: string }>`
    select name, setting from pg_settings
    where name in ('statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout', 'application_name')
    order by name
  `.execute(store.db)
    expect(rows.map(({ setting }) => setting)).toEqual(['atproto-collection-backfill', ...limits])
  },
)

it.each(['', '?statement_timeout=70000&lock_timeout=0'])(
  'lifts its limits from a session that builds for long, and sets them again: "%s"',
  async (search) => {
    await using postgres = await createPostgres()
    await using store = await openPostgres(postgres.url + search, { max: 1 })
    const limits = async (db: typeof store.db) =>
      (
        await sql<{ limit: string }>`
          select name || ' ' || setting as limit from pg_settings
          where name in ('statement_timeout', 'lock_timeout') order by name`.execute(db)
      ).rows.map(({ limit }) => limit)
    const before = await limits(store.db)
    await withoutTimeouts(store.db, async (connection) => {
      expect(await limits(connection)).toEqual(['lock_timeout 0', 'statement_timeout 0'])
    })
    expect(await limits(store.db)).toEqual(before)
  },
)

it('runs what must stand in no transaction', async () => {
  await using postgres = await createPostgres()
  await using store = await openPostgres(postgres.url)
  await sql`vacuum analyze collection_index_pair`.execute(store.db)
})

it('outlives connections that the server ends, idle or in use', async () => {
  await using postgres = await createPostgres()
  await using store = await openPostgres(postgres.url, { applicationName: 'ended', max: 2 })
  const endAll = () =>
    sql`select pg_terminate_backend(pid, 5000) from pg_stat_activity where application_name = 'ended'`.execute(
      postgres.db,
    )
  await endAll()
  const interrupted = store.db.transaction().execute(async (transaction) => {
    await sql`select 1`.execute(transaction)
    await endAll()
    await sql`select 1`.execute(transaction)
  })
  await expect(interrupted).rejects.toThrow()
  expect(await store.sink.add(batch)).toEqual({ added: 10 })
})

it.each([undefined, '', 'localhost:5432/app', 'mysql://localhost/app', {}, new pg.Client()])(
  'refuses what is not a Postgres url and not a pool: %s',
  async (url) => {
    const opened = openPostgres(url as string)
    await expect(opened).rejects.toThrow(InvalidOptionError)
    await expect(opened).rejects.toMatchObject({ option: 'url' })
  },
)

it.each([
  'mysql://me:cr/et@localhost/app',
  'mysql://me:se@cr/et@localhost/app',
  'postgres://me:cr/et@localhost:notaport/app',
  'postgres://me:cr/et/app',
  'postgres://me:a\ncr/et@localhost:notaport/app',
  'postgres://localhost:notaport/app?password=cr/et',
  'postgres://localhost:notaport/app?password=a@cr/et',
  'postgres://me:other@localhost:notaport/app?password=a@cr/et',
  'mysql://localhost/app#a@cr/et',
  'postgres://me:cr/et@localhost/app?sslrootcert=/nothing/here.pem',
  { connectionString: 'postgres://me:cr/et@localhost/app' },
])('shows no password of what it refuses: %s', async (url) => {
  const error = await openPostgres(url as string).catch((reason: unknown) => reason)
  expect(error).toBeInstanceOf(InvalidOptionError)
  expect(error).toMatchObject({ option: 'url', retryable: false })
  expect(inspect(error)).not.toContain('cr/et')
})

it('refuses a url with a limit that is no number', async () => {
  const opened = openPostgres('postgres://me:secret@localhost/app?lock_timeout=5s&application_name=a')
  await expect(opened).rejects.toMatchObject({ code: 'INVALID_OPTION', option: 'url' })
  await expect(opened).rejects.toThrow('lock_timeout is a number of milliseconds, not "5s"')
})

it('shows of a url that it refuses what is no secret', async () => {
  await expect(openPostgres('mysql://me:secret@localhost/app')).rejects.toThrow('mysql://localhost/app')
})

it.each([0, -1, 1.5, Number.NaN])('refuses %s connections', async (max) => {
  await expect(openPostgres('postgres://localhost/app', { max })).rejects.toMatchObject({ option: 'max' })
})

it('says what to look at when nobody listens, without the password', async () => {
  const opened = openPostgres('postgres://me:secret@127.0.0.1:1/app')
  await expect(opened).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', retryable: true })
  const error: unknown = await opened.catch((reason: unknown) => reason)
  expect(String(error)).toContain('postgres://127.0.0.1:1/app')
  expect(String(error)).toContain('ECONNREFUSED')
  expect(String(error)).not.toContain('secret')
})

it('shows nothing of a url in which a parameter may be a password, when nobody listens', async () => {
  const opened = openPostgres('postgres://127.0.0.1:1/app?password=half@secret')
  await expect(opened).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
  expect(inspect(await opened.catch((reason: unknown) => reason))).not.toMatch(/half|secret/)
})

it('says what to look at when the database or the password is wrong, and leaves no connection', async () => {
  await using postgres = await createPostgres()
  const elsewhere = new URL(postgres.url)
  elsewhere.pathname = '/no_such_database'
  const opened = openPostgres(elsewhere.href, { applicationName: 'refused' })
  await expect(opened).rejects.toMatchObject({ code: 'STORE_NOT_OPENED', retryable: false })
  await expect(opened).rejects.toThrow('the name of the database')
  await untilNoSession(postgres, 'refused')
})

it('works on a pool of the caller’s own, and leaves it open', async () => {
  await using postgres = await createPostgres()
  const pool = new pg.Pool({ connectionString: postgres.url, application_name: 'given', max: 2 })
  const store = await openPostgres(pool, { schema: 'backfill' })
  expect(await store.sink.add(batch)).toEqual({ added: 10 })
  await store.close()
  expect((await pool.query('select did from backfill.collection_index')).rows).toHaveLength(10)
  await pool.end()
  await untilNoSession(postgres, 'given')
})

it('keeps a pool of the caller’s own from ending the process when a connection that is in use breaks', async () => {
  await using postgres = await createPostgres()
  const pool = new pg.Pool({ connectionString: postgres.url, application_name: 'broken', max: 2 })
  pool.on('error', () => {})
  await using store = await openPostgres(pool)
  const interrupted = store.db.transaction().execute(async (transaction) => {
    await sql`select 1`.execute(transaction)
    await sql`select pg_terminate_backend(pid, 5000) from pg_stat_activity where application_name = 'broken'`.execute(
      postgres.db,
    )
    await sql`select 1`.execute(transaction)
  })
  await expect(interrupted).rejects.toThrow()
  expect(await store.sink.add(batch)).toEqual({ added: 10 })
  expect(pool.idleCount).toBe(1)
  await pool.end()
})

it('leaves a pool of the caller’s own open when the migration fails', async () => {
  await using postgres = await createPostgres()
  await sql`create table collection_index (mine int)`.execute(postgres.db)
  const pool = new pg.Pool({ connectionString: postgres.url })
  await expect(openPostgres(pool)).rejects.toThrow('is not a view')
  expect((await pool.query('select 1 as one')).rows).toEqual([{ one: 1 }])
  await pool.end()
})

it.each(['max', 'applicationName'])(
  'refuses %s beside a pool, where it would have no effect',
  async (option) => {
    const pool = new pg.Pool()
    const options: object = { [option]: 5 }
    await expect(openPostgres(pool, options)).rejects.toMatchObject({ option })
  },
)

it('leaves no connection when the migration fails', async () => {
  await using postgres = await createPostgres()
  await sql`create table collection_index (mine int)`.execute(postgres.db)
  await expect(openPostgres(postgres.url, { applicationName: 'unmigrated' })).rejects.toThrow('is not a view')
  await untilNoSession(postgres, 'unmigrated')
})
