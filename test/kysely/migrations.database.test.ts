import { type Kysely, sql } from 'kysely'
import { describe, expect, it } from 'vitest'
import { kyselyIndexSink, kyselyProgressStore, migrateToLatest } from '../../src/kysely/index.ts'
import { createPGlite, createPostgres, type TestDatabase } from '../support/databases.ts'
import { didsFrom } from '../support/store-steps.ts'

const SOURCE = 'relay1.us-east.bsky.network'
const request = { relay: SOURCE, owner: 'worker', leaseMs: 60_000 }

async function columnsOf<Database>(db: Kysely<Database>) {
  const { rows } = await sql<{
    table_schema: string
    table_name: string
    column_name: string
    data_type: string
  }>`
    select table_schema, table_name, column_name, data_type from information_schema.columns
    where table_schema not in ('pg_catalog', 'information_schema') order by 1, 2, 3
  `.execute(db)
  return rows
}

async function keyOf<Database>(db: Kysely<Database>, table: string) {
  const { rows } = await sql<{ definition: string }>`
    select pg_get_constraintdef(oid) as definition from pg_constraint where conrelid = ${table}::regclass and contype = 'p'
  `.execute(db)
  return rows.map(({ definition }) => definition)
}

/** The table as the Zig relay made it, with one collection done, one half done and one not begun. */
async function zigTable<Database>(db: Kysely<Database>, key: string, source: string): Promise<void> {
  const hasSource = source !== ''
  await sql`
    create table backfill_progress (
      collection text not null, ${sql.raw(hasSource ? 'source text not null,' : '')}
      cursor text not null default '', imported_count bigint not null default 0,
      completed_at timestamptz, created_at timestamptz not null default now(), ${sql.raw(key)}
    )
  `.execute(db)
  const origin = sql.raw(hasSource ? `'${source}',` : '')
  await sql`
    insert into backfill_progress values
      ('app.bsky.feed.post', ${origin} '', 5000000000, '2026-03-01T00:00:00Z', '2026-02-28T00:00:00Z'),
      ('app.bsky.feed.like', ${origin} 'a+b/c==', 1234, null, '2026-02-28T00:00:00Z'),
      ('app.bsky.graph.list', ${origin} '', 0, null, '2026-02-28T00:00:00Z')
  `.execute(db)
}

describe.each<{ kind: string; create: () => Promise<TestDatabase> }>([
  { kind: 'Postgres', create: createPostgres },
  { kind: 'PGlite', create: createPGlite },
])('migrateToLatest on $kind', ({ create }) => {
  it('makes the tables on an empty database, and does nothing the second time', async () => {
    await using database = await create()
    await migrateToLatest(database.db)
    const columns = await columnsOf(database.db)
    await migrateToLatest(database.db)
    expect(await columnsOf(database.db)).toEqual(columns)
    expect(new Set(columns.map((column) => column.table_name))).toEqual(
      new Set([
        'backfill_migration',
        'backfill_migration_lock',
        'backfill_progress',
        'collection_feed_account',
        'collection_feed_counts',
        'collection_feed_followed',
        'collection_feed_gone',
        'collection_feed_newcomer',
        'collection_feed_to_look_up',
        'collection_index',
        'collection_index_nsid',
        'collection_index_pair',
      ]),
    )
    expect(await keyOf(database.db, 'collection_index_pair')).toEqual(['PRIMARY KEY (collection_id, did)'])
  })

  it('gives people a view of the pairs to select from', async () => {
    await using database = await create()
    await migrateToLatest(database.db)
    await kyselyIndexSink(database.db).add({
      relay: SOURCE,
      collection: 'app.bsky.feed.post',
      dids: didsFrom(0, 2),
    })
    const rows = await database.db.selectFrom('collection_index').selectAll().orderBy('did').execute()
    expect(rows).toEqual(
      didsFrom(0, 2)
        .sort()
        .map((did) => ({ collection: 'app.bsky.feed.post', did })),
    )
  })

  it.each([
    { form: 'collection and source as its key', key: 'primary key (collection, source)' },
    { form: 'the collection alone as its key', key: 'primary key (collection)' },
    { form: 'a key of another name', key: 'constraint "odd ""name""" primary key (collection)' },
    { form: 'no key', key: 'check (true)' },
  ])('takes over a table of the Zig relay with $form, and goes on where it stood', async ({ key }) => {
    await using database = await create()
    const { db } = database
    await zigTable(db, key, SOURCE)
    await migrateToLatest(db)
    expect(await keyOf(db, 'backfill_progress')).toEqual(['PRIMARY KEY (collection, source)'])

    const progress = kyselyProgressStore(db)
    const rows = (await progress.list()).map(({ collection, state, cursor, imported }) => [
      collection,
      state,
      cursor,
      imported,
    ])
    expect(rows).toEqual([
      ['app.bsky.feed.like', 'pending', 'a+b/c==', 1234],
      ['app.bsky.feed.post', 'complete', undefined, 5_000_000_000],
      ['app.bsky.graph.list', 'pending', undefined, 0],
    ])
    const claim = await progress.claim(request)
    expect(claim).toMatchObject({
      collection: 'app.bsky.feed.like',
      cursor: 'a+b/c==',
      imported: 1234,
      pages: 0,
      epoch: 1,
    })
    if (claim) await progress.advance(claim, { cursor: 'next', pages: 1, imported: 10, invalid: 0 })
    expect((await progress.list())[0]).toMatchObject({ cursor: 'next', imported: 1244, pages: 1 })

    await progress.register('other.example', [{ nsid: 'app.bsky.feed.like' }])
    expect(await progress.list()).toHaveLength(4)
  })

  it('keeps rows that name no source, and lets no run claim them', async () => {
    await using database = await create()
    await zigTable(database.db, 'primary key (collection)', '')
    await migrateToLatest(database.db)
    const progress = kyselyProgressStore(database.db)
    expect((await progress.list()).map(({ relay: source, imported }) => [source, imported])).toEqual([
      ['', 1234],
      ['', 5_000_000_000],
      ['', 0],
    ])
    expect(await progress.claim(request)).toBeUndefined()
    await progress.register(SOURCE, [{ nsid: 'app.bsky.feed.like' }])
    expect(await progress.claim(request)).toMatchObject({
      collection: 'app.bsky.feed.like',
      cursor: undefined,
      imported: 0,
    })
  })

  it('lives in a schema beside another one, each with its own tables', async () => {
    await using database = await create()
    const { db } = database
    await migrateToLatest(db, { schema: 'Odd "schema"' })
    await migrateToLatest(db)
    const schemas = new Set((await columnsOf(db)).map((column) => column.table_schema))
    expect(schemas).toEqual(new Set(['Odd "schema"', 'public']))
    await kyselyProgressStore(db).register(SOURCE, [{ nsid: 'app.bsky.feed.post' }])
    const there = kyselyProgressStore(db, { schema: 'Odd "schema"' })
    expect(await there.list()).toEqual([])
    await there.register(SOURCE, [{ nsid: 'app.bsky.feed.like' }])
    expect(await there.claim(request)).toMatchObject({ collection: 'app.bsky.feed.like' })
    const batch = { relay: SOURCE, collection: 'app.bsky.feed.like', dids: didsFrom(0, 3) }
    expect(await kyselyIndexSink(db, { schema: 'Odd "schema"' }).add(batch)).toEqual({ added: 3 })
    expect(await kyselyIndexSink(db).add(batch)).toEqual({ added: 3 })
  })

  it('says why it failed, and leaves nothing half done', async () => {
    await using database = await create()
    const { db } = database
    await sql`create table collection_index (mine int)`.execute(db)
    await expect(migrateToLatest(db)).rejects.toThrow('"collection_index" is not a view')
    expect(new Set((await columnsOf(db)).map((column) => column.table_name))).toEqual(
      new Set(['collection_index']),
    )
  })
})

