import { describe, expect, it } from 'vitest'
import {
  createBackfiller,
  type IndexSink,
  knownCollections,
  type ProgressStore,
  RelayUnsuitableError,
  relayLister,
} from '../../src/index.ts'
import { kyselyIndexSink, kyselyProgressStore, migrateToLatest } from '../../src/kysely/index.ts'
import { memoryIndexSink } from '../../src/memory/memory-index-sink.ts'
import { memoryProgressStore } from '../../src/memory/memory-store.ts'
import { type Fault, startRelay } from '../../src/testing/index.ts'
import { databases, differences, NONE, PROFILE, pageCount, playUntil, quick } from '../support/e2e.ts'

const LIKE = 'app.bsky.feed.like'
const POST = 'app.bsky.feed.post'
const PAGE = 100
const collections = { [PROFILE]: 1, [LIKE]: 1_050, [POST]: 500 }
const walked = [LIKE, POST]

function start(relayUrl: string, { sink, progress }: { sink: IndexSink; progress: ProgressStore }) {
  return createBackfiller({
    relay: relayLister(relayUrl, { pageSize: PAGE }),
    collections: [knownCollections(walked)],
    store: { sink, progress },
    concurrency: 1,
    // An event for each page.
    pagesAhead: 1,
    retry: quick,
  })
}

describe.each(databases)('a relay that is swapped for another host, on $kind,', ({ create }) => {
  it('never sees the cursors of the first, which goes on there when it is back', async () => {
    await using database = await create()
    // Each with cursors of its own, which the other would take for another place or collection.
    await using first = await startRelay({ collections, seed: 1 })
    await using second = await startRelay({ collections, seed: 2 })
    const { db } = database
    await migrateToLatest(db)
    const stores = { sink: kyselyIndexSink(db), progress: kyselyProgressStore(db) }
    const rowsOf = ({ url }: { url: string }) => stores.progress.list({ relay: url })

    await playUntil(start(first.url, stores), ({ pages: page }) => page === 3)
    const left = await rowsOf(first)
    expect(left.map(({ state }) => state)).toEqual(['pending', 'pending'])
    expect(left[0]?.pages).toBeGreaterThanOrEqual(3)
    expect(left[0]?.cursor).toBe(first.cursorAt(LIKE, (left[0]?.pages ?? 0) * PAGE))

    await start(second.url, stores).run()
    for (const collection of walked) {
      const asked = second.requestsOf(collection)
      const cursors = Array.from({ length: pageCount(second.size(collection), PAGE) }, (_, page) =>
        page === 0 ? undefined : second.cursorAt(collection, page * PAGE),
      )
      expect(asked.map(({ cursor }) => cursor)).toEqual([...cursors, undefined])
    }
    expect(await rowsOf(first)).toEqual(left)
    expect(await rowsOf(second)).toMatchObject(
      walked.map((collection) => ({
        collection,
        state: 'complete',
        imported: second.size(collection),
      })),
    )

    const before = first.requestsOf(LIKE).length
    await start(first.url, stores).run()
    expect(first.requestsOf(LIKE)[before + 1]?.cursor).toBe(left[0]?.cursor)
    const held = [first, second].map((relay) => ({ ...relay, collections: walked }))
    expect(await differences(db, ...held)).toEqual(NONE)
  })
})

const EMPTY: Fault = { status: 200, body: { repos: [] } }

const unsuitable: { what: string; answer: Fault; reason: string }[] = [
  { what: 'an empty relay', answer: EMPTY, reason: 'empty' },
  { what: 'a 404', answer: { status: 404, body: { error: 'Not Found' } }, reason: 'no-method' },
  {
    what: 'a 404 without a name',
    answer: { status: 404, body: { message: 'Not Found' } },
    reason: 'no-method',
  },
  { what: 'a 400', answer: { status: 400, body: { error: 'InvalidRequest' } }, reason: 'no-method' },
  {
    what: "a proxy's 403",
    answer: { status: 403, headers: { 'content-type': 'text/plain' }, body: 'forbidden' },
    reason: 'no-method',
  },
  { what: 'a 501', answer: { status: 501 }, reason: 'no-method' },
]

describe('a relay that cannot serve a backfill', () => {
  it.each(unsuitable)('ends the run with its first answer: $what', async ({ answer, reason }) => {
    await using relay = await startRelay({ collections, script: () => answer })
    const stores = { sink: memoryIndexSink(), progress: memoryProgressStore() }
    const error: unknown = await start(relay.url, stores)
      .run()
      .catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(RelayUnsuitableError)
    expect(error).toMatchObject({ code: 'RELAY_UNSUITABLE', reason, relay: relay.url })
    expect(relay.requests).toHaveLength(1)
    expect(await stores.progress.list()).toEqual([])
    expect(stores.sink.pairs.size).toBe(0)
  })

  it.each(databases)(
    'completes nothing of what an earlier run left half done, on $kind',
    async ({ create }) => {
      await using database = await create()
      let answer: Fault | undefined
      await using relay = await startRelay({ collections, script: () => answer })
      await migrateToLatest(database.db)
      const stores = { sink: kyselyIndexSink(database.db), progress: kyselyProgressStore(database.db) }
      await playUntil(start(relay.url, stores), ({ pages: page }) => page === 2)
      const left = await stores.progress.list()
      expect(left[0]).toMatchObject({ collection: LIKE, state: 'pending' })

      answer = EMPTY
      await expect(start(relay.url, stores).run()).rejects.toThrow(RelayUnsuitableError)
      expect(await stores.progress.list()).toEqual(left)

      answer = undefined
      await start(relay.url, stores).run()
      expect(await differences(database.db, { ...relay, collections: walked })).toEqual(NONE)
    },
  )
})
