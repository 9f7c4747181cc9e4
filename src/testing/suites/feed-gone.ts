import assert from 'node:assert/strict'
import {
  accountOf,
  add,
  apply,
  assertHeld,
  type FeedStoreCase,
  NAME,
  OTHER,
  page,
  pairsOf,
  remove,
} from './feed-helpers.ts'
import { didsFrom, ODD_DIDS, ODD_NSIDS } from './samples.ts'
import { fixtureCase } from './suite.ts'

export const goneCases: readonly FeedStoreCase[] = [
  fixtureCase('what the feed removed is gone, and an older page does not bring it back', async (store) => {
    const [a = '', b = '', c = ''] = didsFrom(0, 3)
    await page(store.sink, NAME, [a, b])
    await page(store.sink, OTHER, [a])
    assert.deepEqual(await remove(store.feed, { [NAME]: [a, c] }), { added: 0, removed: 1 })
    await assertHeld(store.index, NAME, [b])
    assert.equal((await page(store.sink, NAME, [a, b, c, ...ODD_DIDS])).added, ODD_DIDS.length)
    await assertHeld(store.index, NAME, [b, ...ODD_DIDS])
    await assertHeld(store.index, OTHER, [a])
    assert.deepEqual(await remove(store.feed, { [NAME]: [...ODD_DIDS] }), {
      added: 0,
      removed: ODD_DIDS.length,
    })
    assert.equal((await page(store.sink, NAME, [...ODD_DIDS])).added, 0)
    const again = (await store.reopen?.()) ?? store
    assert.equal((await page(again.sink, NAME, [a])).added, 0)
    await assertHeld(again.index, NAME, [b])
  }),

  fixtureCase('a record that the feed tells of brings the pair back', async ({ feed, sink, index }) => {
    const [a = '', b = ''] = didsFrom(0, 2)
    await remove(feed, { [NAME]: [a, b] })
    assert.deepEqual(await add(feed, { [NAME]: [a] }), { added: 1, removed: 0 })
    await page(sink, NAME, [a, b])
    await assertHeld(index, NAME, [a])
    await remove(feed, { [NAME]: [a] })
    assert.equal((await page(sink, NAME, [a])).added, 0)
  }),

  fixtureCase('a pair that is removed and added in one batch is there', async ({ feed, sink, index }) => {
    const [a = ''] = didsFrom(0, 1)
    await page(sink, NAME, [a])
    const pairs = pairsOf({ [NAME]: [a] })
    assert.deepEqual(await apply(feed, { removed: pairs, added: pairs }), { added: 1, removed: 1 })
    await assertHeld(index, NAME, [a])
  }),

  fixtureCase('a collection that the index never had can lose a repo', async ({ feed, sink, index }) => {
    const [a = '', b = ''] = didsFrom(0, 2)
    for (const nsid of ODD_NSIDS) await remove(feed, { [nsid]: [a] })
    for (const nsid of ODD_NSIDS) assert.equal((await page(sink, nsid, [a, b])).added, 1)
    for (const nsid of ODD_NSIDS) await assertHeld(index, nsid, [b])
  }),

  fixtureCase('a deleted account is gone from every collection, until it is there again', async (store) => {
    const [a = '', b = ''] = didsFrom(0, 2)
    const { feed, sink, index } = store
    for (const nsid of [NAME, OTHER, ...ODD_NSIDS]) await page(sink, nsid, [a, b])
    const deleted = { did: a, active: false, status: 'deleted' }
    const removed = 2 + ODD_NSIDS.length
    assert.deepEqual(await apply(feed, { accounts: [deleted] }), { added: 0, removed })
    for (const nsid of [NAME, OTHER, 'com.example.new']) {
      await page(sink, nsid, [a, b])
      await assertHeld(index, nsid, [b])
    }
    assert.deepEqual(await accountOf(feed, a), deleted)
    await apply(feed, { accounts: [{ did: a, active: true }] })
    assert.equal((await page(sink, NAME, [a, b])).added, 1)
    await apply(feed, { accounts: [deleted] })
    await add(feed, { [OTHER]: [a] })
    assert.equal((await page(sink, NAME, [a, b])).added, 1)
    await assertHeld(index, OTHER, [a, b])
  }),

  fixtureCase('an account that may come back keeps its pairs, and its state can be read', async (store) => {
    const { feed, sink, index } = store
    const states = ['takendown', 'suspended', 'deactivated', 'desynchronized', 'throttled', 'of later days']
    const dids = didsFrom(0, states.length)
    const accounts = states.map((status, i) => ({ did: dids[i] ?? '', active: false, status }))
    await page(sink, NAME, dids)
    assert.deepEqual(await apply(feed, { accounts }), { added: 0, removed: 0 })
    await assertHeld(index, NAME, dids)
    const found = new Map((await feed.accountsOf(dids)).map((account) => [account.did, account]))
    for (const account of accounts) assert.deepEqual(found.get(account.did), account)
  }),

  fixtureCase('pages that are written while pairs are removed bring none of them back', async (store) => {
    const other = (await store.reopen?.()) ?? store
    const dids = didsFrom(0, 200)
    for (let round = 0; round < 5; round += 1) {
      const nsid = `${NAME}${round}`
      const [one = '', ...rest] = dids.slice(round * 10, round * 10 + 10)
      const accounts = [{ did: one, active: false, status: 'deleted' }]
      await Promise.all([
        page(other.sink, nsid, dids),
        apply(store.feed, { accounts, removed: pairsOf({ [nsid]: rest }) }),
        page(other.sink, nsid, dids.slice(0, 100)),
        page(other.sink, OTHER, dids),
      ])
      await assertHeld(
        store.index,
        nsid,
        dids.filter((_, i) => i >= round * 10 + 10 || (i < round * 10 && i % 10 !== 0)),
      )
    }
  }),
]