describe('migrateToLatest by ten at once', () => {
  it.each([{ schema: undefined }, { schema: 'apart' }])(
    'makes one schema, without an error: $schema',
    async ({ schema }) => {
      await using postgres = await createPostgres()
      const processes = Array.from({ length: 10 }, () => postgres.connect({ max: 2 }))
      await Promise.all(processes.map((db) => migrateToLatest(db, { schema })))
      const progress = kyselyProgressStore(postgres.db, { schema })
      await progress.register(SOURCE, [{ nsid: 'app.bsky.feed.post' }])
      expect(await progress.list()).toHaveLength(1)
      const applied =
        await sql`select name from ${schema ? sql.id(schema, 'backfill_migration') : sql.id('backfill_migration')}`
      expect((await applied.execute(postgres.db)).rows).toEqual([{ name: '0001-tables' }])
    },
  )

  it('mends a table of the early form once', async () => {
    await using postgres = await createPostgres()
    await zigTable(postgres.db, 'primary key (collection)', SOURCE)
    await Promise.all(Array.from({ length: 10 }, () => migrateToLatest(postgres.connect({ max: 2 }))))
    expect(await keyOf(postgres.db, 'backfill_progress')).toEqual(['PRIMARY KEY (collection, source)'])
    expect(await kyselyProgressStore(postgres.db).list()).toHaveLength(3)
  })

  it('holds no lock beyond its transaction', async () => {
    await using postgres = await createPostgres()
    await migrateToLatest(postgres.db)
    const locks = await sql`select 1 from pg_locks where locktype = 'advisory'`.execute(postgres.db)
    expect(locks.rows).toEqual([])
  })
})

it.each(['', 'no_such_schema'])('says what to do where the search path names no schema: %s', async (path) => {
  await using postgres = await createPostgres()
  const name = sql.id(new URL(postgres.url).pathname.slice(1))
  await sql`alter database ${name} set search_path to ${path === '' ? sql.lit('') : sql.raw(path)}`.execute(
    postgres.db,
  )
  const db = postgres.connect()
  const migrated = migrateToLatest(db)
  await expect(migrated).rejects.toMatchObject({ code: 'INVALID_OPTION', option: 'schema' })
  await expect(migrated).rejects.toThrow(`search_path (${path === '' ? '""' : path})`)

  await migrateToLatest(db, { schema: 'public' })
  await kyselyProgressStore(db, { schema: 'public' }).register(SOURCE, [{ nsid: 'app.bsky.feed.post' }])
  expect(await kyselyProgressStore(db, { schema: 'public' }).claim(request)).toBeDefined()
  await expect(kyselyProgressStore(db).list()).rejects.toThrow('with the same `schema`')
})

it('tells a user who may not create tables so', async () => {
  await using postgres = await createPostgres()
  const role = `role_${Math.random().toString(36).slice(2)}`
  await sql`create role ${sql.id(role)} login password 'secret'`.execute(postgres.db)
  try {
    await expect(
      migrateToLatest(
        postgres.connect({
          user: role,
          password: 'secret',
          connectionString: undefined,
          ...hostOf(postgres.url),
        }),
      ),
    ).rejects.toThrow('permission denied for schema public')
  } finally {
    await sql`drop role ${sql.id(role)}`.execute(postgres.db)
  }
})

function hostOf(url: string) {
  const { hostname, port, pathname } = new URL(url)
  return { host: hostname, port: Number(port), database: pathname.slice(1) }
}
