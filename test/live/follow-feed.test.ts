import { describe, expect, it } from 'vitest'
import { feedName } from '../../src/live/index.ts'
import { memoryStore } from '../../src/memory/memory-store.ts'
import { startFeedServer } from '../support/feed-server.ts'
import { createLiveRepo } from '../support/firehose.ts'
import { follow, pairsOf } from '../support/followed.ts'
import { didsFrom } from '../support/store-steps.ts'

const LIKE = 'app.bsky.feed.like'
const POST = 'app.bsky.feed.post'
const [ALICE = '', BOB = ''] = didsFrom(0, 2)

const create = (collection: string, rkey: string) => ({ action: 'create' as const, collection, rkey })
const remove = (collection: string, rkey: string) => ({ action: 'delete' as const, collection, rkey })
const account = (did: string, active: boolean, status?: string) =>
  ['#account', { did, active, ...(status !== undefined && { status }) }] as const

/** A commit made by hand, without blocks. */
const commit = (did: string, ops: unknown[], rest: object = {}) =>
  [
    '#commit',
    { repo: did, rev: '3kaaaaaaaaa2a', ops, blocks: new Uint8Array(), tooBig: false, ...rest },
  ] as const

describe('records', () => {
  it('the first record of a collection adds the pair, and the last one removes it', async () => {
    await using server = await startFeedServer()
    const store = memoryStore()
    await using feed = follow(server.url, store)
    await feed.told('connected')
    const alice = await createLiveRepo(ALICE)
    server.send(await alice.commit([create(POST, 'a'), create(LIKE, 'a')]))
    server.send(await alice.commit([create(LIKE, 'b'), create('app.bsky.graph.follow', 'a')]))
    await feed.upTo(server.seq)
    expect(await pairsOf(store.index)).toEqual(
      [POST, LIKE, 'app.bsky.graph.follow'].map((nsid) => `${nsid} ${ALICE}`).sort(),
    )
    server.send(await alice.commit([remove(LIKE, 'a'), remove(POST, 'a')]))
    await feed.upTo(server.seq)
    expect(await pairsOf(store.index)).toEqual(
      [LIKE, 'app.bsky.graph.follow'].map((n) => `${n} ${ALICE}`).sort(),
    )
    server.send(await alice.commit([remove(LIKE, 'b')]))
    await feed.upTo(server.seq)
    expect(await pairsOf(store.index)).toEqual([`app.bsky.graph.follow ${ALICE}`])
    server.send(await alice.commit([remove('app.bsky.graph.follow', 'a')]))
    await feed.upTo(server.seq)
    expect(await pairsOf(store.index)).toEqual([])
    expect(await store.feed.listToLookUp()).toEqual([])
    // What was told to be gone stays gone, whatever an older page says.
    await store.sink.add({ relay: 'relay.example', collection: LIKE, dids: [ALICE, BOB] })
    expect(await pairsOf(store.index)).toEqual([`${LIKE} ${BOB}`])
  })

  it('a commit that deletes one record and writes another of the same collection leaves the pair', async () => {
    await using server = await startFeedServer()
    const store = memoryStore()
    await using feed = follow(server.url, store)
    await feed.told('connected')
    const alice = await createLiveRepo(ALICE)
    server.send(await alice.commit([create(LIKE, 'a')]))
    server.send(await alice.commit([remove(LIKE, 'a'), create(LIKE, 'b')]))
    await feed.upTo(server.seq)
    expect(await pairsOf(store.index)).toEqual([`${LIKE} ${ALICE}`])
  })

  it('each deletion among neighbours of all kinds is judged by its own proof', async () => {
    await using server = await startFeedServer()
    const store = memoryStore()
    await using feed = follow(server.url, store)
    await feed.told('connected')
    const alice = await createLiveRepo(ALICE)
    const names = ['app.a.b', 'app.a.b.c', 'app.a.bc', 'app.a-b.c', 'com.a.b', 'zz.a.b']
    const held = new Map<string, Set<string>>()
    for (let round = 0; round < 40; round += 1) {
      // Any order will do that is the same each time.
      const name = names[(round * 7) % names.length] ?? ''
      const rkeys = Array.from({ length: 1 + ((round * 5) % 4) }, (_, i) => `k${round}-${i}`)
      server.send(await alice.commit(rkeys.map((rkey) => create(name, rkey))))
      held.set(name, new Set([...(held.get(name) ?? []), ...rkeys]))
    }
    for (let round = 0; [...held.values()].some(({ size }) => size > 0); round += 1) {
      const name = names[(round * 5) % names.length] ?? ''
      const rkeys = [...(held.get(name) ?? [])].slice(0, 1 + (round % 3))
      if (rkeys.length === 0) continue
      server.send(await alice.commit(rkeys.map((rkey) => remove(name, rkey))))
      for (const rkey of rkeys) held.get(name)?.delete(rkey)
      await feed.upTo(server.seq)
      const left = [...held].filter(([, { size }]) => size > 0).map(([nsid]) => `${nsid} ${ALICE}`)
      expect(await pairsOf(store.index)).toEqual(left.sort())
    }
    expect(await store.feed.listToLookUp()).toEqual([])
  })

  it('where nothing proves it, the pair stays and the repo is noted, or not', async () => {
    for (const unprovenDeletes of ['lookUp', 'keep'] as const) {
      await using server = await startFeedServer()
      const store = memoryStore()
      await using feed = follow(server.url, store, { unprovenDeletes })
      await feed.told('connected')
      const alice = await createLiveRepo(ALICE)
      server.send(await alice.commit([create(LIKE, 'a')]))
      server.send(await alice.commit([remove(LIKE, 'a')], false))
      await feed.upTo(server.seq)
      expect(await pairsOf(store.index)).toEqual([`${LIKE} ${ALICE}`])
      const noted = (await store.feed.listToLookUp()).map(({ did }) => did)
      expect(noted).toEqual(unprovenDeletes === 'lookUp' ? [ALICE] : [])
      expect(feed.of('batch').flatMap(({ toLookUp }) => toLookUp)).toEqual(noted)
    }
  })

  it('a commit that is too big, and a repo that changed as a whole, are noted to be looked up', async () => {
    await using server = await startFeedServer()
    const store = memoryStore()
    await using feed = follow(server.url, store)
    await feed.told('connected')
    server.send(commit(ALICE, [], { tooBig: true }))
    server.send(['#sync', { did: BOB, rev: '3kbaaaaaaaa2a', blocks: new Uint8Array() }])
    await feed.upTo(server.seq)
    expect((await store.feed.listToLookUp()).map(({ did, rev }) => [did, rev])).toEqual([
      [ALICE, '3kaaaaaaaaa2a'],
      [BOB, '3kbaaaaaaaa2a'],
    ])
  })

  it('what anyone wrote that cannot be is counted, and the rest goes on', async () => {
    await using server = await startFeedServer()
    const store = memoryStore()
    await using feed = follow(server.url, store)
    await feed.told('connected')
    server.send(
      commit(ALICE, [
        { action: 'create', path: 'no nsid/a' },
        { action: 'create', path: 'toplevel' },
        { action: 'create', path: `${LIKE}/a` },
        { action: 'moved', path: `${POST}/a` },
        { action: 'create' },
        'nothing',
        null,
      ]),
      commit('did:nothing', [{ action: 'create', path: `${LIKE}/a` }]),
      commit(BOB, [], { ops: 'none' }),
      ['#account', { did: 7, active: true }],
      ['#identity', { did: ALICE, handle: 'alice.test' }],
      ['#of-later-days', { did: ALICE }],
    )
    server.sendRaw(new Uint8Array([1, 2, 3]))
    server.sendRaw(new Uint8Array())
    server.sendRaw('a text')
    server.send(commit(BOB, [{ action: 'update', path: `${LIKE}/b` }], { rev: '3kbaaaaaaaa2a' }))
    await feed.upTo(server.seq)
    expect(await pairsOf(store.index)).toEqual([ALICE, BOB].map((did) => `${LIKE} ${did}`))
    const { invalid, messages } = feed
      .of('batch')
      .reduce((a, b) => ({ invalid: a.invalid + b.invalid, messages: a.messages + b.messages }), {
        invalid: 0,
        messages: 0,
      })
    expect({ invalid, messages }).toEqual({ invalid: 6 + 2 + 3, messages: 10 })
    expect(feed.of('disconnected')).toEqual([])
  })

  it('a message that comes again, or too late, changes nothing', async () => {
    await using server = await startFeedServer()
    const store = memoryStore()
    await using feed = follow(server.url, store)
    await feed.told('connected')
    const alice = await createLiveRepo(ALICE)
    const first = await alice.commit([create(LIKE, 'a')])
    const last = await alice.commit([remove(LIKE, 'a')])
    server.send(first, last)
    await feed.upTo(server.seq)
    const { seq } = server
    server.setSeq(0)
    server.send(first)
    server.setSeq(seq)
    server.send(first, account(BOB, true))
    await feed.upTo(server.seq)
    expect(await pairsOf(store.index)).toEqual([])
    const cursors = feed.of('batch').map(({ cursor }) => Number(cursor))
    expect(cursors).toEqual(cursors.toSorted((a, b) => a - b))
  })
})

