/**
 * Runs the conformance suites against the package as it is installed, with nothing of a test runner: a program for any
 * runtime. Its only line of output is JSON. No `using` here: the oldest Node has no syntax for it.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PGlite } from '@electric-sql/pglite'
import { knownCollections, lexiconGarden, memoryStore, relayLister } from 'atproto-collection-backfill'
import {
  type BackfillDatabase,
  collectionIndex,
  kyselyFeedStore,
  kyselyIndexSink,
  kyselyProgressStore,
  migrateToLatest,
  observedCollections,
} from 'atproto-collection-backfill/kysely'
import { openSqlite } from 'atproto-collection-backfill/sqlite'
import {
  collectionSourceSuite,
  type Fault,
  feedStoreSuite,
  indexSinkSuite,
  progressStoreSuite,
  relayScript,
  repoIndexSuite,
  repoListerSuite,
  type SuiteCase,
  sharedDatabaseSuite,
  startRelay,
} from 'atproto-collection-backfill/testing'
import { Kysely, PGliteDialect, sql } from 'kysely'

/** What the program prints. */
export interface Outcome {
  readonly passed: number
  readonly failed: readonly { readonly name: string; readonly message: string }[]
}

const failed: { name: string; message: string }[] = []
let passed = 0

async function prove<Make>(what: string, suite: readonly SuiteCase<Make>[], make: Make): Promise<void> {
  for (const { name, run } of suite) {
    try {
      await run(make)
      passed += 1
    } catch (error) {
      failed.push({
        name: `${what}: ${name}`,
        message: error instanceof Error ? error.message : String(error),
      })
    }
  }
}

async function proveMemory(): Promise<void> {
  await prove('the memory sink', indexSinkSuite, async () => {
    const { sink } = memoryStore()
    return { sink, read: async (collection) => sink.pairs.get(collection) ?? [] }
  })
  await prove('the memory progress store', progressStoreSuite, async () => memoryStore())
  await prove('the memory index', repoIndexSuite, async () => {
    const { index, sink } = memoryStore()
    return {
      index,
      async add(collection, dids) {
        await sink.add({ relay: 'relay.test', collection, dids })
      },
      async remove(collection, did) {
        const dids = sink.pairs.get(collection)
        if (dids instanceof Set) dids.delete(did)
      },
    }
  })
  await prove('knownCollections', collectionSourceSuite, async (known) => ({
    source: knownCollections(known),
  }))
}

async function proveRelay(): Promise<void> {
  await prove('relayLister', repoListerSuite, async (serve) => {
    const relay = await startRelay({ collections: {}, script: relayScript(serve) })
    return {
      lister: relayLister(relay.url),
      reopen: async () => ({ lister: relayLister(relay.url) }),
      [Symbol.asyncDispose]: () => relay[Symbol.asyncDispose](),
    }
  })
  const faults: Record<string, Fault> = {
    cut: { cut: 'in-body' },
    error: { status: 500 },
    stalled: { stall: 'headers' },
  }
  await prove('lexiconGarden', collectionSourceSuite, async (known) => {
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
  })
}

let schemas = 0

/** Stores in a schema of their own of the one database. */
async function freshStores(db: Kysely<BackfillDatabase>) {
  schemas += 1
  const schema = `case_${schemas}`
  await migrateToLatest(db, { schema })
  const sink = kyselyIndexSink(db, { schema })
  const index = collectionIndex(db, { schema })
  return {
    schema,
    sink,
    index,
    progress: kyselyProgressStore(db, { schema }),
    feed: kyselyFeedStore(db, { schema }),
    async read(collection: string) {
      const rows = db.withSchema(schema).selectFrom('collection_index').select('did')
      return (await rows.where('collection', '=', collection).execute()).map(({ did }) => did)
    },
    async add(collection: string, dids: readonly string[]) {
      await sink.add({ relay: 'relay.example', collection, dids })
    },
    async remove(collection: string, did: string) {
      await index.remove(collection, did)
    },
    async [Symbol.asyncDispose]() {
      await sql`drop schema ${sql.id(schema)} cascade`.execute(db)
    },
  }
}

async function provePGlite(): Promise<void> {
  const db = new Kysely<BackfillDatabase>({ dialect: new PGliteDialect({ pglite: await PGlite.create() }) })
  const make = () => freshStores(db)
  await prove('kyselyIndexSink', indexSinkSuite, make)
  await prove('kyselyProgressStore', progressStoreSuite, make)
  await prove('the two on one database', sharedDatabaseSuite, make)
  await prove('collectionIndex', repoIndexSuite, make)
  await prove('kyselyFeedStore', feedStoreSuite, make)
  await prove('observedCollections', collectionSourceSuite, async (known) => {
    const { add, schema, [Symbol.asyncDispose]: dispose } = await make()
    for (const { nsid } of known) await add(nsid, ['did:plc:z72i7hdynmk6r22z27h6tvur'])
    return { source: observedCollections(db, { schema }), [Symbol.asyncDispose]: dispose }
  })
  await db.destroy()
}

let files = 0

/** A store on a file of its own, and others on the same one, as other processes have. */
async function freshFile(folder: string) {
  files += 1
  const file = join(folder, `${files}.sqlite`)
  const store = await openSqlite(file)
  const opened = [store]
  const reopen = async () => {
    const another = await openSqlite(file)
    opened.push(another)
    return another
  }
  const reader = await reopen()
  return {
    ...store,
    reopen,
    async read(collection: string) {
      return (await reader.index.listRepos(collection, { limit: 10_000 })).dids
    },
    async add(collection: string, dids: readonly string[]) {
      await store.sink.add({ relay: 'relay.example', collection, dids })
    },
    async remove(collection: string, did: string) {
      await store.index.remove(collection, did)
    },
    async [Symbol.asyncDispose]() {
      for (const each of opened) await each.close()
    },
  }
}

async function proveSqlite(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'backfill-runtime-'))
  const make = () => freshFile(folder)
  await prove('openSqlite: sink', indexSinkSuite, make)
  await prove('openSqlite: progress', progressStoreSuite, make)
  await prove('openSqlite: the two in one file', sharedDatabaseSuite, make)
  await prove('openSqlite: index', repoIndexSuite, make)
  await prove('openSqlite: feed', feedStoreSuite, make)
  await prove('openSqlite: observed', collectionSourceSuite, async (known) => {
    const { add, observed, [Symbol.asyncDispose]: dispose } = await make()
    for (const { nsid } of known) await add(nsid, ['did:plc:z72i7hdynmk6r22z27h6tvur'])
    return { source: observed, [Symbol.asyncDispose]: dispose }
  })
  rmSync(folder, { recursive: true })
}

await proveMemory()
await proveSqlite()
await proveRelay()
await provePGlite()
console.log(JSON.stringify({ passed, failed } satisfies Outcome))
