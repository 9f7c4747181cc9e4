import { sql } from 'kysely'
import { describe, expect, it } from 'vitest'
import {
  collectionIndex,
  createDidIndex,
  kyselyIndexSink,
  kyselyProgressStore,
  migrateToLatest,
} from '../../src/kysely/index.ts'
import { NotMigratedError } from '../../src/kysely/table-errors.ts'
import { NotIndexedError } from '../../src/util/not-indexed-error.ts'
import { createPGlite, createPostgres, type TestKysely } from '../support/databases.ts'
import { databases } from '../support/e2e.ts'
import { didsFrom, mustClaim, SOURCE } from '../support/store-steps.ts'

const POST = 'app.bsky.feed.post'
const LIKE = 'app.bsky.feed.like'

function add(db: TestKysely, collection: string, dids: readonly string[]) {
  return kyselyIndexSink(db).add({ relay: SOURCE, collection, dids })
}

async function migrated(create: () => ReturnType<typeof createPGlite>) {
  const database = await create()
  await migrateToLatest(database.db)
  return database
}

describe.each(databases)('what a live feed removes on $kind', ({ create }) => {
  it('is one pair, or all pairs of a repo, and once', async () => {
    await using database = await migrated(create)
    const index = collectionIndex(database.db)
    const [first = '', second = ''] = didsFrom(0, 2)
    for (const nsid of [POST, LIKE, 'com.example.c']) await add(database.db, nsid, [first, second])
    expect(await index.has(POST, first)).toBe(true)
    expect(await index.remove(POST, first)).toEqual({ removed: 1 })
    expect(await index.remove(POST, first)).toEqual({ removed: 0 })
    expect(await index.has(POST, first)).toBe(false)
    expect(await index.has('com.example.unknown', first)).toBe(false)
    expect(await index.remove('com.example.unknown', first)).toEqual({ removed: 0 })
    expect(await index.removeRepo(first)).toEqual({ removed: 2 })
    expect(await index.removeRepo(first)).toEqual({ removed: 0 })
    for (const nsid of [POST, LIKE, 'com.example.c'])
      expect((await index.listRepos(nsid)).dids).toEqual([second])
  })

  it('is the same with the index by DID', async () => {
    await using database = await migrated(create)
    const index = collectionIndex(database.db)
    const [first = '', second = ''] = didsFrom(0, 2)
    await createDidIndex(database.db)
    for (const nsid of [POST, LIKE]) await add(database.db, nsid, [first, second])
    expect(await index.removeRepo(first)).toEqual({ removed: 2 })
    expect(await index.collectionsOf(first)).toEqual({ collections: [] })
    expect(await index.collectionsOf(second)).toEqual({ collections: [POST, LIKE] })
  })
})

describe.each(databases)('the collections of a repo on $kind', ({ create }) => {
  it('come page by page, each once, also while others are added and removed', async () => {
    await using database = await migrated(create)
    const { db } = database
    await createDidIndex(db)
    const index = collectionIndex(db)
    const names = Array.from({ length: 12 }, (_, i) => `com.example.n${i}`)
    const [did = '', other = ''] = didsFrom(0, 2)
    for (const nsid of names) await add(db, nsid, nsid === names[3] ? [other] : [did, other])
    const first = await index.collectionsOf(did, { limit: 4 })
    await index.remove(names[1] ?? '', did)
    await add(db, 'com.example.late', [did])
    const second = await index.collectionsOf(did, { limit: 4, cursor: first.cursor })
    const third = await index.collectionsOf(did, { limit: 4, cursor: second.cursor })
    expect([...first.collections, ...second.collections, ...third.collections]).toEqual([
      ...names.filter((nsid) => nsid !== names[3]),
      'com.example.late',
    ])
    expect(third.cursor).toBeUndefined()
    expect(await index.collectionsOf('did:web:nobody.example')).toEqual({ collections: [] })
  })

  it('are not to be had without the index by DID, and the error says what builds it', async () => {
    await using database = await migrated(create)
    const asked = collectionIndex(database.db).collectionsOf('did:web:a.example')
    await expect(asked).rejects.toThrow(NotIndexedError)
    await expect(asked).rejects.toMatchObject({ code: 'NOT_INDEXED', retryable: false })
    await expect(asked).rejects.toThrow('createDidIndex(db)')
  })
})

