import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { sql } from 'kysely'
import { describe, expect, it } from 'vitest'
import type { OpenedStore } from '../../src/contracts/opened-store.ts'
import { createBackfiller } from '../../src/index.ts'
import { openPostgres } from '../../src/postgres/index.ts'
import { openSqlite } from '../../src/sqlite/index.ts'
import { createPostgres } from '../support/databases.ts'
import { listenTo } from '../support/listen-to.ts'
import { didsOf, pagesOf, scriptedLister } from '../support/scripted-lister.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const A = 'com.example.a'
const B = 'com.example.b'
const lister = scriptedLister({ [A]: pagesOf(A, 3), [B]: pagesOf(B, 1) })

interface TestDatabase extends AsyncDisposable {
  open(): Promise<OpenedStore>
  /** As it is where an index is restored that was saved before the first run. */
  empty(): Promise<void>
}

async function onPostgres(): Promise<TestDatabase> {
  const postgres = await createPostgres()
  return {
    open: () => openPostgres(postgres.url),
    async empty() {
      await sql`truncate collection_index_pair, collection_index_nsid`.execute(postgres.db)
    },
    [Symbol.asyncDispose]: () => postgres[Symbol.asyncDispose](),
  }
}

async function onSqlite(): Promise<TestDatabase> {
  const folder = await temporaryFolder()
  const file = join(folder.path, 'index.sqlite')
  return {
    open: () => openSqlite(file),
    async empty() {
      const db = new DatabaseSync(file)
      for (const table of ['pair', 'incoming', 'nsid']) db.exec(`delete from collection_index_${table}`)
      db.exec('update collection_index_state set incoming = 0')
      db.close()
    },
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  }
}

/** A run over both collections, which are its only ones, and what it found missing. */
async function runOn(store: OpenedStore): Promise<{ imported: number; missing: readonly string[] }> {
  const missing: string[] = []
  const onEvent = listenTo({ indexMissing: ({ collections }) => missing.push(...collections) })
  const run = createBackfiller({ relay: lister, store, collections: [A, B], onEvent })
  const { imported } = await run.run()
  return { imported, missing }
}

describe.each([
  ['Postgres', onPostgres],
  ['SQLite', onSqlite],
])('an index in %s that lost what its progress has', (_, create) => {
  it('is filled again by the next run, and left alone by the one after that', async () => {
    await using database = await create()
    {
      await using store = await database.open()
      expect(await runOn(store)).toEqual({ imported: 8, missing: [] })
      expect(await runOn(store)).toEqual({ imported: 0, missing: [] })
    }
    await database.empty()
    await using store = await database.open()
    expect(await runOn(store)).toEqual({ imported: 8, missing: [A, B] })
    expect((await store.index.listRepos(A)).dids).toEqual(didsOf(pagesOf(A, 3)).toSorted())
    expect(await runOn(store)).toEqual({ imported: 0, missing: [] })
  })

  it('keeps the name of a collection whose pairs were removed, so that no run brings them back', async () => {
    await using database = await create()
    await using store = await database.open()
    await runOn(store)
    for (const did of didsOf(pagesOf(B, 1))) await store.index.removeRepo(did)
    expect((await store.index.listRepos(B)).dids).toEqual([])
    expect(await runOn(store)).toEqual({ imported: 0, missing: [] })
  })
})
