import { describe, expect, it } from 'vitest'
import { isBackfillError, memoryStore } from '../../src/index.ts'
import { type Fault, type HostRequest, startNetwork } from '../../src/testing/index.ts'
import { crawlOf, heldBy, pairsOf } from '../support/crawl.ts'
import { onSteadyClock, watchedFetch } from '../support/let-go.ts'

const STATES = { deactivated: 0.1, takendown: 0.05, suspended: 0.05 }
const DESCRIBE = '/xrpc/com.atproto.repo.describeRepo'
const LIST = '/xrpc/com.atproto.sync.listRepos'

describe('a crawl', () => {
  it('brings what the hosts hold, and tells it page by page', async () => {
    await using network = await startNetwork({
      hosts: [{ name: 'pds-#.example.net', count: 6, repos: (place) => 25 * place }],
      states: STATES,
    })
    const { crawler, store, told } = crawlOf(network, { pageSize: 20 })
    let added = 0
    for await (const page of crawler) added += page.added ?? 0
    expect(heldBy(store)).toEqual(pairsOf(network, store.sink.pairs.keys()))
    const { summary } = crawler
    expect(summary).toMatchObject({ completed: 6, leftOut: 0, failed: 0, absent: 0, added, pairs: added })
    expect(summary.described + summary.inactive).toBe(25 * (1 + 2 + 3 + 4 + 5))
    expect(told('hosts')).toEqual([{ type: 'hosts', hosts: 6, accounts: 375, leftOut: 0 }])
    expect(await crawler.status()).toMatchObject({ total: 6, complete: 6, repos: summary.described })
  })
})

