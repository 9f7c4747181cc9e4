import { AtpAgent } from '@atproto/api'
import { expect, it } from 'vitest'
import { createBackfiller, knownCollections, lexiconGarden, relayLister } from '../../src/index.ts'
import {
  collectionIndex,
  kyselyIndexSink,
  kyselyProgressStore,
  migrateToLatest,
} from '../../src/kysely/index.ts'
import { memoryProgressStore } from '../../src/memory/memory-store.ts'
import { xrpcHandler } from '../../src/server/index.ts'
import { startRelay } from '../../src/testing/index.ts'
import { createPostgres } from '../support/databases.ts'
import { databases, differences, NONE, PROFILE, quick } from '../support/e2e.ts'
import { serve } from '../support/serve.ts'

const collections = {
  [PROFILE]: 25_123,
  'app.bsky.feed.like': 20_000,
  'app.bsky.feed.post': 12_345,
  'com.example.more.camelCase': 1,
  'com.example.twiceFull': 4_000,
  'com.example.empty': 0,
  ...Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`com.example.tail.n${i}`, (i + 1) * 7])),
}

it.each(databases)(
  'a relay, its index in $kind, served and filled into another index: equal to the last pair',
  async ({ create }) => {
    await using relay = await startRelay({ collections })
    await using first = await create()
    await migrateToLatest(first.db)
    await createBackfiller({
      relay: relayLister(relay.url),
      collections: [lexiconGarden({ url: relay.gardenUrl })],
      store: { sink: kyselyIndexSink(first.db), progress: kyselyProgressStore(first.db) },
      retry: quick,
    }).run()
    expect(await differences(first.db, relay)).toEqual(NONE)

    await using served = await serve(xrpcHandler({ index: collectionIndex(first.db) }))
    await using second = await create()
    await migrateToLatest(second.db)
    const summary = await createBackfiller({
      relay: relayLister(served.url),
      collections: [knownCollections(Object.keys(collections))],
      store: { sink: kyselyIndexSink(second.db), progress: kyselyProgressStore(second.db) },
      retry: quick,
    }).run()
    const total = Object.values(collections).reduce((sum, size) => sum + size, 0)
    expect(summary).toMatchObject({ imported: total, added: total, invalid: 0 })
    expect(await differences(second.db, relay)).toEqual(NONE)
  },
)

it("the network's own client finds nothing wrong with an answer, and gets the whole list", async () => {
  await using relay = await startRelay({ collections })
  await using postgres = await createPostgres()
  await migrateToLatest(postgres.db)
  await createBackfiller({
    relay: relayLister(relay.url),
    collections: [knownCollections(Object.keys(collections))],
    store: { sink: kyselyIndexSink(postgres.db), progress: memoryProgressStore() },
    retry: quick,
  }).run()
  await using served = await serve(xrpcHandler({ index: collectionIndex(postgres.db) }))
  const { sync } = new AtpAgent({ service: served.url }).com.atproto

  for (const [collection, limit] of [
    [PROFILE, 2_000],
    ['com.example.twiceFull', 2_000],
    ['com.example.tail.n29', 1],
    ['com.example.empty', 500],
  ] as const) {
    const read: string[] = []
    let cursor: string | undefined
    do {
      const { data } = await sync.listReposByCollection({
        collection,
        limit,
        ...(cursor === undefined ? {} : { cursor }),
      })
      read.push(...data.repos.map(({ did }) => did))
      cursor = data.cursor
    } while (cursor !== undefined)
    expect(read, collection).toEqual([...relay.dids(collection)].sort())
  }

  // It sends what the lexicon forbids, and understands the refusal.
  const refused = sync.listReposByCollection({ collection: PROFILE, limit: 2_001 })
  await expect(refused).rejects.toMatchObject({ status: 400, error: 'InvalidRequest' })
  const foreign = (await sync.listReposByCollection({ collection: PROFILE, limit: 1 })).data.cursor ?? ''
  const misused = sync.listReposByCollection({ collection: 'app.bsky.feed.post', cursor: foreign })
  await expect(misused).rejects.toMatchObject({ status: 400, error: 'InvalidRequest' })
})
