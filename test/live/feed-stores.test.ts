import { expect, it } from 'vitest'
import type { FeedStore } from '../../src/contracts/feed-store.ts'
import { ClaimLostError, StoreUnavailableError } from '../../src/index.ts'
import { type FeedTarget, feedName } from '../../src/live/index.ts'
import { memoryStore } from '../../src/memory/memory-store.ts'
import { openSqlite } from '../../src/sqlite/index.ts'
import { type FeedServer, startFeedServer } from '../support/feed-server.ts'
import { follow, pairsOf } from '../support/followed.ts'
import { gate } from '../support/scripted-lister.ts'
import { didsFrom } from '../support/store-steps.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const LIKE = 'app.bsky.feed.like'
const commit = (did: string, rest: object = {}) =>
  [
    '#commit',
    { repo: did, rev: '3kaaaaaaaaa2a', ops: [{ action: 'create', path: `${LIKE}/a` }], ...rest },
  ] as const

/** A store whose feed does something before each batch. */
function withApply<Store extends FeedTarget>(store: Store, before: FeedStore['apply']): Store {
  const feed: FeedStore = {
    ...store.feed,
    async apply(batch, context) {
      await before(batch, context)
      return store.feed.apply(batch, context)
    },
  }
  return { ...store, feed }
}

/** One follower is held up with a commit, until another one that has taken the feed over has learned that the account is gone. */
async function overtake(
  server: FeedServer,
  store: FeedTarget,
  { leaseMs, ...storeOfFirst }: FeedTarget & { readonly leaseMs?: number },
) {
  const held = gate()
  const frozen = withApply(storeOfFirst, async ({ added = [] }) => {
    if (added.length > 0) await held.wait()
    return { added: 0, removed: 0 }
  })
  await using first = follow(server.url, frozen, { leaseMs })
  await first.told('live')
  const [did = ''] = didsFrom(0, 1)
  server.send(commit(did))
  await held.reached
  await using second = follow(server.url, store)
  await second.told('connected')
  server.send(['#account', { did, active: false, status: 'deleted' }])
  await second.upTo(server.seq)
  held.pass()
  await first.told('claimLost')
  return { did, lostBySecond: second.of('claimLost') }
}

it('while the database is busy the relay waits, and the process keeps no more than a bound', async () => {
  await using server = await startFeedServer()
  const store = memoryStore()
  const gate = Promise.withResolvers<void>()
  let batches = 0
  const slow = withApply(store, async ({ added = [] }) => {
    if (added.length === 0) return { added: 0, removed: 0 }
    batches += 1
    if (batches === 1) await gate.promise
    return { added: 0, removed: 0 }
  })
  await using feed = follow(server.url, slow, { batchRepos: 10 })
  await feed.told('connected')
  const blocks = new Uint8Array(100_000)
  const dids = didsFrom(0, 600)
  for (const did of dids) server.send(commit(did, { blocks }))
  // Of 60 MB, 16 are taken by the follower and some by the system; the rest stays with the relay.
  const asleep = Promise.withResolvers<number>()
  let last = -1
  const look = setInterval(() => {
    if (server.waitingBytes === last && last > 0) asleep.resolve(last)
    last = server.waitingBytes
  }, 100)
  expect(await asleep.promise).toBeGreaterThan(20_000_000)
  clearInterval(look)
  gate.resolve()
  await feed.upTo(server.seq)
  expect((await pairsOf(store.index)).length).toBe(600)
  expect(feed.of('disconnected')).toEqual([])
})

it('a store that is away is waited for, and then nothing is missing', async () => {
  await using server = await startFeedServer()
  const store = memoryStore()
  let left = 2
  const away = withApply(store, async ({ added = [] }) => {
    if (added.length > 0 && left-- > 0) throw new StoreUnavailableError('away')
    return { added: 0, removed: 0 }
  })
  await using feed = follow(server.url, away)
  await feed.told('connected')
  for (const did of didsFrom(0, 5)) server.send(commit(did))
  await feed.told('storeAvailable')
  server.send(commit(didsFrom(5, 1)[0] ?? ''))
  await feed.upTo(server.seq)
  expect(feed.of('storeUnavailable')).toMatchObject([{ attempt: 1 }, { attempt: 2 }])
  expect((await pairsOf(store.index)).length).toBe(6)
})

it('where batch and cursor are two writes, a crash between them repeats the batch and changes nothing', async () => {
  await using server = await startFeedServer()
  const store = memoryStore()
  const crash = Object.assign(new Error('the process is gone'), { retryable: false })
  const progress: FeedTarget['progress'] = {
    ...store.progress,
    advance: () => Promise.reject(crash),
  }
  const first = follow(server.url, { ...store, progress })
  await first.told('connected')
  server.send(commit(didsFrom(0, 1)[0] ?? ''))
  expect(await first.ended).toBe(crash)
  const newcomers = async () => {
    const { latest } = await store.feed.positions()
    return (await store.feed.newcomers(LIKE, { after: 0, upTo: latest })).newcomers.length
  }
  expect(await newcomers()).toBe(1)
  await using second = follow(server.url, store)
  await second.told('connected')
  server.send(commit(didsFrom(0, 1)[0] ?? ''), commit(didsFrom(1, 1)[0] ?? ''))
  await second.upTo(server.seq)
  expect((await pairsOf(store.index)).length).toBe(2)
  expect(await newcomers()).toBe(2)
})

