import { expect, it } from 'vitest'
import { createBackfiller, knownCollections, relayLister } from '../../src/index.ts'
import { kyselyIndexSink, kyselyProgressStore, migrateToLatest } from '../../src/kysely/index.ts'
import { memoryIndexSink } from '../../src/memory/memory-index-sink.ts'
import { memoryProgressStore } from '../../src/memory/memory-store.ts'
import { createPostgres } from '../support/databases.ts'
import { differences, NONE, PROFILE, pageCount } from '../support/e2e.ts'
import { sharedWay } from '../support/e2e-shared-way.ts'
import { startOfficialRelay } from '../support/official-relay.ts'

const collections = {
  [PROFILE]: 4_321,
  'app.bsky.feed.like': 9_000,
  'app.bsky.feed.post': 2_000,
  'com.example.more.camelCase': 1,
  'com.example.empty': 0,
  'com.example.twiceFull': 4_000,
}

/** The global fetch, with a note of each answer's status. */
function noting(statuses: number[]): typeof globalThis.fetch {
  return async (input, init) => {
    const response = await fetch(input, init)
    statuses.push(response.status)
    return response
  }
}

it('sends nothing that the official server library refuses, and gets everything', async () => {
  await using postgres = await createPostgres()
  await using relay = await startOfficialRelay({ collections })
  await migrateToLatest(postgres.db)
  for (const pageSize of [2_000, 1_000, 1]) {
    const statuses: number[] = []
    const walked = pageSize === 1 ? ['com.example.more.camelCase'] : Object.keys(collections)
    const progress = kyselyProgressStore(postgres.db, { schema: `pages_of_${pageSize}` })
    await migrateToLatest(postgres.db, { schema: `pages_of_${pageSize}` })
    await createBackfiller({
      relay: relayLister(relay.url, { pageSize, fetch: noting(statuses) }),
      collections: [knownCollections(walked)],
      store: { sink: kyselyIndexSink(postgres.db), progress },
    }).run()
    const pages = walked.map((nsid) => pageCount(relay.size(nsid), pageSize))
    // And the first page again of several, and the check before the run.
    const requests = pages.reduce((sum, count) => sum + (count > 1 ? count + 1 : count), 1)
    expect(statuses).toEqual(Array(requests).fill(200))
    expect(await differences(postgres.db, relay)).toEqual(NONE)
  }
})

it("lives through the official rate limiter's refusals, and never asks earlier than told", async () => {
  await using relay = await startOfficialRelay({ collections, rateLimit: { points: 40, durationMs: 2_000 } })
  const way = sharedWay(relay.url, 2, 500)
  const sink = memoryIndexSink()
  const progress = memoryProgressStore()
  const walked = Object.keys(collections)
  const sources = [knownCollections(walked)]
  const retry = { minDelayMs: 1 }
  await createBackfiller({ relay: way.lister, collections: sources, store: { sink, progress }, retry }).run()

  for (const nsid of walked) expect([...(sink.pairs.get(nsid) ?? [])]).toEqual([...relay.dids(nsid)])
  expect((await progress.list()).map(({ attempts, lastError }) => [attempts, lastError])).toEqual(
    walked.map(() => [0, undefined]),
  )
  expect(way.visits).toBe(2)
  expect(new Set(way.exchanges.map(({ status }) => status))).toEqual(new Set([200, 429]))
  const refusals = way.exchanges.filter(({ status }) => status === 429)
  // No more than were on their way with each other: everybody waits for what one was told.
  expect(refusals.length).toBeLessThanOrEqual(way.visits * 4)
  for (const { answeredAt, retryAfterMs } of refusals) {
    expect(retryAfterMs).toBeGreaterThan(0)
    const told = way.toldAt.find((at) => at >= answeredAt) ?? Number.NaN
    const later = way.exchanges.filter(({ begunAt }) => begunAt > told)
    expect(Math.min(...later.map(({ begunAt }) => begunAt)) - answeredAt).toBeGreaterThanOrEqual(retryAfterMs)
  }
})
