import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  type CollectionIndex,
  collectionIndex,
  createDidIndex,
  migrateToLatest,
} from '../../src/kysely/index.ts'
import { createPostgres, type TestPostgres } from '../support/databases.ts'
import { type Explaining, explaining, fill, type Plan } from '../support/plans.ts'

const PAIRS = 'collection_index_pair'
const KEY = 'collection_index_pair_pkey'
const BIG = 'com.example.c0001'
const PAGE = 2_000

/** 1,287 collections and five million pairs, by a power law. */
const sizes: Record<string, number> = Object.fromEntries(
  Array.from({ length: 1_287 }, (_, i) => [
    `com.example.c${String(i + 1).padStart(4, '0')}`,
    Math.ceil(1_150_000 / (i + 1) ** 1.2),
  ]),
)
/** Where a page begins: the DIDs are hashes. */
const places = { beginning: undefined, middle: 'did:example:80', end: 'did:example:ff' }

let postgres: TestPostgres
let explained: Explaining
let index: CollectionIndex
beforeAll(async () => {
  postgres = await createPostgres()
  await migrateToLatest(postgres.db)
  await fill(postgres.db, sizes)
  explained = explaining(postgres.url)
  index = collectionIndex(explained.db)
})
afterAll(async () => {
  await explained[Symbol.asyncDispose]()
  await postgres[Symbol.asyncDispose]()
})

async function planOf(run: () => Promise<unknown>): Promise<Plan> {
  const plan = (await explained.plansOf(run)).at(-1)
  if (plan === undefined) throw new Error('nothing was told to the database')
  return plan
}

/** Every way to ask, each about a collection that is large and one that is small. */
const calls: Record<string, () => Promise<unknown>> = {
  'listRepos of a large one': () => index.listRepos(BIG, { limit: PAGE }),
  'listRepos of a small one': () => index.listRepos('com.example.c1287', { limit: PAGE }),
  listCollections: () => index.listCollections(),
  'countRepos of a large one': () => index.countRepos(BIG),
  'countRepos of a small one': () => index.countRepos('com.example.c1287'),
  has: () => index.has(BIG, 'did:example:80'),
  remove: () => index.remove(BIG, 'did:example:80'),
  removeRepo: () => index.removeRepo('did:example:80'),
}

async function assertIndexed(): Promise<void> {
  for (const [name, run] of Object.entries(calls)) {
    const plan = await planOf(run)
    expect(plan.on(PAIRS).length, name).toBeGreaterThan(0)
    expect(
      plan.on(PAIRS).filter((scan) => scan === 'Seq Scan'),
      name,
    ).toEqual([])
  }
}

async function blocksOfPages(): Promise<number[]> {
  const blocks: number[] = []
  for (const cursor of Object.values(places)) {
    const plan = await planOf(() => index.listRepos(BIG, { cursor, limit: PAGE }))
    expect(plan.on(PAIRS)).toEqual([`Index Only Scan ${KEY}`])
    expect(plan.nodes.map((node) => node['Node Type'])).not.toContain('Sort')
    expect(plan.rowsOf(PAIRS)).toBe(PAGE + 1)
    blocks.push(plan.blocks)
  }
  return blocks
}

describe('five million pairs that nobody has analysed', () => {
  it('are asked through an index, whatever is asked', assertIndexed)

  it('give a page at the cost of its own entries, wherever it is', async () => {
    for (const blocks of await blocksOfPages()) expect(blocks).toBeLessThan(PAGE * 1.1)
  })
})

describe('five million pairs, vacuumed and analysed', () => {
  beforeAll(async () => {
    await sql`vacuum analyze collection_index_pair`.execute(postgres.db)
  })

  it('are asked through an index, whatever is asked', assertIndexed)

  it('give a page from a few dozen blocks, at the beginning, in the middle and at the end', async () => {
    // 2,000 entries of some 60 bytes in blocks of 8 KiB, and the way down to them.
    for (const blocks of await blocksOfPages()) expect(blocks).toBeLessThan(50)
  })

  it('give the names of the collections without a scan of the pairs', async () => {
    const plan = await planOf(() => index.listCollections({ limit: 500 }))
    expect(plan.on(PAIRS)).toEqual([`Index Only Scan ${KEY}`])
    expect(plan.rowsOf(PAIRS)).toBeLessThanOrEqual(501 * 100)
    expect(plan.blocks).toBeLessThan(5_000)
  })

  it('are removed by DID with one look at each collection, and at once where there is an index by DID', async () => {
    const without = await planOf(() => index.removeRepo('did:example:80'))
    expect(without.blocks).toBeLessThan(1_287 * 5)
    await createDidIndex(postgres.db)
    const plan = await planOf(() => index.removeRepo('did:example:80'))
    expect(plan.on(PAIRS)).toEqual(['Index Scan collection_index_pair_did'])
    expect(plan.blocks).toBeLessThan(30)
  })

  it('tell the collections of a repo from the index by DID', async () => {
    const { dids } = await index.listRepos('com.example.c1287', { limit: 1 })
    const [did = ''] = dids
    const held = Object.keys(sizes)
    expect(await index.collectionsOf(did, { limit: 10_000 })).toEqual({ collections: held })
    const plan = await planOf(() => index.collectionsOf(did, { cursor: '640', limit: 10 }))
    expect(plan.on(PAIRS)).toEqual(['Index Only Scan collection_index_pair_did'])
    expect(plan.rowsOf(PAIRS)).toBe(11)
  })
})
