import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { openTuned, type SqliteStore } from '../../src/sqlite/open-sqlite.ts'
import {
  collectionSourceSuite,
  feedStoreSuite,
  indexSinkSuite,
  progressStoreSuite,
  repoIndexSuite,
  type SuiteCase,
  sharedDatabaseSuite,
} from '../../src/testing/index.ts'
import { didsFrom } from '../../src/testing/suites/samples.ts'

let root: string
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'backfill-sqlite-'))
})
afterAll(() => rm(root, { recursive: true, force: true }))

let files = 0

/** A file of its own, opened once for each "process", and read by people's own means. */
async function fresh(mergeAt: number) {
  files += 1
  const file = join(root, `${files}.sqlite`)
  const opened: SqliteStore[] = []
  const open = async () => {
    const store = await openTuned(file, {}, { creates: true, mergeAt })
    opened.push(store)
    return store
  }
  return {
    ...(await open()),
    reopen: open,
    async read(collection: string) {
      const db = new DatabaseSync(file, { readOnly: true })
      const rows = db.prepare('select did from collection_index where collection = ?').all(collection)
      db.close()
      return rows.map(({ did }) => String(did))
    },
    async [Symbol.asyncDispose]() {
      for (const store of opened) await store.close()
    },
  }
}

function prove<Make>(suite: readonly SuiteCase<Make>[], make: Make): void {
  for (const { name, run } of suite) it(name, () => run(make))
}

describe.each([
  ['what is written waits to be merged', 1_000_000],
  ['what is written is merged at once', 1],
])('SQLite where %s', (_, mergeAt) => {
  prove(indexSinkSuite, () => fresh(mergeAt))
  prove(sharedDatabaseSuite, () => fresh(mergeAt))
  prove(feedStoreSuite, () => fresh(mergeAt))
  prove(repoIndexSuite, async () => {
    const store = await fresh(mergeAt)
    await store.createDidIndex()
    return {
      ...store,
      async add(collection: string, dids: readonly string[]) {
        await store.sink.add({ relay: 'relay.example', collection, dids })
      },
      async remove(collection: string, did: string) {
        await store.index.remove(collection, did)
      },
    }
  })
})

describe('SQLite', () => {
  prove(progressStoreSuite, () => fresh(1_000_000))

  prove(collectionSourceSuite, async (known) => {
    const store = await fresh(1_000_000)
    for (const { nsid } of known)
      await store.sink.add({ relay: 'relay.example', collection: nsid, dids: didsFrom(0, 1) })
    return { source: store.observed, [Symbol.asyncDispose]: () => store[Symbol.asyncDispose]() }
  })
})