export const cameBackCases: readonly FeedStoreCase[] = [
  fixtureCase(
    'an account that was gone and is there again is to be looked up, once',
    async ({ feed, sink }) => {
      const [a = '', b = '', c = '', d = ''] = didsFrom(0, 4)
      await page(sink, NAME, [a, b, c, d])
      const deleted = [a, b].map((did) => ({ did, active: false, status: 'deleted' }))
      const closed = { collection: NAME, accounts: [{ did: c, status: 'takendown' }] }
      await apply(feed, { accounts: deleted, closed })
      const noted = async () => (await feed.listToLookUp()).map(({ did }) => did).sort()
      assert.deepEqual(await noted(), [])
      await apply(feed, { accounts: [a, c, d].map((did) => ({ did, active: true })) })
      assert.deepEqual(await noted(), [a, c].sort())
      await add(feed, { [OTHER]: [b, d] })
      assert.deepEqual(await noted(), [a, b, c].sort())
      const lookedUp = (await feed.listToLookUp()).map((repo) => ({ ...repo, collections: [NAME, OTHER] }))
      await apply(feed, { lookedUp })
      await apply(feed, { accounts: [a, b, c].map((did) => ({ did, active: true })) })
      assert.deepEqual(await noted(), [])
    },
  ),

  fixtureCase('a look at a repo whose account is gone is the last one, if it finds any', async ({ feed }) => {
    const [a = ''] = didsFrom(0, 1)
    await apply(feed, { accounts: [{ did: a, active: false, status: 'deleted' }], toLookUp: [a] })
    const lookedUp = (await feed.listToLookUp()).map((repo) => ({ ...repo, collections: [NAME] }))
    assert.equal((await apply(feed, { lookedUp })).added, 1)
    assert.deepEqual(await feed.listToLookUp(), [])
  }),

  fixtureCase(
    'what was gone before a gap may come back after it, but for deleted accounts',
    async (store) => {
      const { feed, sink, index } = store
      const [a = '', b = '', c = '', d = ''] = didsFrom(0, 4)
      await page(sink, NAME, [a, b, c, d])
      await apply(feed, {
        accounts: [{ did: b, active: false, status: 'deleted' }],
        closed: { collection: NAME, accounts: [{ did: c, status: 'takendown' }] },
        removed: pairsOf({ [NAME]: [a] }),
      })
      assert.equal((await page(sink, NAME, [a, b, c, d])).added, 0)
      await apply(feed, { restarted: true, removed: pairsOf({ [NAME]: [d] }) })
      assert.equal((await page(sink, NAME, [a, b, c, d])).added, 2)
      await assertHeld(index, NAME, [a, c])
    },
  ),
]
