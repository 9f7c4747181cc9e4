import assert from 'node:assert/strict'
import type { FeedBatch } from '../../contracts/feed-store.ts'
import { apply, assertHeld, type FeedStoreCase, NAME, newcomersOf, OTHER, page } from './feed-helpers.ts'
import { assertAbout } from './progress-helpers.ts'
import { didsFrom } from './samples.ts'
import { fixtureCase } from './suite.ts'

export const lookUpCases: readonly FeedStoreCase[] = [
  fixtureCase('repos to look up are listed once each, those that were noted first', async (store) => {
    const { feed } = store
    const [a = '', b = '', c = ''] = didsFrom(0, 3)
    await apply(feed, { toLookUp: [b, b] })
    await apply(feed, { toLookUp: [c, a], accounts: [{ did: b, rev: '3kaaaaaaaaa2a', head: 'bafy' }] })
    const before = await feed.listToLookUp()
    assert.deepEqual(before[0], { did: b, note: before[0]?.note, rev: '3kaaaaaaaaa2a' })
    assert.deepEqual(before.map(({ did }) => did).toSorted(), [a, b, c].sort())
    await apply(feed, { toLookUp: [b] })
    const again = (await store.reopen?.()) ?? store
    const [first, ...others] = await again.feed.listToLookUp({ limit: 2 })
    assert.equal(first?.did, b)
    assert.notEqual(first?.note, before[0]?.note)
    assert.equal(others.length, 1)
  }),

  fixtureCase('a look sets the collections of a repo', async ({ feed, sink, index }) => {
    const [a = '', b = ''] = didsFrom(0, 2)
    await page(sink, NAME, [a, b])
    await page(sink, OTHER, [a, b])
    await apply(feed, { toLookUp: [a, b] })
    const lookedUp = (await feed.listToLookUp()).map((repo) => ({
      ...repo,
      collections: repo.did === a ? [OTHER, 'com.example.new'] : [],
    }))
    assert.deepEqual(await apply(feed, { lookedUp }), { added: 1, removed: 3 })
    await assertHeld(index, NAME, [])
    await assertHeld(index, OTHER, [a])
    assert.deepEqual(await newcomersOf(feed, 'com.example.new'), [a])
    assert.deepEqual(await feed.listToLookUp(), [])
    assert.equal((await page(sink, NAME, [a, b])).added, 0)
  }),

  fixtureCase('a look that gave nothing ends the note and changes nothing', async ({ feed, sink, index }) => {
    const [a = ''] = didsFrom(0, 1)
    await page(sink, NAME, [a])
    await apply(feed, { toLookUp: [a] })
    assert.deepEqual(await apply(feed, { lookedUp: await feed.listToLookUp() }), { added: 0, removed: 0 })
    await assertHeld(index, NAME, [a])
    assert.deepEqual(await feed.listToLookUp(), [])
  }),

  fixtureCase('a look that failed leaves the repo noted, behind the others and for later', async (store) => {
    const { feed, sink, index } = store
    const [a = '', b = ''] = didsFrom(0, 2)
    await page(sink, NAME, [a])
    await apply(feed, { toLookUp: [a] })
    await apply(feed, { toLookUp: [b] })
    const [first] = await feed.listToLookUp()
    assert.equal(first?.retryInMs, undefined)
    const lookedUp = [{ did: a, note: first?.note ?? 0, collections: [], setAsideMs: 60_000 }]
    assert.deepEqual(await apply(feed, { lookedUp }), { added: 0, removed: 0 })
    await assertHeld(index, NAME, [a])
    const again = (await store.reopen?.()) ?? store
    const [due, later] = await again.feed.listToLookUp()
    assert.deepEqual([due?.did, due?.retryInMs, later?.did], [b, undefined, a])
    assertAbout(later?.retryInMs, 60_000, 'the look that failed')
    assert.equal((await feed.listToLookUp({ limit: 1 }))[0]?.did, b)
    // As it was listed, with the wait that is left.
    await apply(feed, { lookedUp: later === undefined ? [] : [{ ...later, collections: [OTHER] }] })
    await assertHeld(index, NAME, [])
    assert.equal((await feed.listToLookUp()).length, 1)
  }),

  fixtureCase('a look that the feed overtook changes nothing, and is due again', async (store) => {
    const { feed, sink, index } = store
    const [a = ''] = didsFrom(0, 1)
    await page(sink, NAME, [a])
    const overtakers: Omit<FeedBatch, 'feed'>[] = [
      { toLookUp: [a] },
      { accounts: [{ did: a, rev: '3kaaaaaaaaa2a', head: 'bafy1' }] },
      { accounts: [{ did: a, rev: '3kaaaaaaaaa2b', head: 'bafy2' }] },
    ]
    await apply(feed, { toLookUp: [a] })
    for (const batch of overtakers) {
      const lookedUp = (await feed.listToLookUp()).map((repo) => ({ ...repo, collections: [OTHER] }))
      await apply(feed, batch)
      assert.deepEqual(await apply(feed, { lookedUp }), { added: 0, removed: 0 })
      assert.equal((await feed.listToLookUp()).length, 1)
    }
    await assertHeld(index, NAME, [a])
  }),
]
