import { describe, expect, it } from 'vitest'
import type { IndexReposEvent } from '../../src/contracts/index-repos-events.ts'
import { indexRepos } from '../../src/crawl/index-repos.ts'
import { indexReposSettingsOf } from '../../src/crawl/index-repos-options.ts'
import { memoryStore } from '../../src/memory/memory-store.ts'
import { onSteadyClock, watchedFetch } from '../support/let-go.ts'
import { BLOG, FAST, HOST, indexed, networkOf, POST, pairsOf, WEB } from './given-repos.ts'

describe('given repos', () => {
  it('are in the collections that their hosts say they have', async () => {
    await using network = await networkOf({ hosts: [{ name: 'pds-#.example', count: 7, repos: 30 }] })
    const dids = Array.from(network.accounts(), ({ did }) => did)
    const { store, events, summary } = await indexed(network, dids)
    const expected = Array.from(network.accounts(), ({ did, collections }) =>
      collections.map((nsid) => `${nsid} ${did}`),
    ).flat()
    expect((await pairsOf(store)).toSorted()).toEqual(expected.toSorted())
    expect(Object.keys(events)).toHaveLength(210)
    expect(summary).toMatchObject({
      repos: 210,
      states: { active: 210 },
      pairs: expected.length,
      added: expected.length,
      removed: 0,
      requests: 420,
    })
    const [did = ''] = dids
    const { host, collections } = network.account(did) ?? {}
    expect(events[did]).toMatchObject({ state: 'active', host, collections, removed: [] })
    expect(events[did]?.handle).toContain(host)
  })

  it('are told where they are not there, each with its reason', async () => {
    const states = ['deactivated', 'suspended', 'takendown', 'deleted', 'tombstoned'] as const
    const did = (i: number) => `did:plc:${'abcdefgh'.charAt(i).repeat(24)}`
    await using network = await networkOf({
      accounts: states.map((state, i) => ({ did: did(i), host: HOST, state, collections: [POST] })),
    })
    const given = [...states.map((_, i) => did(i)), did(6), 'no did', 'did:key:zQ3sh', 'did:web:127.0.0.1']
    const { store, events, summary } = await indexed(network, given)
    expect(given.map((name) => events[name]?.state)).toEqual([
      'deactivated',
      'suspended',
      'takendown',
      'notFound',
      'deleted',
      'notFound',
      'invalid',
      'invalid',
      'invalid',
    ])
    for (const name of given) expect(events[name]?.reason).toMatch(/\w/)
    expect(summary).toMatchObject({ repos: 9, states: { active: 0, notFound: 2, invalid: 3 }, added: 0 })
    expect(await pairsOf(store)).toEqual([])
  })

  it('are told with how many collections were left out, where they have more than are taken of one', async () => {
    const did = `did:plc:${'a'.repeat(24)}`
    const collections = Array.from({ length: 5_003 }, (_, i) => `com.example.made${i}`)
    await using network = await networkOf({ accounts: [{ did, host: HOST, collections }] })
    const { events, summary } = await indexed(network, [did])
    expect(events[did]).toMatchObject({ state: 'active', leftOut: 3 })
    expect(summary).toMatchObject({ cut: 1, pairs: 5_000 })
  })

  it('of a repo that has moved are asked of its new host', async () => {
    await using network = await networkOf({
      hosts: [{ name: 'old.example', repos: 1 }, { name: 'new.example' }],
    })
    const [account] = network.accounts()
    const did = account?.did ?? ''
    async function* dids() {
      yield did
      network.set({ did, host: 'new.example', collections: [BLOG] })
      yield did
    }
    const { events } = await indexed(network, dids(), { concurrency: 1 })
    expect(events[did]).toMatchObject({ state: 'active', host: 'new.example', collections: [BLOG] })
  })

  it('may be a stream, which is read no faster than the work goes on', async () => {
    await using network = await networkOf({ hosts: [{ name: HOST, repos: 200 }] })
    let read = 0
    function* dids() {
      for (const { did } of network.accounts()) {
        read += 1
        yield did
      }
    }
    const run = indexRepos({
      repos: dids(),
      store: memoryStore(),
      fetch: network.fetch,
      ...FAST,
      concurrency: 3,
    })
    let done = 0
    for await (const _ of run) {
      done += 1
      // Three under way, and three whose events wait to be taken.
      expect(read).toBeLessThanOrEqual(done + 6)
    }
    expect(done).toBe(200)
  })

  it('end with the loop, and tell their stream', async () => {
    await using network = await networkOf({ hosts: [{ name: HOST, repos: 20 }] })
    let closed = false
    async function* dids() {
      try {
        for (;;) yield* Array.from(network.accounts(), ({ did }) => did)
      } finally {
        closed = true
      }
    }
    for await (const _ of indexRepos({ repos: dids(), store: memoryStore(), fetch: network.fetch, ...FAST }))
      break
    await expect.poll(() => closed).toBe(true)
  })

  it('end with an abort, by its reason', async () => {
    await using network = await networkOf({ hosts: [{ name: HOST, repos: 20, latencyMs: 1_000_000 }] })
    const dids = Array.from(network.accounts(), ({ did }) => did)
    const stop = new AbortController()
    const onEvent = ({ type }: IndexReposEvent) => {
      if (type === 'requested') stop.abort(new Error('enough'))
    }
    await expect(indexed(network, dids, { signal: stop.signal, onEvent })).rejects.toThrow('enough')
  })
})

