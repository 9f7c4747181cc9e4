import { describe, expect, it } from 'vitest'
import type { CrawlEvent } from '../../src/contracts/crawl-events.ts'
import type { IndexSink } from '../../src/contracts/index-sink.ts'
import { FAILED_REPOS, HOSTS } from '../../src/crawl/crawl-scopes.ts'
import { crawlStatusOf } from '../../src/crawl/crawl-status.ts'
import { failedReposFrom, keepFailedRepos } from '../../src/crawl/failed-repos.ts'
import { type MemoryStore, memoryStore } from '../../src/index.ts'
import { type HostRequest, startNetwork } from '../../src/testing/index.ts'
import { crawlOf, heldBy, pairsOf } from '../support/crawl.ts'
import { onSteadyClock, watchedFetch } from '../support/let-go.ts'

const DESCRIBE = '/xrpc/com.atproto.repo.describeRepo'
const HOST = 'pds.example.net'

const isShared = (host: string) => host.endsWith('.shared.example.net')

/** A network whose repos fail for as long as they are among `broken`. */
async function networkOf(hosts: { name: string; count?: number; repos: number }) {
  const broken = new Set<string>()
  const asked: string[] = []
  const network = await startNetwork({
    hosts: [hosts],
    script({ path, did = '' }: HostRequest) {
      if (path !== DESCRIBE) return undefined
      asked.push(did)
      return broken.has(did) ? { status: 500 } : undefined
    },
  })
  const dids = Array.from(network.accounts(), ({ did }) => did)
  return { network, broken, asked, dids, [Symbol.asyncDispose]: () => network.close() }
}

