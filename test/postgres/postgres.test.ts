import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import { expect, it } from 'vitest'
import { InvalidOptionError } from '../../src/index.ts'
import { type OpenStore, openPostgres } from '../../src/postgres/index.ts'
import { createPostgres, type TestPostgres } from '../support/databases.ts'
import { didsFrom } from '../support/store-steps.ts'

const batch = { source: 'relay.example', collection: 'app.bsky.feed.post', dids: didsFrom(0, 10) }

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
    await store.progress.register(batch.source, [{ nsid: batch.collection }])
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

/** Pages of one collection, each with its pairs and its cursor, as a run commits them. */
async function commitPages({ progress, sink }: OpenStore, pages: number, from = 0): Promise<number> {
  const { source, collection } = batch
  await progress.register(source, [{ nsid: collection }])
  let claim = await progress.claim({ source, owner: 'worker', leaseMs: 60_000 })
  if (claim === undefined) throw new Error('The collection is not free.')
  let added = 0
  for (let page = from; page < from + pages; page += 1) {
    const change = { pages: 1, cursor: String(page), imported: 10, rejected: 0 }
    claim = await progress.advance(claim, change, async (transaction) => {
      const written = await sink.add({ ...batch, dids: didsFrom(page * 10, 10) }, { transaction })
      added += written.added
    })
  }
  await progress.release(claim)
  return added
}

/** What the pool's one connection has prepared. */
async function preparedOn({ db }: OpenStore): Promise<{ name: string; statement: string }[]> {
  const { rows } = await sql<{ name: string; statement: string }>`
    select name, statement from pg_prepared_statements order by name
  `.execute(db)
  return rows
}

/** Runs it again and again until so many statements of it are prepared. @returns how often it ran */
async function untilPrepared(
  store: OpenStore,
  statements: number,
  run: (times: number) => Promise<unknown>,
): Promise<number> {
  for (let times = 0; ; times += 1) {
    if ((await preparedOn(store)).length >= statements) return times
    await run(times)
  }
}

/** Commits pages until what each of them sends is prepared. @returns how many */
async function untilPagesPrepared(store: OpenStore): Promise<number> {
  return 2 * (await untilPrepared(store, 2, (times) => commitPages(store, 2, 2 * times)))
}

it('has what each page sends parsed and planned once for a connection', async () => {
  await using postgres = await createPostgres()
  await using store = await openPostgres(postgres.url, { max: 1 })
  const pages = await untilPagesPrepared(store)
  expect(await commitPages(store, 10, pages)).toBe(100)
  const prepared = (await preparedOn(store)).map(({ statement }) => statement.trim())
  expect(prepared.filter((statement) => statement.startsWith('update "backfill_progress"'))).toHaveLength(1)
  expect(prepared.filter((statement) => statement.startsWith('with known as'))).toHaveLength(1)
})

it('goes on unprepared, with nothing lost or twice, when a pooler forgets what was prepared', async () => {
  await using postgres = await createPostgres()
  await using store = await openPostgres(postgres.url, { max: 1 })
  const pages = await untilPagesPrepared(store)
  await sql`deallocate all`.execute(store.db)
  expect(await commitPages(store, 10, pages)).toBe(100)
  const [row] = await store.progress.list()
  expect([row?.page, row?.imported]).toEqual([pages + 10, pages * 10 + 100])
  expect(await preparedOn(store)).toEqual([])
})

it('goes on unprepared when a pooler lends a connection on which another program prepared the same', async () => {
  await using postgres = await createPostgres()
  await using first = await openPostgres(postgres.url, { max: 1 })
  const pages = await untilPagesPrepared(first)
  await using store = await openPostgres(postgres.url, { max: 1 })
  for (const { name } of await preparedOn(first))
    await sql`prepare ${sql.id(name)} as select 1`.execute(store.db)
  expect(await commitPages(store, 50, pages)).toBe(500)
  const prepared = (await preparedOn(store)).map(({ statement }) => statement)
  expect(prepared.every((statement) => statement.endsWith('as select 1'))).toBe(true)
})

it('reads a table on that was changed after its statement was prepared', async () => {
  await using postgres = await createPostgres()
  await using store = await openPostgres(postgres.url, { max: 1 })
  await store.progress.register(batch.source, [{ nsid: batch.collection }])
  const list = () => store.progress.list({ source: batch.source })
  await untilPrepared(store, 1, list)
  await sql`alter table backfill_progress add column "more" int`.execute(postgres.db)
  expect(await list()).toHaveLength(1)
})

it('sends a statement of the caller’s own again, where no transaction was ended by its being forgotten', async () => {
  await using postgres = await createPostgres()
  await using store = await openPostgres(postgres.url, { max: 1 })
  const one = async () => (await sql<{ one: number }>`select ${1}::int as one`.execute(store.db)).rows
  await untilPrepared(store, 1, one)
  await sql`deallocate all`.execute(store.db)
  expect(await one()).toEqual([{ one: 1 }])
  expect(await preparedOn(store)).toEqual([])
})

it('leaves it to whoever has a transaction open to run it again', async () => {
  await using postgres = await createPostgres()
  await using store = await openPostgres(postgres.url, { max: 1 })
  const one = () =>
    store.db.transaction().execute((transaction) => sql`select ${1}::int as one`.execute(transaction))
  await untilPrepared(store, 1, one)
  await sql`deallocate all`.execute(store.db)
  await expect(one()).rejects.toMatchObject({ code: '26000' })
  expect((await one()).rows).toEqual([{ one: 1 }])
})