describe('hosts', () => {
  it('that fail for one repo go on with others', async () => {
    await using network = await networkOf({
      hosts: [{ name: HOST, repos: 5 }],
      script: ({ did, path }) =>
        path.endsWith('describeRepo') && did === bad
          ? { status: 500, body: { error: 'Internal' } }
          : undefined,
    })
    const dids = Array.from(network.accounts(), ({ did }) => did)
    const bad = dids[2] ?? ''
    const { events, summary, told } = await indexed(network, dids)
    expect(events[bad]).toMatchObject({ state: 'failed', host: HOST, error: { status: 500 } })
    expect(summary).toMatchObject({ states: { active: 4, failed: 1 }, failures: [{ did: bad, host: HOST }] })
    expect(told.filter(({ type }) => type === 'retry')).toHaveLength(2)
  })

  it('that are down are not asked for each of their repos', async () => {
    await using network = await networkOf({
      hosts: [
        { name: 'down.example', repos: 50, down: 502 },
        { name: HOST, repos: 5 },
      ],
    })
    const dids = Array.from(network.accounts(), ({ did }) => did)
    const { summary } = await indexed(network, dids, { concurrency: 2 })
    expect(summary.states).toMatchObject({ active: 5, failed: 50 })
    expect(network.asked('down.example').requests).toBeLessThanOrEqual(6)
  })

  it('that answer for others are not given up for one repo that they forbid, or never answer for', async () => {
    await using network = await networkOf({
      hosts: [{ name: HOST, repos: 12 }],
      script: ({ did, path }) => {
        if (!path.endsWith('describeRepo')) return undefined
        if (did === forbidden) return { status: 403, body: 'Forbidden' }
        return did === broken ? { status: 502, body: 'Bad gateway' } : undefined
      },
    })
    const dids = Array.from(network.accounts(), ({ did }) => did)
    const [forbidden, broken] = dids
    const { summary } = await indexed(network, dids, {
      concurrency: 12,
      retry: { retries: 2, minDelayMs: 200, maxDelayMs: 200 },
    })
    expect(summary.states).toMatchObject({ active: 10, failed: 2 })
    const again = await indexed(network, [forbidden ?? '', ...dids.slice(2)], { concurrency: 1 })
    expect(again.summary.states).toMatchObject({ active: 10, failed: 1 })
  })

  it('that refuse for a while are waited for', async () => {
    await using network = await networkOf({
      hosts: [{ name: HOST, repos: 4, limit: { requests: 3, windowMs: 300 } }],
    })
    const dids = Array.from(network.accounts(), ({ did }) => did)
    const { summary, told } = await indexed(network, dids, { retry: { retries: 0 } })
    expect(summary.states.active).toBe(4)
    expect(told.some((event) => event.type === 'paused' && event.host === HOST)).toBe(true)
  })

  it('are asked at their pace, those of bsky.network together', async () => {
    await using network = await networkOf({
      hosts: [
        { name: 'm#.host.bsky.network', count: 3, repos: 2 },
        { name: HOST, repos: 5 },
      ],
    })
    const dids = Array.from(network.accounts(), ({ did }) => did)
    const { fetch, shortestGap } = watchedFetch(network.fetch)
    await onSteadyClock(() => indexed(network, dids, { fetch, requestsPerSecond: 20 }))
    expect(shortestGap((host) => host.endsWith('.host.bsky.network'))).toBeGreaterThanOrEqual(100)
    expect(shortestGap((host) => host === HOST)).toBeGreaterThanOrEqual(50)
  })
})

