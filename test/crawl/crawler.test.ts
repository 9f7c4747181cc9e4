import { describe, expect, it } from 'vitest'
import type { CrawlEvent } from '../../src/contracts/crawl-events.ts'
import type { CrawlOptions } from '../../src/crawl/crawl-options.ts'
import { createCrawler } from '../../src/crawl/crawler.ts'
import { hostsOf } from '../../src/crawl/hosts-of.ts'
import { memoryStore } from '../../src/index.ts'
import { startNetwork, type TestNetwork } from '../../src/testing/index.ts'

/** Quick, and without waits of their own. */
function crawlOf(network: TestNetwork, options: Partial<CrawlOptions> = {}) {
  const store = memoryStore()
  const events: CrawlEvent[] = []
  const crawler = createCrawler({
    hosts: hostsOf(network.url),
    store,
    fetch: network.fetch,
    requestsPerSecond: 10_000,
    retry: { retries: 1, minDelayMs: 1, maxDelayMs: 20 },
    setAsideMs: 0,
    onEvent: (event) => events.push(event),
    ...options,
  })
  const tell = <Type extends CrawlEvent['type']>(type: Type) =>
    events.filter((event): event is Extract<CrawlEvent, { type: Type }> => event.type === type)
  return { crawler, store, events, tell }
}

/** What the index holds, and what the hosts do. */
function pairsOf(network: TestNetwork, collections: Iterable<string>) {
  return Object.fromEntries(Array.from(collections, (nsid) => [nsid, [...network.dids(nsid)].sort()]))
}

function heldBy(store: ReturnType<typeof memoryStore>) {
  return Object.fromEntries(Array.from(store.sink.pairs, ([nsid, dids]) => [nsid, [...dids].sort()]))
}

const STATES = { deactivated: 0.1, takendown: 0.05, suspended: 0.05 }

describe('a crawl', () => {
  it('brings what the hosts hold, and tells it page by page', async () => {
    await using network = await startNetwork({
      hosts: [{ name: 'pds-#.example.net', count: 6, repos: (place) => 25 * place }],
      states: STATES,
    })
    const { crawler, store, tell } = crawlOf(network, { pageSize: 20 })
    let added = 0
    for await (const page of crawler) added += page.added ?? 0
    expect(heldBy(store)).toEqual(pairsOf(network, store.sink.pairs.keys()))
    const { summary } = crawler
    expect(summary).toMatchObject({ completed: 6, leftOut: 0, failed: 0, absent: 0, added, pairs: added })
    expect(summary.described + summary.inactive).toBe(25 * (1 + 2 + 3 + 4 + 5))
    expect(tell('hosts')).toEqual([{ type: 'hosts', hosts: 6, accounts: 375, leftOut: 0 }])
    expect(await crawler.status()).toMatchObject({ total: 6, complete: 6, repos: summary.described })
  })
})