describe('a repo that fails', () => {
  it('is asked for once more when all hosts are read', async () => {
    await using made = await networkOf({ name: 'pds-#.example.net', count: 3, repos: 30 })
    const { network, broken } = made
    for (const did of made.dids.filter((_, i) => i % 10 === 0)) broken.add(did)
    const hosts = new Set<string>()
    const { crawler, store, told } = crawlOf(network, {
      pageSize: 10,
      onEvent(event) {
        if (event.type === 'page' && event.completed) hosts.add(event.host)
        if (hosts.size === 3) broken.clear()
      },
    })
    expect(await crawler.run()).toMatchObject({ completed: 3, described: 90, failed: 0, failures: [] })
    expect(heldBy(store)).toEqual(pairsOf(network, store.sink.pairs.keys()))
    expect(told('repoFailed')).toHaveLength(9)
    const retried = told('page').filter(({ isRetry }) => isRetry)
    expect(retried.map(({ described, failed }) => [described, failed])).toEqual([
      [3, 0],
      [3, 0],
      [3, 0],
    ])
    expect(await crawler.status()).toMatchObject({ complete: 3, failedRepos: 0 })
  })

  it('and fails again is asked for by the next crawl, and nothing else is', async () => {
    await using made = await networkOf({ name: HOST, repos: 40 })
    const { network, broken, asked, dids } = made
    const bad = dids.slice(5, 30)
    for (const did of bad) broken.add(did)
    const store = memoryStore()
    const first = crawlOf(network, {}, store)
    // More of them in a row than are taken for their host's failure, had it not answered in between.
    expect(await first.crawler.run().catch(() => first.crawler.summary)).toMatchObject({ failed: 25 })
    const next = async () => {
      asked.length = 0
      const { crawler } = crawlOf(network, {}, store)
      return { summary: await crawler.run(), status: await crawler.status() }
    }
    const [one = ''] = bad
    broken.clear()
    broken.add(one)
    expect(await next()).toMatchObject({
      summary: { completed: 0, described: 24, failed: 1, failures: [{ host: HOST, did: one }] },
      status: { failedRepos: 1, hosts: [{ host: HOST, state: 'complete', failedRepos: 1 }] },
    })
    expect(asked.toSorted()).toEqual(bad.toSorted())
    broken.clear()
    expect(await next()).toMatchObject({ summary: { described: 1, failed: 0 }, status: { failedRepos: 0 } })
    expect(asked).toEqual([one])
    await next()
    expect(asked).toEqual([])
    expect(heldBy(store)).toEqual(pairsOf(network, store.sink.pairs.keys()))
  })

  it('is not lost where the crawl ends before', async () => {
    await using made = await networkOf({ name: HOST, repos: 40 })
    const { network, broken, dids } = made
    for (const did of dids.filter((_, i) => i % 9 === 0)) broken.add(did)
    const store = memoryStore()
    for await (const page of crawlOf(network, { pageSize: 20 }, store).crawler) if (page.failed > 0) break
    broken.clear()
    expect(await crawlOf(network, { pageSize: 20 }, store).crawler.run()).toMatchObject({ failed: 0 })
    expect(heldBy(store)).toEqual(pairsOf(network, store.sink.pairs.keys()))
  })

  it('of a group of hosts is asked for at the pace of the group', async () => {
    await using made = await networkOf({ name: 'pds-#.shared.example.net', count: 4, repos: 20 })
    const { network, broken, dids } = made
    for (const did of dids.filter((_, i) => i % 2 === 0)) broken.add(did)
    const store = memoryStore()
    const sharedLimits = [{ hosts: '*.shared.example.net', requestsPerSecond: 1_000 }]
    expect(await crawlOf(network, { sharedLimits }, store).crawler.run()).toMatchObject({ failed: 40 })
    expect(await store.progress.list({ relay: FAILED_REPOS })).toMatchObject([
      { collection: '*.shared.example.net', state: 'failed', lastError: '40 repos could not be read' },
    ])
    broken.clear()
    const slow = [{ hosts: '*.shared.example.net', requestsPerSecond: 40 }]
    const begun = network.askedGroup('pds-#.shared.example.net').requests
    const { fetch, shortestGap } = watchedFetch(network.fetch)
    const { crawler } = crawlOf(network, { fetch, sharedLimits: slow }, store)
    expect(await onSteadyClock(() => crawler.run())).toMatchObject({ described: 40, failed: 0 })
    expect(network.askedGroup('pds-#.shared.example.net').requests - begun).toBe(40)
    expect(shortestGap(isShared)).toBeGreaterThanOrEqual(25)
    expect(heldBy(store)).toEqual(pairsOf(network, store.sink.pairs.keys()))
  })

  it('is asked for at the pace of a group that its host has come to belong to since', async () => {
    await using made = await networkOf({ name: 'pds-#.shared.example.net', count: 4, repos: 6 })
    const { network, broken, dids } = made
    for (const did of dids.filter((_, i) => i % 2 === 0)) broken.add(did)
    const store = memoryStore()
    const hosts = network.hosts
    expect(await crawlOf(network, { hosts }, store).crawler.run()).toMatchObject({ failed: 12 })
    broken.clear()
    const { fetch, shortestGap } = watchedFetch(network.fetch)
    const sharedLimits = [{ hosts: '*.shared.example.net', requestsPerSecond: 40 }]
    const { crawler } = crawlOf(network, { hosts, fetch, sharedLimits }, store)
    expect(await onSteadyClock(() => crawler.run())).toMatchObject({ described: 12, failed: 0 })
    expect(shortestGap(isShared)).toBeGreaterThanOrEqual(25)
  })

  it('is asked for with others, a page at a time, so that a crash costs no more than a page', async () => {
    await using made = await networkOf({ name: HOST, repos: 60 })
    const { network, broken, dids } = made
    for (const did of dids.filter((_, i) => i % 2 === 0)) broken.add(did)
    const store = memoryStore()
    expect(await crawlOf(network, {}, store).crawler.run()).toMatchObject({ failed: 30 })
    for (const did of dids.slice(10)) broken.delete(did)
    const { crawler, told } = crawlOf(network, { pageSize: 12 }, store)
    expect(await crawler.run()).toMatchObject({ described: 25, failed: 5 })
    expect(told('page').map(({ described, failed }) => [described + failed])).toEqual([[12], [12], [6]])
    expect(await crawler.status()).toMatchObject({ failedRepos: 5 })
    // A host that is down is not asked page by page.
    broken.clear()
    network.change(HOST, { down: 521 })
    const { requests } = network.asked(HOST)
    expect(await crawlOf(network, { pageSize: 1 }, store).crawler.run()).toMatchObject({ failed: 5 })
    expect(network.asked(HOST).requests - requests).toBeLessThanOrEqual(3)
  })

  it('stays and is told, at once, where what was read of it cannot be written', async () => {
    await using made = await networkOf({ name: HOST, repos: 10 })
    const { network, broken, dids } = made
    for (const did of dids.slice(3, 6)) broken.add(did)
    const store = memoryStore()
    let isFull = false
    const add: IndexSink['add'] = (...call) =>
      isFull ? Promise.reject(new Error('disk full')) : store.sink.add(...call)
    const options = {
      // Longer than any test.
      setAsideMs: 1_800_000,
      onEvent(event: CrawlEvent) {
        if (event.type !== 'page' || !event.completed) return
        isFull = true
        broken.clear()
      },
    }
    const { crawler, told } = crawlOf(network, { ...options, store: { ...store, sink: { add } } })
    expect(await crawler.run()).toMatchObject({ completed: 1, described: 7, failed: 3 })
    expect(told('repoFailed').filter(({ willRetry }) => !willRetry)).toMatchObject(
      dids.slice(3, 6).map(() => ({ host: HOST, error: { message: 'disk full' } })),
    )
    isFull = false
    expect(await crawlOf(network, {}, store).crawler.run()).toMatchObject({ described: 3, failed: 0 })
  })

  it('stays where its host is down by then', async () => {
    await using made = await networkOf({ name: HOST, repos: 10 })
    const { network, broken, dids } = made
    broken.add(dids[3] ?? '')
    const store = memoryStore()
    const { crawler, told } = crawlOf(
      network,
      { onEvent: ({ type }) => type === 'page' && network.change(HOST, { down: 521 }) },
      store,
    )
    expect(await crawler.run()).toMatchObject({ completed: 1, failed: 1 })
    expect(told('hostFailed')).toEqual([])
    network.change(HOST, { down: false })
    broken.clear()
    expect(await crawlOf(network, {}, store).crawler.run()).toMatchObject({ described: 1, failed: 0 })
  })
})

