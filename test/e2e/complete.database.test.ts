import { describe, expect, it } from 'vitest'
import { createBackfiller, knownCollections, lexiconGarden, relayLister } from '../../src/index.ts'
import {
  kyselyIndexSink,
  kyselyProgressStore,
  migrateToLatest,
  observedCollections,
} from '../../src/kysely/index.ts'
import { startRelay, type TestRelay } from '../../src/testing/index.ts'
import type { TestKysely } from '../support/databases.ts'
import { databases, differences, NONE, PROFILE, pageCount, quick } from '../support/e2e.ts'

const PAGE = 1_000
const OBSERVED = 'com.example.seen.onTheFirehose'
/** In the directory, but no collection: a query. */
const QUERY = 'com.atproto.sync.getRepo'

/** Sizes around the page size, in the directory; a tail of many small ones, known by hand; one that only the index knows. */
const edges = {
  [PROFILE]: 30_123,
  'app.bsky.feed.post': 12_345,
  'com.example.empty': 0,
  'com.example.one': 1,
  'com.example.almostFull': PAGE - 1,
  'com.example.full': PAGE,
  'com.example.fullAndOne': PAGE + 1,
  'com.example.twiceFull': 2 * PAGE,
  'com.example.fiveTimesFull': 5 * PAGE,
}
const tail = Object.fromEntries(
  Array.from({ length: 40 }, (_, i) => [`com.example.tail.n${i}`, Math.floor(4_000 / (i + 1) ** 1.5)]),
)
const collections: Record<string, number> = { ...edges, ...tail, [OBSERVED]: 2_500 }
const registered = [...Object.keys(collections), QUERY]

const walkOf = (relay: TestRelay) =>
  relay.requests.filter(({ path }) => path.endsWith('listReposByCollection'))

function setUp(db: TestKysely, relay: TestRelay) {
  const lister = relayLister(relay.url, { pageSize: PAGE })
  const sink = kyselyIndexSink(db)
  const progress = kyselyProgressStore(db)
  const sources = [
    lexiconGarden({ url: relay.gardenUrl }),
    knownCollections(Object.entries(tail).map(([nsid, estimatedRepos]) => ({ nsid, estimatedRepos }))),
    observedCollections(db),
  ]
  return {
    lister,
    sink,
    progress,
    start: () =>
      createBackfiller({ relay: lister, store: { sink, progress }, collections: sources, retry: quick }),
  }
}

describe.each(databases)('a backfill into $kind', ({ create }) => {
  it('makes the index equal to the relay, and a second run fetches nothing', async () => {
    await using database = await create()
    await using relay = await startRelay({ collections, garden: [...Object.keys(edges), QUERY] })
    await migrateToLatest(database.db)
    const { sink, progress, lister, start } = setUp(database.db, relay)
    const [seen = ''] = relay.dids(OBSERVED)
    await sink.add({ relay: 'the live feed', collection: OBSERVED, dids: [seen] })

    const sizes = registered.map((nsid) => relay.size(nsid))
    const total = sizes.reduce((sum, size) => sum + size, 0)
    const pages = sizes.reduce((sum, size) => sum + pageCount(size, PAGE), 0)
    expect(await start().run()).toMatchObject({
      relays: [{ relay: lister.relay }],
      completed: registered.length,
      pages,
      imported: total,
      added: total - 1,
      invalid: 0,
    })
    expect(await differences(database.db, relay)).toEqual(NONE)
    const rows = await progress.list()
    expect(rows).toEqual(
      registered.sort().map((collection) =>
        expect.objectContaining({
          relay: lister.relay,
          collection,
          state: 'complete',
          cursor: undefined,
          pages: pageCount(relay.size(collection), PAGE),
          imported: relay.size(collection),
          invalid: 0,
          attempts: 0,
          lastError: undefined,
          completedAt: expect.any(Date),
        }),
      ),
    )

    const before = walkOf(relay).length
    expect(await start().run()).toMatchObject({ completed: 0, pages: 0, imported: 0, added: 0 })
    // The check before the run, and nothing else.
    const after = walkOf(relay).slice(before)
    expect(after.map(({ collection, cursor }) => [collection, cursor])).toEqual([[PROFILE, undefined]])
    expect(await progress.list()).toEqual(rows)
  })

  it('asks for each page once, in order, by the cursor that came before it, and for the first before the end of several', async () => {
    await using database = await create()
    await using relay = await startRelay({ collections: { [PROFILE]: 1, ...tail } })
    await migrateToLatest(database.db)
    await setUp(database.db, relay).start().run()
    for (const collection of Object.keys(tail)) {
      const asked = relay.requestsOf(collection)
      const pages = Array.from({ length: pageCount(relay.size(collection), PAGE) }, (_, page) => page * PAGE)
      expect(asked.map(({ offset }) => offset)).toEqual(pages.length > 1 ? [...pages, 0] : pages)
      expect(asked.map(({ cursor }) => cursor)).toEqual(
        asked.map(({ offset }) => (offset ? relay.cursorAt(collection, offset) : undefined)),
      )
    }
    expect(relay.maxInFlight).toBeLessThanOrEqual(6)
  })

  it('sends a cursor of any form back as it came, also from what was saved', async () => {
    const cursors = ['a+b/c==', 'a b&limit=1#x?%2B%', '"\'\\; --', 'ключ🔑', '0', 'null', ' ', '../..']
    const dids = cursors.map((_, i) => `did:web:r${i}.example`)
    const asked: (string | undefined)[] = []
    await using database = await create()
    await using relay = await startRelay({
      collections: { [PROFILE]: 1, 'com.example.odd': dids },
      script: ({ collection, cursor }) => {
        if (collection !== 'com.example.odd') return undefined
        asked.push(cursor)
        const page = cursor === undefined ? 0 : cursors.indexOf(cursor) + 1
        return {
          status: 200,
          body: { repos: page < dids.length ? [{ did: dids[page] }] : [], cursor: cursors[page] },
        }
      },
    })
    await migrateToLatest(database.db)
    const { lister, sink, progress } = setUp(database.db, relay)
    const sources = [knownCollections([PROFILE, 'com.example.odd'])]
    // A run for each page: every cursor goes through the database.
    for (let finished = false; !finished; ) {
      const backfiller = createBackfiller({
        relay: lister,
        store: { sink, progress },
        collections: sources,
        retry: quick,
        concurrency: 1,
      })
      await backfiller.next()
      await backfiller.return()
      finished = (await backfiller.status()).complete === 2
    }
    expect(new Set(asked)).toEqual(new Set([undefined, ...cursors]))
    expect(await differences(database.db, relay)).toEqual(NONE)
  })
})