describe('accounts', () => {
  it('a deleted account loses its pairs, and all others keep theirs', async () => {
    await using server = await startFeedServer()
    const store = memoryStore()
    await using feed = follow(server.url, store)
    await feed.told('connected')
    const states = [
      'takendown',
      'suspended',
      'deactivated',
      'desynchronized',
      'throttled',
      'deleted',
      undefined,
    ]
    const dids = didsFrom(10, states.length)
    for (const did of dids) server.send(commit(did, [{ action: 'create', path: `${LIKE}/a` }]))
    await feed.upTo(server.seq)
    for (const [i, did] of dids.entries()) server.send(account(did, false, states[i]))
    await feed.upTo(server.seq)
    const left = dids.filter((_, i) => states[i] !== 'deleted')
    expect(await pairsOf(store.index)).toEqual(left.map((did) => `${LIKE} ${did}`).sort())
    for (const [i, did] of dids.entries())
      expect(await store.feed.accountsOf([did])).toEqual([
        { did, active: false, rev: '3kaaaaaaaaa2a', ...(states[i] && { status: states[i] }) },
      ])
    for (const did of dids) server.send(account(did, true))
    await feed.upTo(server.seq)
    for (const did of dids) expect(await store.feed.accountsOf([did])).toMatchObject([{ active: true }])
  })

  it('an account that is deleted and comes back in one stretch has what it wrote since', async () => {
    await using server = await startFeedServer()
    const store = memoryStore()
    await using feed = follow(server.url, store, { batchMs: 300 })
    await feed.told('connected')
    const write = (name: string, rev: string) =>
      commit(ALICE, [{ action: 'create', path: `${name}/a` }], { rev })
    server.send(
      write(LIKE, '3kaaaaaaaaa2a'),
      account(ALICE, false, 'deleted'),
      account(ALICE, true),
      write(POST, '3kaaaaaaaaa2b'),
    )
    await feed.upTo(server.seq)
    expect(await pairsOf(store.index)).toEqual([`${POST} ${ALICE}`])
    expect(await store.feed.accountsOf([ALICE])).toMatchObject([{ active: true, rev: '3kaaaaaaaaa2b' }])
  })

  it('a repo is told with its revision and the CID of its commit', async () => {
    await using server = await startFeedServer()
    const store = memoryStore()
    await using feed = follow(server.url, store)
    await feed.told('connected')
    const message = await (await createLiveRepo(ALICE)).commit([create(LIKE, 'a')])
    server.send(message)
    await feed.upTo(server.seq)
    const { commit: head, rev } = message[1] as { commit: { toString(): string }; rev: string }
    expect(await store.feed.accountsOf([ALICE])).toEqual([
      { did: ALICE, active: true, rev, head: head.toString() },
    ])
  })
})

