import { expect, it } from 'vitest'
import { createCrawler } from '../../src/crawl/crawler.ts'
import { openPostgres } from '../../src/postgres/index.ts'
import { type HostRequest, startNetwork } from '../../src/testing/index.ts'
import { createPostgres } from '../support/databases.ts'

const SHARED = { name: 'pds-#.shared.example.net', count: 2, repos: 15 }

it('repos that failed are kept in Postgres, crawl after crawl, until they are read; hosts move with their groups', async () => {
  const broken = new Set<string>()
  await using network = await startNetwork({
    hosts: [{ name: 'pds.example.net', repos: 30 }, SHARED],
    script: ({ path, did = '' }: HostRequest) =>
      path.endsWith('describeRepo') && broken.has(did) ? { status: 500 } : undefined,
  })
  for (const [i, { did }] of [...network.accounts()].entries()) if (i % 5 === 0) broken.add(did)
  await using postgres = await createPostgres()
  await using store = await openPostgres(postgres.url)
  const crawled = async (options: object = {}) => {
    const crawler = createCrawler({
      hosts: network.hosts,
      store,
      fetch: network.fetch,
      requestsPerSecond: 10_000,
      sharedLimits: [{ hosts: '*.shared.example.net', requestsPerSecond: 10_000 }],
      retry: { retries: 1, minDelayMs: 1, maxDelayMs: 20 },
      pageSize: 10,
      onEvent: () => {},
      ...options,
    })
    const { completed, described, failed } = await crawler.run()
    const { total, complete, failedRepos } = await crawler.status()
    return { completed, described, failed, status: [total, complete, failedRepos] }
  }
  expect(await crawled()).toEqual({ completed: 3, described: 48, failed: 12, status: [3, 3, 12] })
  expect(await crawled()).toEqual({ completed: 0, described: 0, failed: 12, status: [3, 3, 12] })
  const [one = ''] = broken
  broken.clear()
  broken.add(one)
  expect(await crawled()).toEqual({ completed: 0, described: 11, failed: 1, status: [3, 3, 1] })
  broken.clear()
  expect(await crawled()).toEqual({ completed: 0, described: 1, failed: 0, status: [3, 3, 0] })
  const changed = { sharedLimits: [] }
  expect(await crawled(changed)).toEqual({ completed: 0, described: 0, failed: 0, status: [3, 3, 0] })
  const anew = { ...changed, refreshAfterMs: 0 }
  expect(await crawled(anew)).toEqual({ completed: 3, described: 60, failed: 0, status: [3, 3, 0] })
  const { collections } = await store.index.listCollections({ limit: 100 })
  for (const { nsid } of collections) {
    const { dids } = await store.index.listRepos(nsid, { limit: 100 })
    expect(dids.toSorted()).toEqual([...network.dids(nsid)].toSorted())
  }
})
