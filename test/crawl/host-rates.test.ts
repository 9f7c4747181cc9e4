import { describe, expect, it } from 'vitest'
import { indexRepos } from '../../src/crawl/index-repos.ts'
import { memoryStore } from '../../src/memory/memory-store.ts'
import { startNetwork } from '../../src/testing/index.ts'
import { crawlOf } from '../support/crawl.ts'

describe('a crawl and a run over given repos in one process', () => {
  it('keep the pace of a host together', async () => {
    await using network = await startNetwork({ hosts: [{ name: 'pds.example.net', repos: 30 }] })
    const { crawler } = crawlOf(network, { requestsPerSecond: 40 })
    const run = indexRepos({
      repos: Array.from(network.accounts(), ({ did }) => did),
      store: memoryStore(),
      fetch: network.fetch,
      requestsPerSecond: 40,
      plcRequestsPerSecond: 10_000,
    })
    await Promise.all([crawler.run(), run.run()])
    expect(run.summary.states.active + crawler.summary.described).toBe(60)
    expect(network.asked('pds.example.net').busiest(1000)).toBeLessThanOrEqual(41)
  })

  it('keep the pace of a group together', async () => {
    await using network = await startNetwork({
      hosts: [{ name: 'pds-#.shared.example.net', count: 3, repos: 10 }],
    })
    const sharedLimits = [{ hosts: '*.shared.example.net', requestsPerSecond: 40 }]
    const { crawler } = crawlOf(network, { sharedLimits })
    const run = indexRepos({
      repos: Array.from(network.accounts(), ({ did }) => did),
      store: memoryStore(),
      fetch: network.fetch,
      sharedLimits,
      plcRequestsPerSecond: 10_000,
    })
    await Promise.all([crawler.run(), run.run()])
    expect(run.summary.states.active + crawler.summary.described).toBe(60)
    expect(network.askedGroup('pds-#.shared.example.net').busiest(1000)).toBeLessThanOrEqual(41)
  })
})
