import { DatabaseSync } from 'node:sqlite'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { sqliteStore } from '../../examples/custom-store.ts'
import { type IndexSink, type ProgressStore, progressStoreOn } from '../../src/index.ts'
import { kyselyIndexSink, kyselyProgressStore, migrateToLatest } from '../../src/kysely/index.ts'
import { memoryIndexSink } from '../../src/memory/memory-index-sink.ts'
import { memoryProgressRows } from '../../src/memory/memory-progress-rows.ts'
import { memoryProgressStore } from '../../src/memory/memory-store.ts'
import { openSqlite } from '../../src/sqlite/index.ts'
import { createPGlite, createPostgres, type TestDatabase } from '../support/databases.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { interleavings, play } from './progress-model.ts'

/** A memory store does not share a transaction, so a sink of its own keeps what a failed page wrote: it takes it back. */
function memoryStores(progress: ProgressStore = memoryProgressStore()) {
  const committed = memoryIndexSink()
  const database = {}
  const sink: IndexSink = { database, add: async () => ({ added: 0 }) }
  const transactional: ProgressStore = {
    ...progress,
    database,
    async advance(claim, page, write) {
      const pending: Parameters<IndexSink['add']>[] = []
      sink.add = async (...parameters) => {
        pending.push(parameters)
        return { added: 0 }
      }
      const advanced = await progress.advance(claim, page, write)
      for (const parameters of pending) await committed.add(...parameters)
      return advanced
    },
  }
  const readPairs = async () =>
    new Set(
      [...committed.pairs].flatMap(([collection, dids]) => [...dids].map((did) => `${collection} ${did}`)),
    )
  return { progress: transactional, sink, readPairs }
}

/** One store whose calls go to several in turn, as those of several processes. */
function inTurns(stores: readonly ProgressStore[]): ProgressStore {
  let calls = 0
  return new Proxy(memoryProgressStore(), {
    get(whole, name: keyof ProgressStore) {
      if (typeof whole[name] !== 'function') return whole[name]
      return (...parameters: unknown[]) => {
        const store = stores[calls++ % stores.length]
        return Reflect.apply(store?.[name] as () => unknown, store, parameters)
      }
    },
  })
}

describe('a progress store keeps its promise in every interleaving of claim, advance, renew, release, retryFailed, reset, expiry and crash', () => {
  it.each([1, 3])('memory, with %i instances on the same rows', async (count) => {
    const property = fc.asyncProperty(interleavings, (commands) => {
      const rows = memoryProgressRows()
      const instances = Array.from({ length: count }, () => progressStoreOn(rows))
      return play(commands, memoryStores(inTurns(instances)))
    })
    await fc.assert(property, { numRuns: 400 })
  })

  it('rows as JSON in SQLite, with the pairs in the same transaction', async () => {
    const property = fc.asyncProperty(interleavings, async (commands) => {
      using db = new DatabaseSync(':memory:')
      const stores = sqliteStore(db)
      const readPairs = async () => {
        const pairs = db.prepare('select collection, did from pair').all()
        return new Set(pairs.map(({ collection, did }) => `${collection} ${did}`))
      }
      await play(commands, { ...stores, readPairs })
    })
    await fc.assert(property, { numRuns: 100 })
  })

  it('a file of SQLite, by two stores in turn that are as two processes', async () => {
    await using folder = await temporaryFolder()
    let files = 0
    const property = fc.asyncProperty(interleavings, async (commands) => {
      files += 1
      const file = `${folder.path}/${files}.sqlite`
      const stores = [await openSqlite(file), await openSqlite(file)] as const
      const [{ sink, observed, index }] = stores
      const readPairs = async () => {
        const pairs = new Set<string>()
        for await (const { nsid } of observed.collections())
          for (const did of (await index.listRepos(nsid, { limit: 10_000 })).dids) pairs.add(`${nsid} ${did}`)
        return pairs
      }
      // The transaction of a store is for its own sink: each commits by itself, and looks at the rows of both.
      const [{ progress }, other] = stores
      const looking = inTurns([progress, other.progress])
      const shared = {
        ...progress,
        list: looking.list,
        remaining: looking.remaining,
        release: looking.release,
      }
      await play(commands, {
        progress: { ...shared, claim: looking.claim, renew: looking.renew },
        sink,
        readPairs,
      })
      await Promise.all(stores.map((store) => store.close()))
    })
    await fc.assert(property, { numRuns: 60 })
  })

  describe.each([
    ['PGlite', createPGlite],
    ['Postgres', createPostgres],
  ])('%s', (_, create) => {
    let database: TestDatabase
    beforeAll(async () => {
      database = await create()
      await migrateToLatest(database.db)
    })
    afterAll(() => database[Symbol.asyncDispose]())

    it('with the pairs in the same transaction', async () => {
      const { db } = database
      const readPairs = async () => {
        const rows = await db.selectFrom('collection_index').selectAll().execute()
        return new Set(rows.map(({ collection, did }) => `${collection} ${did}`))
      }
      const property = fc.asyncProperty(interleavings, async (commands) => {
        await db.deleteFrom('backfill_progress').execute()
        await db.deleteFrom('collection_index_pair').execute()
        await play(commands, { progress: kyselyProgressStore(db), sink: kyselyIndexSink(db), readPairs })
      })
      await fc.assert(property, { numRuns: 60 })
    })
  })
})

