import { getEventListeners } from 'node:events'
import { describe, expect, it } from 'vitest'
import { hostPaces } from '../../src/crawl/host-paces.ts'
import { hostRates } from '../../src/crawl/host-rates.ts'
import { indexRepos } from '../../src/crawl/index-repos.ts'
import { memoryStore } from '../../src/memory/memory-store.ts'
import { startNetwork } from '../../src/testing/index.ts'
import { crawlOf } from '../support/crawl.ts'
import { onSteadyClock, watchedFetch } from '../support/let-go.ts'

describe('a crawl and a run over given repos in one process', () => {
  it('keep the pace of a host together', async () => {
    await using network = await startNetwork({ hosts: [{ name: 'pds.example.net', repos: 30 }] })
    const { fetch, shortestGap } = watchedFetch(network.fetch)
    const { crawler } = crawlOf(network, { fetch, requestsPerSecond: 40 })
    const run = indexRepos({
      repos: Array.from(network.accounts(), ({ did }) => did),
      store: memoryStore(),
      fetch,
      requestsPerSecond: 40,
      plcRequestsPerSecond: 10_000,
    })
    await onSteadyClock(() => Promise.all([crawler.run(), run.run()]))
    expect(run.summary.states.active + crawler.summary.described).toBe(60)
    expect(shortestGap((host) => host === 'pds.example.net')).toBeGreaterThanOrEqual(25)
  })

  it('keep the pace of a group together', async () => {
    await using network = await startNetwork({
      hosts: [{ name: 'pds-#.shared.example.net', count: 3, repos: 10 }],
    })
    const sharedLimits = [{ hosts: '*.shared.example.net', requestsPerSecond: 40 }]
    const { fetch, shortestGap } = watchedFetch(network.fetch)
    const { crawler } = crawlOf(network, { fetch, sharedLimits })
    const run = indexRepos({
      repos: Array.from(network.accounts(), ({ did }) => did),
      store: memoryStore(),
      fetch,
      sharedLimits,
      plcRequestsPerSecond: 10_000,
    })
    await onSteadyClock(() => Promise.all([crawler.run(), run.run()]))
    expect(run.summary.states.active + crawler.summary.described).toBe(60)
    expect(shortestGap((host) => host.endsWith('.shared.example.net'))).toBeGreaterThanOrEqual(25)
  })
})

it('the paces of many hosts leave nothing on the signal of their run, which may outlive them', () => {
  const { signal } = new AbortController()
  const paused: string[] = []
  const onPause = (host: string) => paused.push(host)
  const paces = hostPaces({ requestsPerSecond: 8, groups: [], rates: hostRates(), onPause }, signal)
  for (const host of ['a.example', 'b.example']) paces.of(host, `https://${host}`)
  expect(getEventListeners(signal, 'abort')).toEqual([])
})
