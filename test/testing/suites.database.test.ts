import { isValidDid, isValidNsid } from '@atproto/syntax'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { knownCollections, lexiconGarden, progressStoreOn, relayLister } from '../../src/index.ts'
import { observedCollections } from '../../src/kysely/index.ts'
import { memoryIndex } from '../../src/memory/memory-index.ts'
import { memoryIndexSink } from '../../src/memory/memory-index-sink.ts'
import { memoryProgressRows } from '../../src/memory/memory-progress-rows.ts'
import {
  type CollectionSourceFixture,
  collectionSourceSuite,
  type Fault,
  indexSinkSuite,
  type MakeCollectionSource,
  progressStoreSuite,
  relayScript,
  repoIndexSuite,
  repoListerSuite,
  type ServePage,
  type ServerFault,
  type SuiteCase,
  sharedDatabaseSuite,
  startRelay,
} from '../../src/testing/index.ts'
import { didsFrom, ODD_DIDS, ODD_NSIDS } from '../../src/testing/suites/samples.ts'
import {
  createPGlite,
  createPostgres,
  freshIndex,
  freshStores,
  type TestDatabase,
  type TestKysely,
} from '../support/databases.ts'

/** Runs a suite as the author of an adapter would. */
function prove<Make>(suite: readonly SuiteCase<Make>[], make: Make): void {
  for (const { name, run } of suite) it(name, () => run(make))
}

/** A memory index has nothing beyond its instance: what its map holds is what everybody sees. */
async function memorySink() {
  const sink = memoryIndexSink()
  return { sink, read: async (collection: string) => sink.pairs.get(collection) ?? [] }
}

describe('memory', () => {
  prove(indexSinkSuite, memorySink)
  prove(repoIndexSuite, async () => {
    const pairs = new Map<string, Set<string>>()
    return {
      index: memoryIndex(pairs),
      add: async (collection, dids) => {
        pairs.set(collection, new Set([...(pairs.get(collection) ?? []), ...dids]))
      },
      remove: async (collection, did) => {
        pairs.get(collection)?.delete(did)
      },
    }
  })
  prove(progressStoreSuite, async () => {
    const rows = memoryProgressRows()
    return { progress: progressStoreOn(rows), reopen: async () => ({ progress: progressStoreOn(rows) }) }
  })
})

describe('Postgres', () => {
  let database: TestDatabase & { connect(): TestKysely }
  let another: TestKysely
  beforeAll(async () => {
    database = await createPostgres()
    another = database.connect()
  })
  afterAll(() => database[Symbol.asyncDispose]())
  const make = () => freshStores(database.db, another)
  prove(indexSinkSuite, make)
  prove(progressStoreSuite, make)
  prove(sharedDatabaseSuite, make)
  prove(repoIndexSuite, () => freshIndex(database.db, another))
})

describe('PGlite', () => {
  let database: TestDatabase
  beforeAll(async () => {
    database = await createPGlite()
  })
  afterAll(() => database[Symbol.asyncDispose]())
  const make = () => freshStores(database.db)
  prove(indexSinkSuite, make)
  prove(progressStoreSuite, make)
  prove(sharedDatabaseSuite, make)
  prove(repoIndexSuite, () => freshIndex(database.db))

  describe('observedCollections', () => {
    prove(collectionSourceSuite, async (known) => {
      const stores = await freshStores(database.db)
      for (const { nsid } of known)
        await stores.sink.add({ relay: 'relay.example', collection: nsid, dids: didsFrom(0, 1) })
      return {
        source: observedCollections(database.db, { schema: stores.schema }),
        [Symbol.asyncDispose]: () => stores[Symbol.asyncDispose](),
      }
    })
  })
})

describe('relayLister', () => {
  prove(repoListerSuite, async (serve: ServePage) => {
    const relay = await startRelay({ collections: {}, script: relayScript(serve) })
    return {
      lister: relayLister(relay.url),
      reopen: async () => ({ lister: relayLister(relay.url) }),
      [Symbol.asyncDispose]: () => relay[Symbol.asyncDispose](),
    }
  })
})

describe('lexiconGarden', () => {
  const faults: Record<ServerFault, Fault> = {
    cut: { cut: 'in-body' },
    error: { status: 500 },
    stalled: { stall: 'headers' },
  }
  const make: MakeCollectionSource = async (known): Promise<CollectionSourceFixture> => {
    let fault: Fault | undefined
    const garden = known.map(({ nsid }) => nsid)
    const relay = await startRelay({ collections: {}, garden, script: () => fault })
    return {
      source: lexiconGarden({ url: relay.gardenUrl }),
      disturb(name) {
        fault = faults[name]
      },
      open: () => relay.inFlight,
      [Symbol.asyncDispose]: () => relay[Symbol.asyncDispose](),
    }
  }
  prove(collectionSourceSuite, make)
})

describe('knownCollections', () => {
  prove(collectionSourceSuite, async (known) => ({ source: knownCollections(known) }))
})

it('the names that the suites use are valid ones', () => {
  expect(ODD_NSIDS.filter((nsid) => !isValidNsid(nsid))).toEqual([])
  expect(ODD_DIDS.filter((did) => !isValidDid(did))).toEqual([])
  expect(Math.max(...ODD_NSIDS.map(({ length }) => length))).toBe(317)
  expect(Math.max(...ODD_DIDS.map(({ length }) => length))).toBe(2048)
})
