import { describe, expect, it } from 'vitest'
import { memoryStore } from '../../src/memory/memory-store.ts'
import { BLOG, HOST, indexed, LIKE, networkOf, POST, pairsOf } from './given-repos.ts'

describe('what is removed', () => {
  const dids = [1, 2, 3].map((i) => `did:plc:${'abc'.charAt(i - 1).repeat(24)}`)
  const [gone = '', changed = '', other = ''] = dids
  const accounts = [
    { did: gone, host: HOST, state: 'deleted' as const },
    { did: changed, host: HOST, collections: [POST] },
    { did: other, host: HOST, state: 'deactivated' as const },
  ]

  /** An index that holds all of them in two collections. */
  async function filled() {
    const store = memoryStore()
    for (const collection of [POST, LIKE]) await store.sink.add({ relay: 'x', collection, dids })
    return store
  }

  it('is nothing unless it is asked for', async () => {
    await using network = await networkOf({ accounts })
    const store = await filled()
    const { events, summary } = await indexed(network, dids, { store })
    expect(await pairsOf(store)).toHaveLength(6)
    expect(summary.removed).toBe(0)
    expect(events[changed]?.added).toBeUndefined()
  })

  it('is what a repo has no more', async () => {
    await using network = await networkOf({ accounts })
    const store = await filled()
    const { events, summary } = await indexed(network, dids, { store, removeMissing: true })
    expect(events[changed]).toMatchObject({ added: [], removed: [LIKE] })
    expect(summary.removed).toBe(1)
    expect(await store.index.has(LIKE, changed)).toBe(false)
    expect(await pairsOf(store)).toHaveLength(5)
  })

  it('is a repo that is gone', async () => {
    await using network = await networkOf({ accounts })
    const store = await filled()
    const { events, summary } = await indexed(network, dids, { store, removeGone: true })
    expect(events[gone]?.removed.toSorted()).toEqual([LIKE, POST])
    expect(summary.removed).toBe(2)
    expect(await pairsOf(store)).toHaveLength(4)
    await indexed(network, dids, { store, removeGone: ['deactivated'] })
    expect(await pairsOf(store)).toEqual([`${LIKE} ${changed}`, `${POST} ${changed}`])
  })

  it('is never what came to the index meanwhile', async () => {
    await using network = await networkOf({
      accounts,
      script: async ({ path }) => {
        if (path.endsWith('describeRepo'))
          await store.sink.add({ relay: 'x', collection: BLOG, dids: [changed] })
        return undefined
      },
    })
    const store = await filled()
    await indexed(network, [changed], { store, removeMissing: true })
    expect(await store.index.has(BLOG, changed)).toBe(true)
    expect(await store.index.has(LIKE, changed)).toBe(false)
  })

  it('is found without an index by DID, too', async () => {
    await using network = await networkOf({ accounts })
    const store = await filled()
    const index = {
      ...store.index,
      collectionsOf: () =>
        Promise.reject(Object.assign(new Error('none'), { code: 'NOT_INDEXED', retryable: false })),
    }
    await indexed(network, dids, { store: { ...store, index }, removeMissing: true, removeGone: true })
    expect(await pairsOf(store)).toHaveLength(3)
  })
})

describe('beside a live feed', () => {
  const did = 'did:plc:aaaaaaaaaaaaaaaaaaaaaaaa'
  const feed = 'feed:wss://relay.example'
  const account = { did, host: HOST, collections: [POST, BLOG] }
  const rev = (n: number) => `3aaaaaaaaaa2${n}`

  it('a repo that the feed noted is written as the end of that look', async () => {
    await using network = await networkOf({ accounts: [account] })
    const store = memoryStore()
    await store.feed.apply({
      feed,
      accounts: [{ did, rev: rev(2) }],
      added: [LIKE, POST].map((collection) => ({ did, collection })),
      toLookUp: [did],
    })
    const { summary } = await indexed(network, await store.feed.listToLookUp(), { store })
    expect(await pairsOf(store)).toEqual([`${POST} ${did}`, `${BLOG} ${did}`])
    expect(summary).toMatchObject({ added: 1, removed: 1 })
    expect(await store.feed.listToLookUp()).toEqual([])
  })

  it('it stays noted where it could not be had, and not where it is gone', async () => {
    await using network = await networkOf({ accounts: [account] })
    const store = memoryStore()
    await store.feed.apply({ feed, accounts: [{ did }], toLookUp: [did] })
    network.change(HOST, { down: true })
    await indexed(network, await store.feed.listToLookUp(), { store })
    expect(await store.feed.listToLookUp()).toMatchObject([{ did, retryInMs: expect.any(Number) }])
    network.change(HOST, { down: false })
    network.set({ did, host: HOST, state: 'deleted' })
    await indexed(network, await store.feed.listToLookUp(), { store })
    expect(await store.feed.listToLookUp()).toEqual([])
  })

  it('a pair that the feed told to be gone comes back where the host has it', async () => {
    await using network = await networkOf({ accounts: [account] })
    const store = memoryStore()
    await store.feed.apply({ feed, accounts: [{ did }], removed: [{ did, collection: POST }] })
    await indexed(network, [did], { store })
    expect(await store.index.has(POST, did)).toBe(true)
  })

  it('a repo that the feed tells of meanwhile is looked at again, and what it added stays', async () => {
    let looks = 0
    await using network = await networkOf({
      accounts: [account],
      script: async ({ path }) => {
        looks += path.endsWith('describeRepo') ? 1 : 0
        // A record of a collection that it had before is written while its host is asked.
        if (looks === 1 && path.endsWith('describeRepo')) {
          network.set({ ...account, collections: [POST, BLOG, LIKE] })
          await store.feed.apply({
            feed,
            accounts: [{ did, rev: rev(3) }],
            added: [{ did, collection: LIKE }],
          })
          return { status: 200, body: { did, collections: [POST, BLOG] } }
        }
        return undefined
      },
    })
    const store = memoryStore()
    await store.feed.apply({ feed, accounts: [{ did, rev: rev(2) }], added: [{ did, collection: LIKE }] })
    const { events } = await indexed(network, [did], { store, removeMissing: true })
    expect(looks).toBe(2)
    expect(events[did]).toMatchObject({ collections: [POST, BLOG, LIKE], removed: [] })
    expect(await store.index.has(LIKE, did)).toBe(true)
  })

  it('a repo that the feed never ceases to tell of loses nothing', async () => {
    let n = 3
    await using network = await networkOf({
      accounts: [account],
      script: async ({ path }) => {
        if (path.endsWith('describeRepo')) await store.feed.apply({ feed, accounts: [{ did, rev: rev(n) }] })
        n += 1
        return undefined
      },
    })
    const store = memoryStore()
    await store.feed.apply({ feed, accounts: [{ did, rev: rev(2) }], added: [{ did, collection: LIKE }] })
    const { events } = await indexed(network, [did], { store, removeMissing: true })
    expect(events[did]?.removed).toEqual([])
    expect((await pairsOf(store)).toSorted()).toEqual(
      [LIKE, POST, BLOG].map((nsid) => `${nsid} ${did}`).toSorted(),
    )
  })
})
