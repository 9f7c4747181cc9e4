import assert from 'node:assert/strict'
import { accountOf, apply, assertHeld, type FeedStoreCase, NAME, OTHER, page } from './feed-helpers.ts'
import { didsFrom, ODD_DIDS } from './samples.ts'
import { fixtureCase } from './suite.ts'

export const accountCases: readonly FeedStoreCase[] = [
  fixtureCase('an account keeps what a change does not name, and its newest revision', async ({ feed }) => {
    const [did = ''] = didsFrom(0, 1)
    const told = async (change: object) => {
      await apply(feed, { accounts: [{ did, ...change }] })
      return accountOf(feed, did)
    }
    const newer = { rev: '3kaaaaaaaaa2b', head: 'bafy2' }
    assert.equal(await accountOf(feed, did), undefined)
    assert.deepEqual(await told({ rev: '3kaaaaaaaaa2a', head: 'bafy1' }), {
      did,
      active: true,
      rev: '3kaaaaaaaaa2a',
      head: 'bafy1',
    })
    assert.deepEqual(await told(newer), { did, active: true, ...newer })
    assert.deepEqual(await told({ rev: '3kZaaaaaaaa2a', head: 'bafy0' }), { did, active: true, ...newer })
    const suspended = { active: false, status: 'suspended' }
    assert.deepEqual(await told(suspended), { did, ...suspended, ...newer })
    const newest = { rev: '3kbaaaaaaaa2a', head: 'bafy3' }
    assert.deepEqual(await told(newest), { did, ...suspended, ...newest })
    assert.deepEqual(await told({ active: true }), { did, active: true, ...newest })
    assert.deepEqual(await told({ active: false }), { did, active: false, ...newest })
  }),

  fixtureCase('lists accounts by DID, in pages of any size, each once', async ({ feed }) => {
    const dids = [...didsFrom(0, 20), ...ODD_DIDS]
    await apply(feed, { accounts: dids.toReversed().map((did) => ({ did })) })
    for (const limit of [1, 7, dids.length, 10_000]) {
      const found: string[] = []
      let cursor: string | undefined
      do {
        const listed = await feed.listAccounts({ cursor, limit })
        assert.ok(listed.accounts.length <= limit, `a page of at most ${limit}`)
        found.push(...listed.accounts.map(({ did }) => did))
        cursor = listed.cursor
      } while (cursor !== undefined)
      assert.deepEqual(found, [...dids].sort(), `in pages of ${limit}`)
    }
    const asked = [...ODD_DIDS, 'did:plc:unknown', ...ODD_DIDS]
    const known = (await feed.accountsOf(asked)).map(({ did }) => did)
    assert.deepEqual(known.toSorted(), [...ODD_DIDS].sort())
    assert.deepEqual(await feed.accountsOf([]), [])
  }),
]

export const closedCases: readonly FeedStoreCase[] = [
  fixtureCase(
    'accounts that a prune closes lose a pair, and no page brings any of theirs back',
    async (store) => {
      const [a = '', b = '', c = ''] = didsFrom(0, 3)
      await page(store.sink, NAME, [a, b, c])
      await page(store.sink, OTHER, [a, b])
      const closed = {
        collection: NAME,
        accounts: [{ did: a, status: 'takendown' }, { did: ODD_DIDS[0] ?? '' }],
      }
      assert.deepEqual(await apply(store.feed, { closed }), { added: 0, removed: 1 })
      await assertHeld(store.index, NAME, [b, c])
      await assertHeld(store.index, OTHER, [a, b])
      assert.deepEqual(await accountOf(store.feed, a), { did: a, active: false, status: 'takendown' })
      assert.equal((await page(store.sink, NAME, [a, b])).added, 0)
      assert.equal((await page(store.sink, 'com.example.new', [a, b, ODD_DIDS[0] ?? ''])).added, 1)
      const seen = { active: false, status: 'takendown' }
      const further = { collection: OTHER, accounts: [{ did: a, status: 'takendown', seen }] }
      assert.deepEqual(await apply(store.feed, { closed: further }), { added: 0, removed: 1 })
      await apply(store.feed, { accounts: [{ did: a, active: true }] })
      assert.equal((await page(store.sink, NAME, [a])).added, 1)
    },
  ),
  fixtureCase(
    'an account of which the feed told something meanwhile is not closed',
    async ({ feed, sink, index }) => {
      const [a = '', b = '', c = ''] = didsFrom(0, 3)
      await page(sink, NAME, [a, b, c])
      await apply(feed, {
        accounts: [
          { did: a, active: true },
          { did: b, active: false, status: 'suspended' },
        ],
      })
      const accounts = [
        { did: a, status: 'deleted' },
        { did: b, status: 'deleted', seen: { active: false, status: 'deactivated' } },
        { did: c, status: 'deleted', seen: { active: true } },
      ]
      assert.deepEqual(await apply(feed, { closed: { collection: NAME, accounts } }), {
        added: 0,
        removed: 0,
      })
      await assertHeld(index, NAME, [a, b, c])
      assert.equal((await accountOf(feed, a))?.active, true)
      assert.equal((await accountOf(feed, b))?.status, 'suspended')
      assert.equal(await accountOf(feed, c), undefined)
      const asked = [
        { did: a, active: false, status: 'suspended', seen: { active: false } },
        { did: b, active: true },
        { did: c, active: true, seen: { active: false } },
      ]
      await apply(feed, { asked })
      assert.equal((await accountOf(feed, a))?.active, true)
      assert.equal((await accountOf(feed, b))?.status, 'suspended')
      assert.equal(await accountOf(feed, c), undefined)
      const seen = { active: false, status: 'suspended' }
      await apply(feed, { asked: [{ did: b, active: true, seen }] })
      assert.deepEqual(await accountOf(feed, b), { did: b, active: true })
      const known = { collection: NAME, accounts: [{ did: a, status: 'deleted', seen: { active: true } }] }
      assert.deepEqual(await apply(feed, { closed: known }), { added: 0, removed: 1 })
    },
  ),
]