describe('a host', () => {
  it('that is down is set aside, tried again, and named at the end; the others are complete', async () => {
    await using network = await startNetwork({
      hosts: [
        { name: 'pds-#.example.net', count: 3, repos: 10 },
        { name: 'down.example.net', repos: 10, down: 521 },
      ],
    })
    const { crawler, told } = crawlOf(network, { hosts: network.hosts, maxAttempts: 3 })
    const error: unknown = await crawler.run().catch((thrown: unknown) => thrown)
    if (!isBackfillError(error, 'INCOMPLETE')) throw error
    expect(error.hosts).toEqual([
      { host: 'down.example.net', attempts: 3, lastError: expect.stringContaining('answered 521') },
    ])
    expect(error.message).toMatch(/^1 host failed. Run again to retry.\n {2}down.example.net: /)
    expect(told('hostFailed').map(({ attempts, retryInMs }) => [attempts, retryInMs])).toEqual([
      [1, 0],
      [2, 0],
      [3, undefined],
    ])
    expect(crawler.summary.completed).toBe(3)
    // Its list was asked for; no repo was.
    expect(Object.keys(network.asked('down.example.net').paths)).not.toContain(DESCRIBE)
  })

  it('that was down is crawled by the next run', async () => {
    await using network = await startNetwork({ hosts: [{ name: 'pds.example.net', repos: 10, down: true }] })
    const store = memoryStore()
    const hosts = ['pds.example.net']
    await expect(crawlOf(network, { hosts, maxAttempts: 1 }, store).crawler.run()).rejects.toMatchObject({
      code: 'INCOMPLETE',
    })
    network.change('pds.example.net', { down: false })
    await crawlOf(network, { hosts }, store).crawler.run()
    expect(heldBy(store)).toEqual(pairsOf(network, store.sink.pairs.keys()))
  })

  it('is not at fault for a repo that it cannot tell of', async () => {
    const broken = new Map<string, Fault>()
    await using network = await startNetwork({
      hosts: [{ name: 'pds.example.net', repos: 12 }],
      script: ({ path, did = '' }) => (path === DESCRIBE ? broken.get(did) : undefined),
    })
    const [a, b, c, d, ...sound] = [...network.accounts()].map(({ did }) => did)
    broken.set(a ?? '', { status: 500 })
    broken.set(b ?? '', { status: 200, body: '{"did":' })
    broken.set(c ?? '', { status: 502, body: '<html>bad gateway</html>' })
    broken.set(d ?? '', { status: 400, body: '{"error":"RepoTakendown","message":"gone"}' })
    const { crawler, store, told } = crawlOf(network)
    const summary = await crawler.run()
    expect(summary).toMatchObject({ completed: 1, described: sound.length, failed: 3, absent: 1 })
    expect(new Set(summary.failures.map(({ did }) => did))).toEqual(new Set([a, b, c]))
    expect(told('hostFailed')).toEqual([])
    // They are kept, for later.
    const { hosts, failedRepos } = await crawler.status()
    expect(failedRepos).toBe(3)
    expect(hosts).toMatchObject([{ state: 'complete', flags: [], failedRepos: 3 }])
    expect(told('repoFailed').map(({ willRetry }) => willRetry)).toEqual([
      true,
      true,
      true,
      false,
      false,
      false,
    ])
    const repos = new Set([...store.sink.pairs.values()].flatMap((dids) => [...dids]))
    expect(sound.every((did) => repos.has(did) || network.account(did)?.collections.length === 0)).toBe(true)
  })

  it('is told, and its row keeps it, that a repo has more collections than are taken of one', async () => {
    const did = `did:plc:${'a'.repeat(24)}`
    const collections = Array.from({ length: 5_003 }, (_, i) => `com.example.made${i}`)
    await using network = await startNetwork({
      hosts: [{ name: 'pds.example.net', repos: 3 }],
      accounts: [{ did, host: 'pds.example.net', collections }],
    })
    const { crawler, store, told } = crawlOf(network)
    expect(await crawler.run()).toMatchObject({ described: 4, failed: 0, cut: 1 })
    expect(told('repoCut')).toEqual([
      { type: 'repoCut', host: 'pds.example.net', did, taken: 5_000, leftOut: 3 },
    ])
    expect([...store.sink.pairs].filter(([, dids]) => dids.has(did))).toHaveLength(5_000)
    expect(await crawler.status()).toMatchObject({ hosts: [{ state: 'complete', flags: ['reposCut'] }] })
  })

  it('is at fault where one repo after the other fails', async () => {
    await using network = await startNetwork({
      hosts: [{ name: 'pds.example.net', repos: 60 }],
      script: ({ path }) => (path === DESCRIBE ? { status: 500 } : undefined),
    })
    const { crawler, store } = crawlOf(network, { hosts: 'pds.example.net', maxAttempts: 1 })
    await expect(crawler.run()).rejects.toMatchObject({ code: 'INCOMPLETE' })
    expect(store.sink.pairs.size).toBe(0)
  })

  it('that has described repos and then knows the method no more is not taken for a relay', async () => {
    let asked = 0
    await using network = await startNetwork({
      hosts: [{ name: 'pds.example.net', repos: 60 }],
      script({ path }) {
        if (path === DESCRIBE) asked += 1
        return path === DESCRIBE && asked > 20 ? { status: 404 } : undefined
      },
    })
    const { crawler, told } = crawlOf(network, { hosts: 'pds.example.net', maxAttempts: 1 })
    await expect(crawler.run()).rejects.toMatchObject({ code: 'INCOMPLETE' })
    expect(told('hostLeftOut')).toEqual([])
  })

  it('that lists no hosts at all is not taken for a relay', async () => {
    await using network = await startNetwork({
      hosts: [{ name: 'pds.example.net', repos: 5 }],
      script: ({ path }) => (path.endsWith('listHosts') ? { status: 200, body: '{"hosts":[]}' } : undefined),
    })
    expect(await crawlOf(network, { hosts: 'pds.example.net' }).crawler.run()).toMatchObject({ completed: 1 })
  })

  it('that is a relay is left out, and so is the relay itself', async () => {
    await using network = await startNetwork({
      hosts: [
        { name: 'pds.example.net', repos: 5 },
        { name: 'relay.example.net', relay: true },
      ],
    })
    const hosts = {
      name: 'list',
      relay: 'own.example.net',
      hosts: () => known(network.hosts, 'own.example.net'),
    }
    const { crawler, told } = crawlOf(network, { hosts })
    expect(await crawler.run()).toMatchObject({ completed: 1, leftOut: 2 })
    expect(told('hostLeftOut').map(({ host, reason }) => `${host} ${reason}`)).toEqual([
      'own.example.net is the relay whose list names it',
      'relay.example.net is a relay: it lists hosts',
    ])
    expect(await crawler.status()).toMatchObject({ total: 2, complete: 1, leftOut: 1, failed: 0 })
  })

  it('that is denied, banned, offline or of a private network is left out, unless it is allowed', async () => {
    await using network = await startNetwork({ hosts: [{ name: 'pds.example.net', repos: 5 }] })
    const source = {
      name: 'list',
      async *hosts() {
        yield* [{ host: 'pds.example.net' }, { host: 'morel.us-east.host.bsky.network', accounts: 9 }]
        yield* [
          { host: 'banned.example.net', status: 'banned' },
          { host: 'off.example.net', status: 'offline' },
        ]
        yield* [{ host: '10.0.0.7' }, { host: 'localhost' }, { host: 'not a host' }, { host: '[::1]' }]
        yield* [{ host: '169.254.169.254' }, { host: 'http://pds.example.net' }]
      },
    }
    const { crawler, told } = crawlOf(network, { hosts: source })
    expect(await crawler.run()).toMatchObject({ completed: 1, leftOut: 9 })
    expect(told('hosts')).toEqual([{ type: 'hosts', hosts: 1, accounts: 0, leftOut: 9 }])
    const allowHosts = ['off.example.net', '*.host.bsky.network']
    const allowed = crawlOf(network, { hosts: source, allowHosts })
    expect(await allowed.crawler.run()).toMatchObject({ completed: 3, leftOut: 7 })
    expect(allowed.told('hosts')).toEqual([{ type: 'hosts', hosts: 3, accounts: 9, leftOut: 7 }])
  })
})

