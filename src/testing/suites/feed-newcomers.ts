import assert from 'node:assert/strict'
import {
  add,
  apply,
  type FeedStoreCase,
  NAME,
  newcomersOf,
  OTHER,
  page,
  pairsOf,
  remove,
} from './feed-helpers.ts'
import { didsFrom, ODD_DIDS } from './samples.ts'
import { fixtureCase, rejectionOf } from './suite.ts'

export const newcomerCases: readonly FeedStoreCase[] = [
  fixtureCase('newcomers are the pairs that were new, in the order of their positions', async (store) => {
    const { feed, sink } = store
    const [a = '', b = '', c = '', d = ''] = didsFrom(0, 4)
    const { series, ...none } = await feed.positions()
    assert.match(series, /^[\w-]{8,64}$/)
    assert.deepEqual(none, { latest: 0, forgotten: 0 })
    assert.deepEqual(await newcomersOf(feed, NAME), [])
    await page(sink, NAME, [a])
    assert.deepEqual(await add(feed, { [NAME]: [a, b, ...ODD_DIDS] }), {
      added: 1 + ODD_DIDS.length,
      removed: 0,
    })
    assert.deepEqual((await newcomersOf(feed, NAME)).toSorted(), [b, ...ODD_DIDS].sort())
    const { latest: read } = await feed.positions()
    await add(feed, { [OTHER]: [a, b] })
    await add(feed, { [NAME]: [c] })
    await add(feed, { [NAME]: [c, d, b] })
    for (const limit of [1, 2, 500]) assert.deepEqual(await newcomersOf(feed, NAME, read, limit), [c, d])
    const { latest } = await feed.positions()
    assert.ok(latest > read, 'positions only grow')
    // By a clock that may be another one, a day off.
    assert.ok(read > (Date.now() - 86_400_000) * 1_000, 'positions are not below the clock in microseconds')
    assert.deepEqual(await newcomersOf(feed, NAME, latest), [])
    const again = (await store.reopen?.()) ?? store
    assert.deepEqual(await newcomersOf(again.feed, NAME, read, 1), [c, d])
  }),

  fixtureCase('a newcomer that was removed does not come', async ({ feed }) => {
    const dids = didsFrom(0, 5)
    for (const did of dids) await add(feed, { [NAME]: [did] })
    await remove(feed, { [NAME]: dids.slice(0, 4) })
    for (const limit of [1, 500]) assert.deepEqual(await newcomersOf(feed, NAME, 0, limit), dids.slice(4))
  }),

  fixtureCase('no more newcomers are kept than told, and it can be seen which are not', async ({ feed }) => {
    const dids = didsFrom(0, 10)
    for (const did of dids) await apply(feed, { added: pairsOf({ [NAME]: [did] }), keepNewcomers: 4 })
    const { latest, forgotten } = await feed.positions()
    assert.deepEqual(await newcomersOf(feed, NAME), dids.slice(6))
    const { newcomers } = await feed.newcomers(NAME, { after: 0, upTo: latest })
    assert.ok(newcomers.every(({ position }) => position > forgotten && position <= latest))
    await apply(feed, { added: pairsOf({ [OTHER]: dids.slice(0, 1) }), keepNewcomers: 0 })
    const after = await feed.positions()
    assert.deepEqual([after.latest > latest, after.forgotten], [true, after.latest])
    assert.deepEqual(await newcomersOf(feed, OTHER), [])
  }),

  fixtureCase('refuses a limit that is none', async ({ feed }) => {
    for (const limit of [0, 1.5, 10_001]) {
      await rejectionOf(feed.newcomers(NAME, { after: 0, upTo: 1, limit }), `newcomers, limit ${limit}`)
      await rejectionOf(feed.listAccounts({ limit }), `listAccounts, limit ${limit}`)
      await rejectionOf(feed.listToLookUp({ limit }), `listToLookUp, limit ${limit}`)
    }
  }),
]
