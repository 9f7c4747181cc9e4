import { setImmediate } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { relayLister } from '../../src/index.ts'
import { collectionIndex, kyselyIndexSink, migrateToLatest } from '../../src/kysely/index.ts'
import { xrpcHandler } from '../../src/server/index.ts'
import type { TestKysely } from '../support/databases.ts'
import { databases } from '../support/e2e.ts'
import { serve } from '../support/serve.ts'
import { didsFrom, SOURCE } from '../support/store-steps.ts'

const COLLECTION = 'app.bsky.feed.post'
const STEADY = didsFrom(0, 5_000)

/** Repos that come and go, between those that stay. */
const FLEETING = STEADY.slice(0, 1_000).map(
  (did, i) => `${did.slice(0, -3)}${i.toString(36).padStart(3, 'z')}`,
)

interface LiveFeed {
  /** How many repos came and how many went so far. */
  readonly changes: { added: number; removed: number }
  /** Waits until a repo has come or gone since the last call. */
  moved(): Promise<void>
  stop(): Promise<void>
}

/** Repos come and go, as fast as the database takes it, until it is told to stop. */
function startFeed(db: TestKysely): LiveFeed {
  const changes = { added: 0, removed: 0 }
  const sink = kyselyIndexSink(db)
  const index = collectionIndex(db)
  let stopped = false
  async function feed(): Promise<void> {
    for (let i = 0; !stopped; i += 7) {
      const dids = Array.from({ length: 5 }, (_, n) => FLEETING[(i + n * 131) % FLEETING.length] ?? '')
      changes.added += (await sink.add({ relay: SOURCE, collection: COLLECTION, dids }))?.added ?? 0
      const gone = FLEETING[(i * 3) % FLEETING.length] ?? ''
      const { removed } = i % 2 === 0 ? await index.remove(COLLECTION, gone) : await index.removeRepo(gone)
      changes.removed += removed
      // PGlite answers within the process, and without a turn of the event loop nobody else is served.
      await setImmediate()
    }
  }
  const feeding = feed()
  let seen = 0
  return {
    changes,
    async moved() {
      while (changes.added + changes.removed === seen) await setImmediate()
      seen = changes.added + changes.removed
    },
    async stop() {
      stopped = true
      await feeding
    },
  }
}

it.each(databases)(
  'reading on $kind while repos come and go misses none that stays, and gives none twice',
  async ({ create }) => {
    await using database = await create()
    await migrateToLatest(database.db)
    await kyselyIndexSink(database.db).add({ relay: SOURCE, collection: COLLECTION, dids: STEADY })
    await using served = await serve(xrpcHandler({ index: collectionIndex(database.db) }))
    const lister = relayLister(served.url, { pageSize: 100 })
    const feed = startFeed(database.db)
    const known = new Set([...STEADY, ...FLEETING])
    try {
      for (let round = 1; round <= 3; round += 1) {
        const before = { ...feed.changes }
        const read: string[] = []
        let cursor: string | undefined
        do {
          const page = await lister.listRepos({ collection: COLLECTION, cursor })
          read.push(...page.dids)
          cursor = page.cursor
          await feed.moved()
        } while (cursor !== undefined)
        expect(feed.changes.added).toBeGreaterThan(before.added)
        expect(feed.changes.removed).toBeGreaterThan(before.removed)
        const found = new Set(read)
        expect(read.length - found.size).toBe(0)
        expect(STEADY.filter((did) => !found.has(did))).toEqual([])
        expect(read.filter((did) => !known.has(did))).toEqual([])
      }
    } finally {
      await feed.stop()
    }
  },
)
