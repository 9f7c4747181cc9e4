import type { IndexReposEvent, IndexReposSummary, RepoEvent } from '../../src/contracts/index-repos-events.ts'
import { indexRepos } from '../../src/crawl/index-repos.ts'
import type { IndexReposOptions } from '../../src/crawl/index-repos-options.ts'
import { memoryStore } from '../../src/memory/memory-store.ts'
import { startNetwork, type TestNetwork, type TestNetworkOptions } from '../../src/testing/index.ts'

export const POST = 'app.bsky.feed.post'
export const LIKE = 'app.bsky.feed.like'
export const BLOG = 'com.whtwnd.blog.entry'
export const HOST = 'pds.example'
export const WEB = 'did:web:alice.example'
export const FAST = {
  plcRequestsPerSecond: 10_000,
  requestsPerSecond: 10_000,
  retry: { retries: 2, minDelayMs: 1, maxDelayMs: 2 },
}

export async function networkOf(options: Partial<TestNetworkOptions> = {}): Promise<TestNetwork> {
  return startNetwork({ hosts: [{ name: HOST }], ...options })
}

/** What came of one run. */
interface Indexed {
  readonly store: ReturnType<typeof memoryStore>
  /** By DID. */
  readonly events: Readonly<Record<string, RepoEvent>>
  readonly told: readonly IndexReposEvent[]
  readonly summary: IndexReposSummary
}

export async function indexed(
  network: TestNetwork,
  repos: IndexReposOptions['repos'],
  options: Partial<IndexReposOptions> = {},
): Promise<Indexed> {
  const store = memoryStore()
  const events: Record<string, RepoEvent> = {}
  const told: IndexReposEvent[] = []
  const onEvent = (event: IndexReposEvent) => told.push(event)
  const run = indexRepos({ repos, store, fetch: network.fetch, ...FAST, onEvent, ...options })
  for await (const event of run) events[event.did] = event
  return { store, events, told, summary: run.summary }
}

/** The pairs of an index, as text. */
export async function pairsOf({ index }: ReturnType<typeof memoryStore>): Promise<string[]> {
  const { collections } = await index.listCollections({ limit: 10_000 })
  const pairs = await Promise.all(
    collections.map(async ({ nsid }) => {
      const { dids } = await index.listRepos(nsid, { limit: 10_000 })
      return dids.map((did) => `${nsid} ${did}`)
    }),
  )
  return pairs.flat()
}