describe('the model finds a store that', () => {
  /** The oracle's verdict on a memory store with a fault. */
  async function verdict(breakIt: (store: ProgressStore) => Partial<ProgressStore>): Promise<boolean> {
    const property = fc.asyncProperty(interleavings, (commands) => {
      const store = memoryProgressStore()
      return play(commands, memoryStores({ ...store, ...breakIt(store) }))
    })
    const { failed } = await fc.check(property, { numRuns: 400, endOnFailure: true })
    return failed
  }

  it('has no fault: it passes', async () => {
    expect(await verdict(() => ({}))).toBe(false)
  })

  it('has no fence', async () => {
    const current = new Map<string, number>()
    const unfenced = (store: ProgressStore): Partial<ProgressStore> => ({
      async claim(request) {
        const claim = await store.claim(request)
        if (claim) current.set(claim.collection, claim.epoch)
        return claim
      },
      async advance(claim, page, write) {
        const row = (await store.list()).find(({ collection }) => collection === claim.collection)
        const epoch = current.get(claim.collection) ?? claim.epoch
        return store.advance({ ...claim, epoch, pages: row?.pages ?? claim.pages }, page, write)
      },
    })
    expect(await verdict(unfenced)).toBe(true)
  })

  it('fences by owner and not by epoch', async () => {
    const epochs = new Map<string, number>()
    const byOwner = (store: ProgressStore): Partial<ProgressStore> => ({
      async claim(request) {
        const claim = await store.claim(request)
        if (claim) epochs.set(`${claim.collection} ${claim.owner}`, claim.epoch)
        return claim
      },
      advance(claim, page, write) {
        const epoch = epochs.get(`${claim.collection} ${claim.owner}`) ?? claim.epoch
        return store.advance({ ...claim, epoch }, page, write)
      },
    })
    expect(await verdict(byOwner)).toBe(true)
  })

  it('counts a page twice', async () => {
    const twice = (store: ProgressStore): Partial<ProgressStore> => ({
      advance: (claim, page, write) => store.advance(claim, { ...page, imported: page.imported * 2 }, write),
    })
    expect(await verdict(twice)).toBe(true)
  })

  it('forgets to give a collection to another worker when its lease ran out', async () => {
    const sticky = (store: ProgressStore): Partial<ProgressStore> => ({
      renew: (claim, leaseMs) => store.renew(claim, Math.max(leaseMs, 1000)),
    })
    expect(await verdict(sticky)).toBe(true)
  })

  it('begins anew what is only to be tried again', async () => {
    const always = (store: ProgressStore): Partial<ProgressStore> => ({
      retryFailed: (relay, collections) => store.reset(relay, collections),
    })
    expect(await verdict(always)).toBe(true)
  })
})
