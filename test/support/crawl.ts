import type { CrawlEvent } from '../../src/contracts/crawl-events.ts'
import {
  type Crawler,
  type CrawlOptions,
  createCrawler,
  hostsOf,
  type MemoryStore,
  memoryStore,
} from '../../src/index.ts'
import type { TestNetwork } from '../../src/testing/index.ts'

type Told = <Type extends CrawlEvent['type']>(type: Type) => Extract<CrawlEvent, { type: Type }>[]

interface TestCrawl {
  readonly crawler: Crawler
  readonly store: MemoryStore
  /** The events of a type, so far. */
  readonly told: Told
}

/** A crawl of a test network that is quick, and has no waits of its own. */
export function crawlOf(
  network: TestNetwork,
  options: Partial<CrawlOptions> = {},
  store: MemoryStore = memoryStore(),
): TestCrawl {
  const events: CrawlEvent[] = []
  const crawler = createCrawler({
    hosts: hostsOf(network.url),
    store,
    fetch: network.fetch,
    requestsPerSecond: 10_000,
    retry: { retries: 1, minDelayMs: 1, maxDelayMs: 20 },
    setAsideMs: 0,
    ...options,
    onEvent(event) {
      events.push(event)
      options.onEvent?.(event)
    },
  })
  const told: Told = (type) =>
    events.filter((event): event is Extract<CrawlEvent, { type: typeof type }> => event.type === type)
  return { crawler, store, told }
}

/** What the hosts hold of these collections. */
export function pairsOf(network: TestNetwork, collections: Iterable<string>): Record<string, string[]> {
  return Object.fromEntries(Array.from(collections, (nsid) => [nsid, [...network.dids(nsid)].sort()]))
}

/** What the index holds. */
export function heldBy({ sink }: MemoryStore): Record<string, string[]> {
  return Object.fromEntries(Array.from(sink.pairs, ([nsid, dids]) => [nsid, [...dids].sort()]))
}