describe.concurrent('the place in the feed', () => {
  it('begins with now, says since when, and goes on where it was', async () => {
    await using server = await startFeedServer()
    const store = memoryStore()
    server.send(commit(BOB, [{ action: 'create', path: `${LIKE}/a` }]))
    const feed = follow(server.url, store)
    const live = await feed.told('live')
    expect(live).toEqual({ type: 'live', feed: feedName(server.url), since: live.since, elsewhere: false })
    expect(await feed.told('gap')).toMatchObject({ reason: 'begin', since: live.since })
    server.send(commit(ALICE, [{ action: 'create', path: `${LIKE}/a` }]))
    await feed.upTo(server.seq)
    await feed.stop()
    const missed = server.send(
      commit(ALICE, [{ action: 'create', path: `${POST}/a` }], { rev: '3kbaaaaaaaa2a' }),
    )
    await using again = follow(server.url, store)
    await again.upTo(missed)
    expect(again.of('gap')).toEqual([])
    expect(again.of('live')).toMatchObject([{ since: live.since, cursor: '2' }])
    expect(server.cursors).toEqual([undefined, '2'])
    expect(server.agents[0]).toContain('atproto-collection-backfill/')
    expect(await pairsOf(store.index)).toEqual([LIKE, POST].map((nsid) => `${nsid} ${ALICE}`))
  })

  it('a cursor that is too old is told, durably, before the cursor moves on', async () => {
    await using server = await startFeedServer()
    const store = memoryStore()
    const feed = follow(server.url, store)
    const { since } = await feed.told('live')
    server.send(account(ALICE, true))
    await feed.upTo(server.seq)
    await feed.stop()
    server.setSeq(10)
    server.send(account(ALICE, true), account(BOB, true))
    server.forget(11)
    while (Date.now() <= since.getTime() + 1) await new Promise((resolve) => setTimeout(resolve, 1))
    await using again = follow(server.url, store)
    await again.upTo(12)
    const gap = await again.told('gap')
    expect(gap.reason).toBe('outdatedCursor')
    expect(gap.since.getTime()).toBeGreaterThan(since.getTime())
    expect(await store.feed.followedSince(feedName(server.url))).toEqual(gap.since)
    expect(again.events.findIndex(({ type }) => type === 'gap')).toBeLessThan(
      again.events.findIndex(({ type }) => type === 'batch'),
    )
  })

  it('a relay that was rebuilt is followed from now on, and that is told', async () => {
    await using server = await startFeedServer()
    const store = memoryStore()
    const feed = follow(server.url, store)
    await feed.told('live')
    server.setSeq(1_000)
    server.send(account(ALICE, true))
    await feed.upTo(1_001)
    await feed.stop()
    server.setSeq(5)
    await using again = follow(server.url, store)
    expect(await again.told('disconnected')).toMatchObject({ error: { error: 'FutureCursor' } })
    expect(await again.told('gap')).toMatchObject({ reason: 'futureCursor' })
    server.send(commit(ALICE, [{ action: 'create', path: `${LIKE}/a` }]))
    await again.until(() => again.of('batch').length > 0)
    expect(again.of('batch')[0]?.cursor).toBe('6')
    expect(server.cursors).toEqual([undefined, '1001', undefined])
  })
})