async function* known(names: readonly string[], ...more: readonly string[]) {
  for (const host of [...more, ...names]) yield { host }
}

describe('a crawl that is stopped', () => {
  it('goes on behind the last committed page, and asks for no repo of an earlier page again', async () => {
    await using network = await startNetwork({ hosts: [{ name: 'pds.example.net', repos: 100 }] })
    const store = memoryStore()
    const first = crawlOf(network, { pageSize: 20 }, store)
    let pages = 0
    for await (const _ of first.crawler) if (++pages === 2) break
    const before = network.asked('pds.example.net').paths[DESCRIBE] ?? 0
    const second = crawlOf(network, { pageSize: 20 }, store)
    await second.crawler.run()
    expect(second.told('hostStarted')).toMatchObject([
      { pages: expect.any(Number), repos: expect.any(Number) },
    ])
    const repos = second.told('hostStarted')[0]?.repos ?? 0
    expect(repos).toBeGreaterThanOrEqual(40)
    expect((network.asked('pds.example.net').paths[DESCRIBE] ?? 0) - before).toBe(100 - repos)
    expect(heldBy(store)).toEqual(pairsOf(network, store.sink.pairs.keys()))
  })

  it('begins a host anew whose cursors have come to mean something else', async () => {
    await using network = await startNetwork({ hosts: [{ name: 'pds.example.net', repos: 100 }] })
    const store = memoryStore()
    let pages = 0
    for await (const _ of crawlOf(network, { pageSize: 20 }, store).crawler) if (++pages === 2) break
    network.rebuild('pds.example.net')
    const next = crawlOf(network, { pageSize: 20 }, store)
    await next.crawler.run()
    expect(next.told('hostFailed')).toMatchObject([
      { restart: true, error: { code: 'CURSORS_CHANGED', relay: 'pds.example.net' } },
    ])
    expect(heldBy(store)).toEqual(pairsOf(network, store.sink.pairs.keys()))
  })

  it('is taken up again for refresh alone once a host is complete', async () => {
    await using network = await startNetwork({ hosts: [{ name: 'pds.example.net', repos: 10 }] })
    const store = memoryStore()
    await crawlOf(network, {}, store).crawler.run()
    const { requests } = network.asked('pds.example.net')
    expect(await crawlOf(network, {}, store).crawler.run()).toMatchObject({ completed: 0 })
    expect(network.asked('pds.example.net').requests).toBe(requests)
    expect(await crawlOf(network, { refreshAfterMs: 0 }, store).crawler.run()).toMatchObject({ completed: 1 })
  })
})

