import { describe, expect, it } from 'vitest'
import { feedName } from '../../src/live/index.ts'
import { memoryStore } from '../../src/memory/memory-store.ts'
import { startFeedServer } from '../support/feed-server.ts'
import { follow, pairsOf } from '../support/followed.ts'
import { didsFrom } from '../support/store-steps.ts'

const LIKE = 'app.bsky.feed.like'
const [ALICE = '', BOB = ''] = didsFrom(0, 2)
const HOUR_US = 3_600_000_000

const commit = (did: string, operation: string, collection: string, rev = '3kaaaaaaaaa2a') =>
  ['commit', { did, commit: { rev, operation, collection, rkey: 'a' } }] as const
const account = (did: string, active: boolean, status?: string) =>
  ['account', { did, account: { did, active, ...(status !== undefined && { status }) } }] as const

describe('a Jetstream', () => {
  it('adds pairs and follows accounts; several records have one revision', async () => {
    await using server = await startFeedServer('jetstream')
    const store = memoryStore()
    await using feed = follow(server.url, store)
    await feed.told('connected')
    server.send(
      commit(ALICE, 'create', LIKE),
      commit(ALICE, 'update', 'app.bsky.actor.profile'),
      commit(BOB, 'create', LIKE),
      commit(BOB, 'create', 'no nsid'),
      commit('nobody', 'create', LIKE),
      ['identity', { did: ALICE, identity: {} }],
      ['commit', { did: ALICE }],
    )
    server.sendRaw('no JSON')
    server.sendRaw(new Uint8Array(3))
    server.send(account(BOB, false, 'deleted'))
    await feed.upTo(server.seq)
    expect(await pairsOf(store.index)).toEqual([`app.bsky.actor.profile ${ALICE}`, `${LIKE} ${ALICE}`])
    expect(await store.feed.accountsOf([ALICE, BOB])).toEqual([
      { did: ALICE, active: true, rev: '3kaaaaaaaaa2a' },
      { did: BOB, active: false, status: 'deleted', rev: '3kaaaaaaaaa2a' },
    ])
    expect(feed.of('batch').reduce((sum, { invalid }) => sum + invalid, 0)).toBe(5)
  })

  it('proves nothing: a record that was deleted leaves the pair, and the repo is noted where that is asked for', async () => {
    for (const unprovenDeletes of [undefined, 'lookUp'] as const) {
      await using server = await startFeedServer('jetstream')
      const store = memoryStore()
      await using feed = follow(server.url, store, { unprovenDeletes })
      await feed.told('connected')
      server.send(commit(ALICE, 'create', LIKE), commit(ALICE, 'delete', LIKE, '3kaaaaaaaaa2b'))
      await feed.upTo(server.seq)
      expect(await pairsOf(store.index)).toEqual([`${LIKE} ${ALICE}`])
      const noted = (await store.feed.listToLookUp()).map(({ did }) => did)
      expect(noted).toEqual(unprovenDeletes === 'lookUp' ? [ALICE] : [])
    }
  })

  it('is asked to go on some seconds before its last message, with its own parameters', async () => {
    await using server = await startFeedServer('jetstream')
    const url = `${server.url}?wantedCollections=app.bsky.*`
    const store = memoryStore()
    server.setSeq(Date.now() * 1_000)
    const feed = follow(url, store)
    await feed.told('connected')
    server.send(account(ALICE, true))
    await feed.upTo(server.seq)
    await feed.stop()
    await using again = follow(url, store)
    await again.told('connected')
    expect(server.cursors).toEqual([undefined, String(server.seq - 5_000_000)])
    expect(feedName(`${url}&cursor=5`)).toBe(`feed:${server.url}?wantedCollections=app.bsky.*`)
    server.send(account(BOB, true))
    await again.upTo(server.seq)
    expect(again.of('gap')).toEqual([])
  })

  it.each([
    ['outdatedCursor', -30 * HOUR_US, -28 * HOUR_US],
    ['futureCursor', 0, -HOUR_US],
    [undefined, -30 * HOUR_US, -29.5 * HOUR_US],
  ] as const)('that does not say %s shows it by its first message', async (reason, before, after) => {
    await using server = await startFeedServer('jetstream')
    const store = memoryStore()
    const now = Date.now() * 1_000
    server.setSeq(now + before)
    const feed = follow(server.url, store)
    await feed.told('connected')
    server.send(account(ALICE, true))
    await feed.upTo(server.seq)
    await feed.stop()
    server.forget(now + HOUR_US)
    server.setSeq(now + after)
    await using again = follow(server.url, store)
    await again.told('connected')
    server.send(account(BOB, true))
    await again.told('batch')
    expect(again.of('gap').map((gap) => gap.reason)).toEqual(reason === undefined ? [] : [reason])
    expect(again.of('batch')[0]?.cursor).toBe(String(server.seq))
  })
})

describe('the address of a feed', () => {
  it('is a host, a URL, or that of a Jetstream', () => {
    for (const relay of ['relay.example', 'RELAY.example.', 'wss://relay.example/', 'https://relay.example'])
      expect(feedName(relay)).toBe('feed:wss://relay.example')
    expect(feedName('wss://relay.example/xrpc/com.atproto.sync.subscribeRepos')).toBe(
      'feed:wss://relay.example',
    )
    expect(feedName('http://localhost:2470')).toBe('feed:ws://localhost:2470')
    expect(feedName('wss://jet.example/subscribe')).toBe('feed:wss://jet.example/subscribe')
  })

  it.each([
    '',
    'ftp://relay.example',
    'wss://me:secret@relay.example',
    'wss://relay.example/other',
    'wss://relay.example/?a=b',
    'relay.example#a',
    'wss://jet.example/subscribe?compress=true',
    'a b',
  ])('is not %j', (relay) => {
    expect(() => feedName(relay)).toThrowError(expect.objectContaining({ option: 'relay' }))
    try {
      feedName(relay)
    } catch (error) {
      expect(String(error)).not.toContain('secret')
    }
  })

  it('other options are looked at, too', () => {
    const store = memoryStore()
    for (const options of [
      { store: {} },
      { batchMs: 0 },
      { keepNewcomers: -1 },
      { unprovenDeletes: 'remove' },
      { relays: 'relay.example' },
    ])
      expect(() => follow('relay.example', store, options as object)).toThrowError(
        expect.objectContaining({ code: 'INVALID_OPTION' }),
      )
  })
})