it('a follower that was held up for longer than its lease writes nothing old over what the next one wrote', async () => {
  await using server = await startFeedServer()
  const store = memoryStore()
  const progress = { ...store.progress, renew: () => new Promise<never>(() => {}) }
  const { did, lostBySecond } = await overtake(server, store, { ...store, progress, leaseMs: 100 })
  expect(await pairsOf(store.index)).toEqual([])
  expect(await store.feed.accountsOf([did])).toMatchObject([{ active: false, status: 'deleted' }])
  expect(lostBySecond).toEqual([])
})

it('a progress store that was put back to an older state keeps no feed from being followed', async () => {
  await using server = await startFeedServer()
  const store = memoryStore()
  await store.feed.apply({ feed: feedName(server.url), epoch: 50 })
  await using feed = follow(server.url, store)
  await feed.told('live')
  server.send(commit(didsFrom(0, 1)[0] ?? ''))
  await feed.upTo(server.seq)
  expect((await pairsOf(store.index)).length).toBe(1)
  expect(feed.of('claimLost')).toEqual([])
})

it('an epoch that a progress store gives again, since it was put back, is no right to write late', async () => {
  await using server = await startFeedServer()
  const store = memoryStore()
  await overtake(server, store, { ...store, progress: memoryStore().progress })
  expect(await pairsOf(store.index)).toEqual([])
})

it('a gap that a follower notes whose claim is lost is no gap', async () => {
  await using server = await startFeedServer()
  const { feed, progress } = memoryStore()
  const database = {}
  const noted: boolean[] = []
  const shared = withApply(
    { feed: { ...feed, database }, progress: { ...progress, database } },
    async ({ restarted = false }) => {
      noted.push(restarted)
      return { added: 0, removed: 0 }
    },
  )
  const renew: FeedTarget['progress']['renew'] = (claim) => Promise.reject(new ClaimLostError(claim))
  await using first = follow(server.url, { ...shared, progress: { ...shared.progress, renew } })
  await first.told('claimLost')
  expect(noted).toEqual([])
})

it('a claim that was lost is waited for again, and what was not committed is read again', async () => {
  await using server = await startFeedServer()
  const store = memoryStore()
  let losses = 1
  const progress: FeedTarget['progress'] = {
    ...store.progress,
    async advance(claim, page, write) {
      if (claim.pages === 1 && losses-- > 0) throw new ClaimLostError(claim)
      return store.progress.advance(claim, page, write)
    },
  }
  const refusing = withApply(store, async () => ({ added: 0, removed: 0 }))
  await using feed = follow(server.url, { ...refusing, progress })
  await feed.told('connected')
  server.send(commit(didsFrom(0, 1)[0] ?? ''))
  await feed.upTo(1)
  server.send(commit(didsFrom(1, 1)[0] ?? ''))
  await feed.told('claimLost')
  await feed.upTo(2)
  expect((await pairsOf(store.index)).length).toBe(2)
  expect(server.cursors).toEqual([undefined, '1'])
})

it('one of several follows a feed, and another one goes on where it stops', async () => {
  await using server = await startFeedServer()
  await using folder = await temporaryFolder()
  const file = `${folder.path}/feed.sqlite`
  await using one = await openSqlite(file)
  await using two = await openSqlite(file)
  const first = follow(server.url, one)
  await first.told('connected')
  server.send(commit(didsFrom(0, 1)[0] ?? ''))
  await first.upTo(1)
  await using second = follow(server.url, two)
  expect(await second.told('waiting')).toMatchObject({ holders: [{ collections: 1 }] })
  const live = await second.told('live')
  expect(live).toEqual({ type: 'live', feed: live.feed, since: first.of('live')[0]?.since, elsewhere: true })
  expect(server.cursors.length).toBe(1)
  let failures = 1
  const progress: FeedTarget['progress'] = {
    ...two.progress,
    async list(options) {
      if (failures-- > 0) throw new StoreUnavailableError('away')
      return two.progress.list(options)
    },
  }
  const third = follow(server.url, { ...two, progress })
  expect(await third.told('live')).toEqual(live)
  await third.stop()
  await first.stop()
  server.send(commit(didsFrom(1, 1)[0] ?? ''))
  await second.upTo(2)
  expect(server.cursors).toEqual([undefined, '1'])
  expect((await pairsOf(one.index)).length).toBe(2)
})
