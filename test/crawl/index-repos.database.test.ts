import { afterAll, beforeAll, expect, it } from 'vitest'
import { indexRepos } from '../../src/crawl/index-repos.ts'
import { openPostgres } from '../../src/postgres/index.ts'
import { startNetwork, type TestNetwork } from '../../src/testing/index.ts'
import { createPostgres } from '../support/databases.ts'

const [POST, LIKE] = ['app.bsky.feed.post', 'app.bsky.feed.like']
const FEED = 'feed:wss://relay.example'
const FAST = { plcRequestsPerSecond: 100_000, requestsPerSecond: 100_000 }

let network: TestNetwork
let postgres: Awaited<ReturnType<typeof createPostgres>>
let store: Awaited<ReturnType<typeof openPostgres>>
beforeAll(async () => {
  network = await startNetwork({ hosts: [{ name: 'pds.example', repos: 60 }], states: { takendown: 0.1 } })
  postgres = await createPostgres()
  store = await openPostgres(postgres.url)
})
afterAll(async () => {
  await store.close()
  await postgres[Symbol.asyncDispose]()
  await network.close()
})

const run = (options: object) =>
  indexRepos({ repos: [], store, fetch: network.fetch, ...FAST, ...options }).run()
const dids = () => Array.from(network.accounts(), ({ did }) => did)

it('repos are added once, and what is gone or surplus goes, without an index by DID', async () => {
  const first = await run({ repos: dids() })
  expect(first.added).toBe(first.pairs)
  expect((await run({ repos: dids() })).added).toBe(0)
  await store.sink.add({ relay: 'x', collection: LIKE, dids: dids() })
  const { removed, states } = await run({ repos: dids(), removeMissing: true, removeGone: true })
  expect(removed).toBe(60)
  expect(states).toMatchObject({ active: 60 - states.takendown })
  const { dids: left } = await store.index.listRepos(POST)
  expect(left.toSorted()).toEqual([...network.dids(POST)].toSorted())
})

it('beside a feed, its word comes back by the host, and what it noted is written as the end of a look', async () => {
  const [gone = '', noted = ''] = [...network.dids(POST)]
  await store.feed.apply({
    feed: FEED,
    accounts: [{ did: gone }, { did: noted, rev: '3aaaaaaaaaa22' }],
    removed: [{ did: gone, collection: POST }],
    added: [{ did: noted, collection: LIKE }],
    toLookUp: [noted],
  })
  await store.sink.add({ relay: 'x', collection: POST, dids: [gone] })
  expect(await store.index.has(POST, gone)).toBe(false)
  await run({ repos: [gone] })
  expect(await store.index.has(POST, gone)).toBe(true)
  await run({ repos: await store.feed.listToLookUp() })
  expect(await store.index.has(LIKE, noted)).toBe(false)
  expect(await store.feed.listToLookUp()).toEqual([])
})