it('what was seen of a relay that was rebuilt hides nothing that it tells afterwards', async () => {
  await using server = await startFeedServer()
  const store = memoryStore()
  await using feed = follow(server.url, store)
  await feed.told('live')
  server.setSeq(1_000)
  server.send(
    commit(
      ALICE,
      [create(LIKE, 'a')].map(({ action }) => ({ action, path: `${LIKE}/a` })),
    ),
  )
  server.send(account(ALICE, true))
  await feed.upTo(1_002)
  server.setSeq(5)
  server.cut()
  await feed.told('live', 2)
  server.send(account(ALICE, false, 'deleted'))
  await feed.until(() => feed.of('batch').at(-1)?.cursor === '6')
  expect(await pairsOf(store.index)).toEqual([])
})

describe.concurrent('connections', () => {
  it('one that breaks is opened again where it was, and nothing is missing', async () => {
    await using server = await startFeedServer()
    const store = memoryStore()
    await using feed = follow(server.url, store)
    await feed.told('connected')
    const dids = didsFrom(0, 30)
    for (const [i, did] of dids.entries()) {
      server.send(commit(did, [{ action: 'create', path: `${LIKE}/a` }]))
      if (i % 15 === 7) {
        server.cut()
        await feed.told('connected', server.cursors.length + 1)
      }
    }
    await feed.upTo(server.seq)
    expect(await pairsOf(store.index)).toEqual(dids.map((did) => `${LIKE} ${did}`).sort())
    expect(feed.of('disconnected')).toMatchObject([{ error: { code: 'RELAY_UNREACHABLE' } }, {}])
    for (const { retryInMs } of feed.of('disconnected')) expect(retryInMs).toBeGreaterThanOrEqual(1_000)
  })

  it('a consumer that was too slow is told so, and goes on', async () => {
    await using server = await startFeedServer()
    const store = memoryStore()
    await using feed = follow(server.url, store)
    await feed.told('connected')
    server.send(account(ALICE, true))
    await feed.upTo(server.seq)
    server.refuse('ConsumerTooSlow', 'too slow')
    expect(await feed.told('disconnected')).toMatchObject({
      error: { code: 'RELAY_STATUS', error: 'ConsumerTooSlow', serverMessage: 'too slow' },
    })
    await feed.told('connected', 2)
    expect(server.cursors[1]).toBe('1')
  })

  it('one that says nothing, not even to a ping, is given up; a quiet one that answers is kept', async () => {
    await using server = await startFeedServer()
    const store = memoryStore()
    await using feed = follow(server.url, store, { silenceMs: 200 })
    await feed.told('connected')
    expect(feed.of('disconnected')).toEqual([])
    server.goSilent(true)
    expect(await feed.told('disconnected')).toMatchObject({ error: { code: 'RELAY_TIMEOUT' } })
    server.goSilent(false)
    await feed.told('connected', 2)
  })

  it('a server that refuses is asked again, and no sooner than it wants', async () => {
    await using server = await startFeedServer()
    server.answer(429, { 'retry-after': '2' })
    await using feed = follow(server.url, memoryStore())
    const refused = await feed.told('disconnected')
    expect(refused).toMatchObject({ error: { code: 'RELAY_STATUS', status: 429, retryAfterMs: 2_000 } })
    expect(refused.retryInMs).toBeGreaterThanOrEqual(2_000)
    server.answer(undefined)
    await feed.told('connected')
  })

  it('an abort ends it at once, whatever it does, with its own reason', async () => {
    await using server = await startFeedServer()
    const reason = new Error('enough')
    const nowhere = 'ws://127.0.0.1:1'
    for (const [url, type] of [
      [server.url, 'connected'],
      [server.url, 'live'],
      [nowhere, 'disconnected'],
    ] as const) {
      const feed = follow(url, memoryStore())
      await feed.told(type)
      expect(await feed.stop(reason)).toBe(reason)
    }
    expect(await follow(server.url, memoryStore()).stop(reason)).toBe(reason)
  })

  it('what a listener throws ends it with that', async () => {
    await using server = await startFeedServer()
    const failure = new Error('of the listener')
    for (const onEvent of [
      () => {
        throw failure
      },
      () => Promise.reject(failure),
    ])
      expect(await follow(server.url, memoryStore(), { onEvent }).ended).toBe(failure)
  })
})
