import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createBackfiller, knownCollections } from '../../src/index.ts'
import { migrateToLatest } from '../../src/kysely/index.ts'
import { type OpenStore, openPostgres } from '../../src/postgres/index.ts'
import { xrpcHandler } from '../../src/server/index.ts'
import { createPostgres, type TestPostgres } from '../support/databases.ts'
import { rejection } from '../support/fault-run.ts'
import { didsOf, pagesOf, scriptedLister } from '../support/scripted-lister.ts'

const A = 'com.example.a'
const dids = didsOf(pagesOf(A, 3)).toSorted()
const LIST = `http://index.example/xrpc/com.atproto.sync.listReposByCollection?collection=${A}`

let postgres: TestPostgres
let reader: string
beforeAll(async () => {
  postgres = await createPostgres()
  reader = `reader_${randomUUID().replaceAll('-', '')}`
  await sql`create role ${sql.id(reader)} login password 'secret'`.execute(postgres.db)
  await using store = await openPostgres(postgres.url)
  await backfillOf(store, pagesOf(A, 3)).run()
  await sql`
    grant select on backfill_progress, collection_index_nsid, collection_index_pair to ${sql.id(reader)}
  `.execute(postgres.db)
})
afterAll(async () => {
  await sql`drop owned by ${sql.id(reader)}`.execute(postgres.db)
  await sql`drop role ${sql.id(reader)}`.execute(postgres.db)
  await postgres[Symbol.asyncDispose]()
})

function backfillOf({ sink, progress }: OpenStore, pages = pagesOf(A, 1)) {
  return createBackfiller({
    relay: scriptedLister({ [A]: pages, 'com.example.b': [] }),
    collections: [knownCollections([A])],
    store: { sink, progress },
  })
}

function urlWith(change: (url: URL) => void): string {
  const url = new URL(postgres.url)
  change(url)
  return url.href
}

const asReader = () =>
  urlWith((url) => {
    url.username = reader
    url.password = 'secret'
  })
const readOnly = () =>
  urlWith((url) => url.searchParams.set('options', '-c default_transaction_read_only=on'))

describe.each([
  { who: 'a user with SELECT alone', urlOf: asReader },
  { who: 'a session that is read-only', urlOf: readOnly },
])('on tables that are migrated, $who', ({ urlOf }) => {
  it('reads status and index, and serves XRPC', async () => {
    await using store = await openPostgres(urlOf())
    expect(await backfillOf(store).status()).toMatchObject({ total: 1, complete: 1 })
    expect(await store.index.listRepos(A)).toEqual({ dids })
    expect(await store.index.listCollections()).toEqual({
      collections: [{ nsid: A, estimatedRepos: dids.length }],
    })
    const answer = await xrpcHandler({ index: store.index })(new Request(LIST))
    expect(await answer.json()).toEqual({ repos: dids.map((did) => ({ did })) })
  })

  it('may look for migrations, as often as it likes', async () => {
    await using store = await openPostgres(urlOf())
    await migrateToLatest(store.db)
    await migrateToLatest(store.db, { schema: 'public' })
  })
})

it('a run of a user with SELECT alone ends at once, and says what the user lacks', async () => {
  await using store = await openPostgres(asReader())
  const error = await rejection(backfillOf(store).run())
  expect(error).toMatchObject({ code: 'STORE_NOT_PERMITTED', retryable: false, scope: 'run' })
  expect(String(error)).toContain('permission denied for table backfill_progress')
  expect(String(error)).toContain('SELECT, INSERT and UPDATE')
})

it('a write in a session that is read-only says that the database is so', async () => {
  await using store = await openPostgres(readOnly())
  const added = store.sink.add({ relay: 'relay.example', collection: A, dids })
  await expect(added).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', retryable: true })
  await expect(added).rejects.toThrow('in a read-only transaction')
})

it('waits for no writer: migrated tables are not locked', async () => {
  await postgres.db.transaction().execute(async (transaction) => {
    await sql`lock table backfill_migration_lock, backfill_migration in exclusive mode`.execute(transaction)
    await migrateToLatest(postgres.connect({ options: '-c lock_timeout=1000' }))
  })
})