describe.each(databases)('the sizes of the collections on $kind', ({ create }) => {
  it('are exact for small ones, and for a larger one what was sampled or imported, at least 100', async () => {
    await using database = await migrated(create)
    const { db } = database
    const index = collectionIndex(db)
    const sizes = { 'com.example.a': 20_000, 'com.example.b': 150, 'com.example.c': 99, 'com.example.d': 1 }
    for (const [nsid, size] of Object.entries(sizes)) await add(db, nsid, didsFrom(0, size))
    await add(db, 'com.example.gone', didsFrom(0, 1))
    await index.removeRepo(didsFrom(0, 1)[0] ?? '')
    const estimates = async () =>
      (await index.listCollections()).collections.map(({ estimatedRepos }) => estimatedRepos)
    expect(await estimates()).toEqual([100, 100, 98])

    const progress = kyselyProgressStore(db)
    await progress.register(SOURCE, [{ nsid: 'com.example.a' }])
    const claim = await mustClaim(progress)
    await progress.advance(claim, { pages: 1, cursor: 'c1', imported: 12_000, invalid: 0 })
    // The row of a host that is named like a collection is not the collection's.
    await progress.register('crawl:', [{ nsid: 'com.example.b', estimatedRepos: 1 }])
    const host = await progress.claim({ relay: 'crawl:', owner: 'test', leaseMs: 60_000 })
    if (host !== undefined)
      await progress.advance(host, { pages: 1, cursor: 'c1', imported: 5_000, invalid: 0 })
    expect(host?.collection).toBe('com.example.b')
    expect(await estimates()).toEqual([12_000, 100, 98])

    await sql`analyze collection_index_pair`.execute(db)
    const [largest = 0, second = 0, third] = await estimates()
    // Of a table this small, the planner's sample holds every row.
    expect([largest, second, third]).toEqual([19_999, 149, 98])
    expect(await index.countRepos('com.example.a')).toBe(19_999)
  })

  it('leave out what has lost its last repo, and page on behind it', async () => {
    await using database = await migrated(create)
    const index = collectionIndex(database.db)
    const names = Array.from({ length: 6 }, (_, i) => `com.example.n${i}`)
    for (const nsid of names) await add(database.db, nsid, didsFrom(0, 1))
    for (const nsid of names.slice(0, 3)) await index.remove(nsid, didsFrom(0, 1)[0] ?? '')
    const pages = [await index.listCollections({ limit: 2 })]
    while (pages.at(-1)?.cursor !== undefined)
      pages.push(await index.listCollections({ limit: 2, cursor: pages.at(-1)?.cursor }))
    expect(pages.map(({ collections }) => collections.map(({ nsid }) => nsid))).toEqual([
      [],
      ['com.example.n3'],
      ['com.example.n4', 'com.example.n5'],
    ])
  })
})

describe('a cursor of collectionIndex', () => {
  it('is refused when it cannot be one', async () => {
    await using database = await migrated(createPGlite)
    await createDidIndex(database.db)
    const index = collectionIndex(database.db)
    const option = { option: 'cursor' }
    await expect(index.listRepos(POST, { cursor: 'did:\0' })).rejects.toMatchObject(option)
    await expect(index.listCollections({ cursor: '\0' })).rejects.toMatchObject(option)
    for (const cursor of ['com.example.a', '-1', '2147483648', '1.5'])
      await expect(index.collectionsOf('did:web:a.example', { cursor })).rejects.toMatchObject(option)
  })
})

describe('without the migration', () => {
  it('every call names it', async () => {
    await using empty = await createPostgres()
    const index = collectionIndex(empty.db)
    const calls = [
      () => index.listRepos(POST),
      () => index.listCollections(),
      () => index.countRepos(POST),
      () => index.has(POST, 'did:web:a.example'),
      () => index.remove(POST, 'did:web:a.example'),
      () => index.removeRepo('did:web:a.example'),
      () => createDidIndex(empty.db),
    ]
    for (const call of calls) await expect(call()).rejects.toThrow(NotMigratedError)
  })
})

it('ends with the reason of its signal, also while the database is silent', async () => {
  await using postgres = await createPostgres()
  await migrateToLatest(postgres.db)
  const another = postgres.connect({ max: 1 })
  const index = collectionIndex(another)
  const reason = new Error('enough')
  const signal = AbortSignal.abort(reason)
  const did = 'did:web:a.example'
  const calls = [
    index.has(POST, did, { signal }),
    index.remove(POST, did, { signal }),
    index.removeRepo(did, { signal }),
    index.collectionsOf(did, { signal }),
  ]
  for (const call of calls) await expect(call).rejects.toBe(reason)
  await another.connection().execute(async () => {
    const controller = new AbortController()
    const asked = index.listRepos(POST, { signal: controller.signal })
    controller.abort(reason)
    await expect(asked).rejects.toBe(reason)
  })
})