describe('repos that failed', () => {
  const patience = { wait: <T>(call: () => Promise<T>) => call() }
  const kept = { host: HOST, dids: ['did:web:a.example'] }
  const rowsOf = async ({ progress }: MemoryStore) => progress.list({ relay: FAILED_REPOS })

  it('hold nothing up where the crawl is stopped while they are kept', async () => {
    const store = memoryStore()
    const stop = new AbortController()
    const wait = () => {
      stop.abort(new Error('enough'))
      return Promise.reject(stop.signal.reason)
    }
    const parts = { ...store, patience: { wait }, leaseMs: 60_000, signal: stop.signal }
    await expect(keepFailedRepos(HOST, kept, parts)).rejects.toThrow('enough')
    expect(await rowsOf(store)).toMatchObject([{ state: 'pending' }])
  })

  it('are kept all the same where the claim on their row is lost meanwhile', async () => {
    const store = memoryStore()
    const { signal } = new AbortController()
    let calls = 0
    const wait = async <T>(call: () => Promise<T>) => {
      calls += 1
      // As where the store was away for longer than a lease, and another crawl had the row.
      if (calls === 1) await store.progress.cancel(FAILED_REPOS, [HOST])
      if (calls === 1) await store.progress.retryFailed(FAILED_REPOS, [HOST])
      return call()
    }
    const parts = { ...store, patience: { wait }, leaseMs: 60_000, signal }
    expect(await keepFailedRepos(HOST, kept, parts)).toBe(true)
    expect(calls).toBe(2)
    const [row] = await rowsOf(store)
    expect(failedReposFrom(row?.cursor)).toEqual(new Map([[HOST, kept.dids]]))
  })

  it('are counted in all rows that have repos of their host', async () => {
    const store = memoryStore()
    const { signal } = new AbortController()
    const parts = { ...store, patience, leaseMs: 60_000, signal }
    await store.progress.register(HOSTS, [{ nsid: HOST }])
    await keepFailedRepos(HOST, kept, parts)
    await keepFailedRepos(
      '*.example.net',
      { host: HOST, dids: ['did:web:a.example', 'did:web:b.example'] },
      parts,
    )
    expect(crawlStatusOf(await store.progress.list())).toMatchObject({
      failedRepos: 2,
      hosts: [{ host: HOST, failedRepos: 2 }],
    })
  })

  it('are kept up to a bound', async () => {
    const { progress } = memoryStore()
    const { signal } = new AbortController()
    const keep = (host: string, dids: readonly string[]) =>
      keepFailedRepos('*.example', { host, dids }, { progress, patience, leaseMs: 1_000, signal })
    const many = Array.from({ length: 4_000 }, (_, i) => `did:plc:${String(i).padStart(24, 'a')}`)
    expect(await keep('a.example', many)).toBe(false)
    expect(await keep('a.example', many.slice(0, 3))).toBe(true)
    expect(await keep('b.example', many.slice(2, 4))).toBe(true)
    expect(await keep('a.example', many.slice(1, 5))).toBe(true)
    const [row] = await progress.list({ relay: FAILED_REPOS })
    expect(failedReposFrom(row?.cursor)).toEqual(
      new Map([
        ['a.example', many.slice(0, 5)],
        ['b.example', many.slice(2, 4)],
      ]),
    )
  })
})
