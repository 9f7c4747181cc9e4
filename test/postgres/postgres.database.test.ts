import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import { expect, it } from 'vitest'
import { InvalidOptionError } from '../../src/index.ts'
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

it('bounds what a server in trouble can take', async () => {
  await using postgres = await createPostgres()
  await using store = await openPostgres(postgres.url)
  const { rows } = await sql<{ name: string; setting: string }>`
    select name, setting from pg_settings
    where name in ('statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout', 'application_name')
    order by name
  `.execute(store.db)
  expect(rows.map(({ setting }) => setting)).toEqual([
    'atproto-collection-backfill',
    '10000',
    '20000',
    '30000',
  ])
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

it.each([undefined, '', 'localhost:5432/app', 'mysql://localhost/app'])(
  'names the url when it is none: %s',
  async (url) => {
    const opened = openPostgres(url)
    await expect(opened).rejects.toThrow(InvalidOptionError)
    await expect(opened).rejects.toMatchObject({ option: 'url' })
  },
)

it('shows no password of a url that it refuses', async () => {
  const error: unknown = await openPostgres('mysql://me:se@cr/et@localhost/app').catch(
    (reason: unknown) => reason,
  )
  expect(String(error)).toContain('mysql://localhost/app')
  expect(String(error)).not.toContain('cr/et')
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

it('says what to look at when the database or the password is wrong, and leaves no connection', async () => {
  await using postgres = await createPostgres()
  const elsewhere = new URL(postgres.url)
  elsewhere.pathname = '/no_such_database'
  const opened = openPostgres(elsewhere.href, { applicationName: 'refused' })
  await expect(opened).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', retryable: false })
  await expect(opened).rejects.toThrow('the name of the database')
  await untilNoSession(postgres, 'refused')
})

it('leaves no connection when the migration fails', async () => {
  await using postgres = await createPostgres()
  await sql`create table collection_index (mine int)`.execute(postgres.db)
  await expect(openPostgres(postgres.url, { applicationName: 'unmigrated' })).rejects.toThrow('is not a view')
  await untilNoSession(postgres, 'unmigrated')
})
