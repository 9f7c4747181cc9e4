/**
 * One of several processes that share a crawl, whose options are in the first line of stdin. It says what happens in lines
 * of JSON on stdout, and ends with 0 when every host is complete.
 */
import { createCrawler, hostsOf, isBackfillError, type SharedLimit } from '../../src/index.ts'
import { openPostgres } from '../../src/postgres/index.ts'
import { networkFetch } from '../../src/testing/index.ts'
import { codeOf, runChild, sayLine } from './child.ts'

/** What a worker is told. */
export interface CrawlWorkerOptions {
  readonly databaseUrl: string
  readonly networkUrl: string
  readonly requestsPerSecond: number
  readonly sharedLimits: readonly SharedLimit[]
  readonly setAsideMs: number
  readonly maxAttempts: number
  readonly leaseMs: number
  readonly concurrency: number
  readonly pageSize: number
}

/** What it says. */
export type CrawlWorkerLine =
  | { readonly event: 'page'; readonly host: string; readonly described: number; readonly completed: boolean }
  | { readonly event: 'told'; readonly what: string }
  | { readonly event: 'memory'; readonly bytes: number }
  | {
      readonly event: 'ended'
      readonly code: string
      readonly error: string
      readonly hosts: readonly string[]
    }

const MEMORY_EVERY_MS = 250

const say = (line: CrawlWorkerLine) => sayLine(line)

async function crawl({ databaseUrl, networkUrl, ...options }: CrawlWorkerOptions): Promise<void> {
  const tellMemory = () => say({ event: 'memory', bytes: process.memoryUsage.rss() })
  setInterval(tellMemory, MEMORY_EVERY_MS).unref()
  await using store = await openPostgres(databaseUrl)
  const listed = hostsOf(networkUrl)
  const crawler = createCrawler({
    ...options,
    store,
    hosts: {
      name: 'the network',
      // Hosts that are down are to be found down, and not left out.
      async *hosts(reading) {
        for await (const { host, accounts } of listed.hosts(reading)) yield { host, accounts }
      },
    },
    fetch: networkFetch(networkUrl),
    retry: { retries: 2, minDelayMs: 50, maxDelayMs: 5_000 },
    onEvent({ type }) {
      if (
        ['hostFailed', 'claimLost', 'paused', 'repoFailed', 'hostLeftOut', 'storeUnavailable'].includes(type)
      )
        say({ event: 'told', what: type })
    },
  })
  for await (const { host, described, completed } of crawler)
    say({ event: 'page', host, described, completed })
  tellMemory()
}

runChild<CrawlWorkerOptions>(crawl, (error) =>
  say({
    event: 'ended',
    code: codeOf(error),
    error: error instanceof Error ? (error.stack ?? error.message) : String(error),
    hosts: isBackfillError(error, 'INCOMPLETE') ? error.hosts.map(({ host }) => host) : [],
  }),
)
