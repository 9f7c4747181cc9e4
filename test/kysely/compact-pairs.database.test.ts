import { sql } from 'kysely'
import { expect, it } from 'vitest'
import { collectionIndex, compactPairs, kyselyIndexSink, migrateToLatest } from '../../src/kysely/index.ts'
import { openPostgres } from '../../src/postgres/index.ts'
import { createPostgres, type TestPostgres } from '../support/databases.ts'

const NAME = 'com.example.thing'
const PAIRS = 60_000

/** A key with much room in it: every second page of its entries was taken away again. */
async function sparse(): Promise<TestPostgres> {
  const postgres = await createPostgres()
  await migrateToLatest(postgres.db)
  await kyselyIndexSink(postgres.db).add({ relay: 'x', collection: NAME, dids: ['did:web:first.example'] })
  await sql`
    insert into collection_index_pair (collection_id, did)
    select id, 'did:plc:' || rpad(translate(md5(n::text), '0189', 'wxyz'), 24, 'a')
    from collection_index_nsid, generate_series(1, ${sql.lit(PAIRS)}) as n
  `.execute(postgres.db)
  await sql`delete from collection_index_pair where hashtext(did) % 3 <> 0`.execute(postgres.db)
  return postgres
}

async function keysOf({ db }: TestPostgres): Promise<{ name: string; valid: boolean }[]> {
  const { rows } = await sql<{ name: string; valid: boolean }>`
    select relname as name, indisvalid as valid from pg_index join pg_class on oid = indexrelid
    where indrelid = 'collection_index_pair'::regclass order by 1
  `.execute(db)
  return rows
}

const KEY = [{ name: 'collection_index_pair_pkey', valid: true }]

it('the key is built anew, once, whoever asks and how often, and the index is the same', async () => {
  await using postgres = await sparse()
  const before = await collectionIndex(postgres.db).countRepos(NAME)
  const calls = [postgres.db, postgres.connect(), postgres.connect()].map((db) => compactPairs(db))
  const [first] = await Promise.all(calls)
  expect(first?.pairs).toBeGreaterThan(0)
  expect(first?.bytesAfter).toBeLessThan((first?.bytesBefore ?? 0) * 0.8)
  const again = await compactPairs(postgres.db)
  expect(again.bytesAfter).toBe(again.bytesBefore)
  expect(await collectionIndex(postgres.db).countRepos(NAME)).toBe(before)
  expect(await keysOf(postgres)).toEqual(KEY)
})

it('what a build that broke off has left is dropped', async () => {
  await using postgres = await sparse()
  const { db } = postgres
  await sql`create unique index collection_index_pair_pkey_ccnew on collection_index_pair (collection_id, did)`.execute(
    db,
  )
  await sql`
    update pg_index set indisvalid = false where indexrelid = 'collection_index_pair_pkey_ccnew'::regclass
  `.execute(db)
  expect(await keysOf(postgres)).toHaveLength(2)
  expect(await compactPairs(db)).toMatchObject({ dropped: 1 })
  expect(await keysOf(postgres)).toEqual(KEY)
})

it('a store that was opened by its address compacts under its own limits, in a schema with an odd name', async () => {
  await using postgres = await createPostgres()
  await sql`create schema "my ""own"""`.execute(postgres.db)
  await using store = await openPostgres(postgres.url, { schema: 'my "own"' })
  expect(await store.compact()).toMatchObject({ pairs: 0 })
  await sql`insert into "my ""own""".collection_index_pair select 1, md5(n::text) from generate_series(1, 60000) as n`.execute(
    store.db,
  )
  await sql`delete from "my ""own""".collection_index_pair where hashtext(did) % 3 <> 0`.execute(store.db)
  const { bytesBefore, bytesAfter } = await store.compact()
  expect(bytesAfter).toBeLessThan(bytesBefore * 0.8)
})

it('a user who does not own the table is told so, and nothing is left behind', async () => {
  await using postgres = await sparse()
  const role = `guest_${Date.now()}_${process.pid}`
  await sql
    .raw(`create role ${role} login password 'x'; grant usage on schema public to ${role};
    grant select, insert, update, delete on all tables in schema public to ${role}`)
    .execute(postgres.db)
  try {
    const url = new URL(postgres.url)
    url.username = role
    url.password = 'x'
    await using store = await openPostgres(url.href)
    await expect(store.compact()).rejects.toMatchObject({ code: 'STORE_NOT_PERMITTED' })
  } finally {
    await sql.raw(`drop owned by ${role}; drop role ${role}`).execute(postgres.db)
  }
  expect(await keysOf(postgres)).toEqual(KEY)
})