describe('the pace of a crawl', () => {
  it('is kept for each host, over several runs', async () => {
    await using network = await startNetwork({
      hosts: [{ name: 'pds-#.example.net', count: 3, repos: 30 }],
    })
    const store = memoryStore()
    const { fetch, shortestGap } = watchedFetch(network.fetch)
    const run = () => crawlOf(network, { fetch, requestsPerSecond: 50, pageSize: 10 }, store)
    await onSteadyClock(() => Promise.all([run().crawler.run(), run().crawler.run()]))
    for (const host of network.hosts)
      expect(
        shortestGap((name) => name === host),
        host,
      ).toBeGreaterThanOrEqual(20)
    expect(heldBy(store)).toEqual(pairsOf(network, store.sink.pairs.keys()))
  })

  it('is one for the hosts of a group, over several runs', async () => {
    await using network = await startNetwork({
      hosts: [{ name: 'pds-#.shared.example.net', count: 5, repos: 12 }],
    })
    const store = memoryStore()
    const sharedLimits = [{ hosts: '*.shared.example.net', requestsPerSecond: 50 }]
    const { fetch, shortestGap } = watchedFetch(network.fetch)
    const runs = [1, 2].map(() => crawlOf(network, { fetch, sharedLimits }, store))
    await onSteadyClock(async () => {
      await Promise.all(runs.map(({ crawler }) => crawler.run()))
      expect(runs.map(({ crawler }) => crawler.summary.completed).reduce((a, b) => a + b)).toBe(5)
      expect(await runs[0]?.crawler.status()).toMatchObject({ total: 5, complete: 5 })
      // New hosts of a group that is complete are crawled, too.
      const again = crawlOf(network, { fetch, sharedLimits, refreshAfterMs: 0 }, store)
      expect(await again.crawler.run()).toMatchObject({ completed: 5 })
    })
    expect(shortestGap((host) => host.endsWith('.shared.example.net'))).toBeGreaterThanOrEqual(20)
    expect(heldBy(store)).toEqual(pairsOf(network, store.sink.pairs.keys()))
  })

  it('gives way as a group where one of its hosts says that there were too many requests', async () => {
    let refusedAt = 0
    const early: string[] = []
    await using network = await startNetwork({
      hosts: [{ name: 'pds-#.shared.example.net', count: 4, repos: 10 }],
      script: ({ path, host }) => {
        if (refusedAt === 0 && path === DESCRIBE) {
          refusedAt = performance.now()
          return { status: 429, headers: { 'retry-after': '1' } }
        }
        // What was under way then may still arrive.
        const sinceMs = performance.now() - refusedAt
        if (refusedAt > 0 && sinceMs > 300 && sinceMs < 990) early.push(host)
        return undefined
      },
    })
    const sharedLimits = [{ hosts: '*.shared.example.net', requestsPerSecond: 200 }]
    const { crawler } = crawlOf(network, { sharedLimits })
    expect(await crawler.run()).toMatchObject({ completed: 4, failed: 0 })
    expect(early).toEqual([])
  })

  it('is that of one host for a group that an earlier crawl knew', async () => {
    await using network = await startNetwork({
      hosts: [{ name: 'pds-#.shared.example.net', count: 2, repos: 10 }],
    })
    const store = memoryStore()
    const stop = new AbortController()
    const sharedLimits = [{ hosts: '*.shared.example.net', requestsPerSecond: 1_000 }]
    const onEvent = ({ type }: { type: string }) => type === 'hosts' && stop.abort()
    const first = crawlOf(network, { sharedLimits, signal: stop.signal, onEvent }, store)
    await expect(first.crawler.run()).rejects.toThrow()
    const later = crawlOf(network, { hosts: emptySource, sharedLimits: [], requestsPerSecond: 1_000 }, store)
    expect(await later.crawler.run()).toMatchObject({ completed: 2 })
  })

  it('is one for each host, and no host is read twice, when the groups change between two crawls', async () => {
    await using network = await startNetwork({
      hosts: [{ name: 'pds-#.shared.example.net', count: 4, repos: 20 }],
    })
    const store = memoryStore()
    const grouped = [{ hosts: '*.shared.example.net', requestsPerSecond: 10_000 }]
    const crawled = async (sharedLimits: typeof grouped, options = {}) => {
      const { crawler } = crawlOf(network, { sharedLimits, pageSize: 5, ...options }, store)
      const { completed, described } = await crawler.run()
      const { total, complete, failed, repos } = await crawler.status()
      return { completed, described, status: [total, complete, failed, repos] }
    }
    const first = crawlOf(network, { sharedLimits: grouped, pageSize: 5 }, store)
    for await (const page of first.crawler) if (page.completed) break
    const done = (await first.crawler.status()).complete
    expect(done).toBeGreaterThan(0)
    // Those that are complete stay so; the others begin again.
    const status = [4, 4, 0, 80]
    expect(await crawled([])).toEqual({ completed: 4 - done, described: (4 - done) * 20, status })
    expect(await crawled(grouped)).toEqual({ completed: 0, described: 0, status })
    expect(await crawled(grouped, { refreshAfterMs: 0 })).toEqual({ completed: 4, described: 80, status })
    expect(await crawled([], { refreshAfterMs: 0 })).toEqual({ completed: 4, described: 80, status })
    expect(heldBy(store)).toEqual(pairsOf(network, store.sink.pairs.keys()))
  })

  it('gives way to a limit that is told by a page of HTML alone, and loses no repo to it', async () => {
    await using network = await startNetwork({
      hosts: [{ name: 'pds.example.net', repos: 30, limit: { requests: 20, windowMs: 500 } }],
    })
    const { crawler, store, told } = crawlOf(network, { retry: { retries: 3, minDelayMs: 1 } })
    expect(await crawler.run()).toMatchObject({ completed: 1, failed: 0 })
    expect(told('paused').length).toBeGreaterThan(0)
    expect(told('hostFailed')).toEqual([])
    expect(heldBy(store)).toEqual(pairsOf(network, store.sink.pairs.keys()))
  })

  it('heeds a wait that the host asks for, also in the next run', async () => {
    let isBusy = true
    await using network = await startNetwork({
      hosts: [{ name: 'pds.example.net', repos: 3 }],
      script: ({ path }: HostRequest) =>
        isBusy && path === LIST ? { status: 429, headers: { 'retry-after': '700' } } : undefined,
    })
    const store = memoryStore()
    const stop = new AbortController()
    const first = crawlOf(
      network,
      { signal: stop.signal, onEvent: (e) => e.type === 'hostFailed' && stop.abort() },
      store,
    )
    await expect(first.crawler.run()).rejects.toThrow('aborted')
    expect(first.told('hostFailed')).toMatchObject([{ attempts: 0, retryInMs: expect.any(Number) }])
    isBusy = false
    expect(await first.crawler.status()).toMatchObject({
      hosts: [{ host: 'pds.example.net', state: 'pending', retryInMs: expect.any(Number) }],
    })
    const { requests } = network.asked('pds.example.net')
    const again = new AbortController()
    const second = crawlOf(
      network,
      { signal: again.signal, onEvent: (e) => e.type === 'hosts' && setTimeout(() => again.abort(), 50) },
      store,
    )
    await expect(second.crawler.run()).rejects.toThrow('aborted')
    expect(network.asked('pds.example.net').requests).toBe(requests)
  })
})

/** Names nothing: a crawl then finishes what earlier ones have begun. */
const emptySource = {
  name: 'none',
  async *hosts() {},
}
