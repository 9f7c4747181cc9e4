import assert from 'node:assert/strict'
import { apply, assertHeld, FEED, type FeedStoreCase, NAME, OTHER, pairsOf } from './feed-helpers.ts'
import { didsFrom } from './samples.ts'
import { assertAborts, fixtureCase, rejectionOf } from './suite.ts'

export const batchCases: readonly FeedStoreCase[] = [
  fixtureCase('tells since when a feed is followed without a gap', async (store) => {
    const { feed } = store
    assert.equal(await feed.followedSince(FEED), undefined)
    await apply(feed, {})
    const first = await feed.followedSince(FEED)
    assert.ok(first instanceof Date)
    await apply(feed, {})
    assert.deepEqual(await feed.followedSince(FEED), first)
    while (Date.now() <= first.getTime() + 1) await new Promise((resolve) => setTimeout(resolve, 1))
    await apply(feed, { restarted: true })
    const second = await feed.followedSince(FEED)
    assert.ok(second !== undefined && second > first, 'a gap moves it on')
    assert.equal(await feed.followedSince('feed:wss://other.example'), undefined)
    const again = (await store.reopen?.()) ?? store
    assert.deepEqual(await again.feed.followedSince(FEED), second)
  }),

  fixtureCase('the same batch again changes nothing', async ({ feed, index }) => {
    const [a = '', b = '', c = ''] = didsFrom(0, 3)
    const batch = {
      accounts: [{ did: c, active: false, status: 'deleted', rev: '3kaaaaaaaaa2a', head: 'bafy' }],
      removed: pairsOf({ [NAME]: [b] }),
      added: pairsOf({ [NAME]: [a], [OTHER]: [a, b] }),
    }
    await apply(feed, batch)
    const positions = await feed.positions()
    assert.deepEqual(await apply(feed, batch), { added: 0, removed: 0 })
    assert.deepEqual(await feed.positions(), positions)
    await assertHeld(index, NAME, [a])
    await assertHeld(index, OTHER, [a, b])
  }),

  fixtureCase('a batch of 3,000 pairs is written whole', async ({ feed, index }) => {
    const dids = didsFrom(0, 1_000)
    const names = [0, 1, 2].map((i) => `${NAME}${i}`)
    const added = names.flatMap((collection) => dids.map((did) => ({ did, collection })))
    assert.deepEqual(await apply(feed, { added, accounts: dids.map((did) => ({ did })) }), {
      added: 3_000,
      removed: 0,
    })
    for (const name of names) await assertHeld(index, name, dids)
  }),

  fixtureCase('a batch in the transaction of the cursor is rolled back with it', async (store) => {
    const { feed, index, progress } = store
    if (feed.database === undefined || feed.database !== progress.database) return
    const dids = didsFrom(0, 2)
    await progress.register(FEED, [{ nsid: 'firehose' }])
    const claim = await progress.claim({ relay: FEED, owner: 'one', leaseMs: 60_000 })
    assert.ok(claim !== undefined)
    const failure = new Error('the end of the transaction')
    const change = { pages: 1, cursor: '1', imported: 2, invalid: 0 }
    const batch = { feed: FEED, added: pairsOf({ [NAME]: dids }), toLookUp: dids }
    const failing = progress.advance(claim, change, async (transaction) => {
      await feed.apply(batch, { transaction })
      throw failure
    })
    assert.equal(await rejectionOf(failing, 'advance'), failure)
    await assertHeld(index, NAME, [])
    const { latest, forgotten } = await feed.positions()
    assert.deepEqual([latest, forgotten], [0, 0])
    await progress.advance(claim, change, async (transaction) => {
      await feed.apply(batch, { transaction })
    })
    await assertHeld(index, NAME, dids)
    assert.equal((await feed.listToLookUp()).length, 2)
    const given = await rejectionOf(feed.apply(batch, { transaction: {} }), 'a foreign transaction')
    assert.ok(given instanceof TypeError)
  }),

  fixtureCase('what an earlier follower writes late is refused, and changes nothing', async (store) => {
    const { feed, index } = store
    const [a = '', b = ''] = didsFrom(0, 2)
    const again = (await store.reopen?.()) ?? store
    await apply(feed, { epoch: 1, added: pairsOf({ [NAME]: [a] }) })
    await apply(feed, { epoch: 1, added: pairsOf({ [NAME]: [b] }) })
    await apply(again.feed, { epoch: 2 })
    const since = await feed.followedSince(FEED)
    const late = [
      { removed: pairsOf({ [NAME]: [a] }), accounts: [{ did: b, active: false, status: 'deleted' }] },
      { restarted: true },
      { toLookUp: [a] },
    ]
    for (const batch of late) {
      const error = await rejectionOf(apply(feed, { epoch: 1, ...batch }), 'a batch of an earlier epoch')
      assert.equal(Object(error).code, 'CLAIM_LOST')
    }
    await assertHeld(index, NAME, [a, b])
    assert.deepEqual(await feed.listToLookUp(), [])
    assert.deepEqual(await feed.followedSince(FEED), since)
    // Another feed, and what is no follower.
    await feed.apply({ feed: 'feed:wss://other.example', epoch: 1 })
    await apply(feed, { removed: pairsOf({ [NAME]: [a] }) })
    await apply(feed, { epoch: 2, restarted: true })
    await assertHeld(index, NAME, [b])
    await rejectionOf(apply(again.feed, { epoch: 1 }), 'a batch of an earlier epoch after a gap')
  }),

  fixtureCase('an aborted signal ends each call with its reason', async ({ feed }) => {
    const reason = new Error('enough')
    const signal = AbortSignal.abort(reason)
    await assertAborts(feed.apply({ feed: FEED }, { signal }), reason, 'apply')
    await assertAborts(feed.followedSince(FEED, { signal }), reason, 'followedSince')
    await assertAborts(feed.listAccounts({ signal }), reason, 'listAccounts')
    await assertAborts(feed.accountsOf(didsFrom(0, 1), { signal }), reason, 'accountsOf')
    await assertAborts(feed.positions({ signal }), reason, 'positions')
    await assertAborts(feed.newcomers(NAME, { after: 0, upTo: 1, signal }), reason, 'newcomers')
    await assertAborts(feed.listToLookUp({ signal }), reason, 'listToLookUp')
  }),
]