it('a did:web without a host of its own is found', async () => {
  await using network = await networkOf({
    accounts: [{ did: WEB, host: HOST, collections: [POST, 'no nsid'] }],
  })
  const { store, events } = await indexed(network, [WEB])
  expect(events[WEB]).toMatchObject({ state: 'active', host: HOST, collections: [POST] })
  expect(await pairsOf(store)).toEqual([`${POST} ${WEB}`])
})

it('a store that is unavailable is waited for, and what fails otherwise ends the run', async () => {
  await using network = await networkOf({ accounts: [{ did: WEB, host: HOST, collections: [POST] }] })
  const { StoreUnavailableError } = await import('../../src/errors.ts')
  const errors: Error[] = [new StoreUnavailableError('down')]
  const store = memoryStore()
  const sink = {
    add: async (...call: Parameters<typeof store.sink.add>) => {
      const error = errors.shift()
      if (error) throw error
      return store.sink.add(...call)
    },
  }
  const { told, summary } = await indexed(network, [WEB], { store: { sink } })
  expect(summary.added).toBe(1)
  expect(told.map(({ type }) => type)).toContain('storeUnavailable')
  errors.push(...[1, 2, 3].map(() => new Error('broken')))
  await expect(indexed(network, [WEB], { store: { sink } })).rejects.toThrow('broken')
})

it('an option that cannot be used is refused', () => {
  const store = memoryStore()
  const refused = (options: object) => () => indexRepos({ repos: [], store, ...options })
  expect(refused({ repos: WEB })).toThrow(/repos must be/)
  expect(refused({ dids: [] })).toThrow(/did you mean repos/)
  expect(refused({ store: { sink: store.sink }, removeMissing: true })).toThrow(/store.index must be/)
  expect(refused({ removeGone: ['active'] })).toThrow(/removeGone must be/)
  expect(refused({ requestsPerSecond: 0 })).toThrow(/requestsPerSecond must be/)
  expect(refused({ plc: 'https://plc.example/path' })).toThrow(/plc must be/)
})

it('hosts that strangers name may be reached at public addresses alone, but for those that are allowed', () => {
  const options = { repos: [], store: memoryStore(), allowHosts: ['localhost', '*.internal'] }
  const { readHost, isGuarded, isOwnFetch } = indexReposSettingsOf(options)
  for (const host of ['pds.example', 'localhost:2583', 'pds.internal', '10.0.0.1']) readHost(host)
  const names = ['pds.example', 'localhost', 'pds.internal', 'plc.directory']
  expect(names.map(isGuarded)).toEqual([true, false, false, false])
  expect(isOwnFetch).toBe(true)
  expect(indexReposSettingsOf({ ...options, fetch }).isOwnFetch).toBe(false)
})
