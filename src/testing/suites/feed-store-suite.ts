import assert from 'node:assert/strict'
import type { FeedAccount, FeedBatch, FeedStore } from '../../contracts/feed-store.ts'
import type { IndexSink } from '../../contracts/index-sink.ts'
import type { ProgressStore } from '../../contracts/progress-store.ts'
import type { RepoIndex } from '../../contracts/repo-index.ts'
import { didsFrom, ODD_DIDS, ODD_NSIDS } from './samples.ts'
import { assertAborts, fixtureCase, rejectionOf, type SuiteCase, type SuiteFixture } from './suite.ts'

/** The parts of an empty store that a live feed and a backfill write to. */
export interface FeedStoreParts {
  readonly feed: FeedStore
  readonly sink: IndexSink
  readonly index: RepoIndex
  readonly progress: ProgressStore
}

/** A store for a live feed, with nothing in it. */
export interface FeedStoreFixture extends SuiteFixture, FeedStoreParts {
  /** The same store, as another process or the next run opens it; closed with the fixture. Absent: the same one again. */
  reopen?(): Promise<Pick<FeedStoreParts, 'feed' | 'sink' | 'index'>>
}

/** @inline */
type FeedStoreCase = SuiteCase<() => Promise<FeedStoreFixture>>

const FEED = 'feed:wss://relay.example'
const RELAY = 'https://relay.example'
const NAME = 'com.example.thing'
const OTHER = 'com.example.other'

type Pairs = Readonly<Record<string, readonly string[]>>

const pairsOf = (pairs: Pairs) =>
  Object.entries(pairs).flatMap(([collection, dids]) => dids.map((did) => ({ collection, did })))

const apply = (feed: FeedStore, batch: Omit<FeedBatch, 'feed'>) => feed.apply({ feed: FEED, ...batch })
const add = (feed: FeedStore, pairs: Pairs) => apply(feed, { added: pairsOf(pairs) })
const remove = (feed: FeedStore, pairs: Pairs) => apply(feed, { removed: pairsOf(pairs) })

/** What a backfill writes of a page. */
const page = async (sink: IndexSink, collection: string, dids: readonly string[]) =>
  (await sink.add({ relay: RELAY, collection, dids })) ?? { added: dids.length }

async function assertHeld(index: RepoIndex, collection: string, dids: readonly string[]): Promise<void> {
  const found = await index.listRepos(collection, { limit: 10_000 })
  assert.deepEqual([...found.dids].sort(), [...dids].sort(), `the repos of ${collection}`)
}

async function newcomersOf(feed: FeedStore, collection: string, after = 0, limit = 500): Promise<string[]> {
  const { latest } = await feed.positions()
  const dids: string[] = []
  for (let at = after, pages = 0; at < latest; pages += 1) {
    assert.ok(pages < 100, 'the newcomers come to an end')
    const { newcomers, readUpTo } = await feed.newcomers(collection, { after: at, upTo: latest, limit })
    assert.ok(readUpTo > at, 'each page reads on')
    dids.push(...newcomers.map(({ did }) => did))
    at = readUpTo
  }
  return dids
}

/** The one account. */
async function accountOf(feed: FeedStore, did: string): Promise<FeedAccount | undefined> {
  const [account] = await feed.accountsOf([did])
  return account
}

const closedCases: readonly FeedStoreCase[] = [
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

const goneCases: readonly FeedStoreCase[] = [
  fixtureCase('what the feed removed is gone, and an older page does not bring it back', async (store) => {
    const [a = '', b = '', c = ''] = didsFrom(0, 3)
    await page(store.sink, NAME, [a, b])
    await page(store.sink, OTHER, [a])
    assert.deepEqual(await remove(store.feed, { [NAME]: [a, c] }), { added: 0, removed: 1 })
    await assertHeld(store.index, NAME, [b])
    assert.equal((await page(store.sink, NAME, [a, b, c, ...ODD_DIDS])).added, ODD_DIDS.length)
    await assertHeld(store.index, NAME, [b, ...ODD_DIDS])
    await assertHeld(store.index, OTHER, [a])
    assert.deepEqual(await remove(store.feed, { [NAME]: ODD_DIDS }), { added: 0, removed: ODD_DIDS.length })
    assert.equal((await page(store.sink, NAME, ODD_DIDS)).added, 0)
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

const cameBackCases: readonly FeedStoreCase[] = [
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

const accountCases: readonly FeedStoreCase[] = [
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

const newcomerCases: readonly FeedStoreCase[] = [
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

const lookUpCases: readonly FeedStoreCase[] = [
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

const batchCases: readonly FeedStoreCase[] = [
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

/** What a store promises that a live feed writes to. */
export const feedStoreSuite: readonly FeedStoreCase[] = [
  ...goneCases,
  ...closedCases,
  ...cameBackCases,
  ...accountCases,
  ...newcomerCases,
  ...lookUpCases,
  ...batchCases,
]
