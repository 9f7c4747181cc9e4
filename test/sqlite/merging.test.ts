import { DatabaseSync } from 'node:sqlite'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { openTuned, type SqliteStore } from '../../src/sqlite/open-sqlite.ts'
import { type Connection, type ConnectionMode, loadDriver } from '../../src/sqlite/sqlite-driver.ts'
import { didsFrom } from '../../src/testing/suites/samples.ts'
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.ts'

const RELAY = 'relay.example'
const NAME = 'com.example.thing'

let folder: TemporaryFolder
let file: string
beforeEach(async () => {
  folder = await temporaryFolder()
  file = `${folder.path}/index.sqlite`
})
afterEach(() => folder[Symbol.asyncDispose]())

const open = (mergeAt: number) => openTuned(file, {}, { creates: true, mergeAt })
const add = (store: SqliteStore, collection: string, dids: readonly string[]) =>
  store.sink.add({ relay: RELAY, collection, dids })

/** What the tables hold, past the store: rows of each, the sums that are kept, and pairs that are in both. */
function tables() {
  const db = new DatabaseSync(file, { readOnly: true })
  const row = db
    .prepare(
      `select (select count(*) from collection_index_pair) as merged,
        (select count(*) from collection_index_incoming) as incoming,
        (select merged from collection_index_state) as told_merged,
        (select incoming from collection_index_state) as told_incoming,
        (select sum(repos) from collection_index_nsid) as told_repos,
        (select count(*) from collection_index_pair join collection_index_incoming using (collection_id, did)) as twice`,
    )
    .get()
  db.close()
  return row
}

it('pairs are merged when enough of them wait, and read and counted the same before, meanwhile and after', async () => {
  await using store = await open(5_000)
  for (let page = 0; page < 10; page += 1) {
    const dids = didsFrom(page * 1_000, 1_000)
    expect(await add(store, NAME, dids)).toEqual({ added: 1_000 })
    expect(await add(store, NAME, dids.slice(0, 10))).toEqual({ added: 0 })
    expect(await store.index.countRepos(NAME)).toBe(page * 1_000 + 1_000)
    const { dids: last } = await store.index.listRepos(NAME, { limit: 10_000 })
    expect(last).toHaveLength(page * 1_000 + 1_000)
  }
  const { merged, incoming, told_merged, told_incoming, told_repos, twice } = tables() ?? {}
  expect([told_merged, told_incoming, told_repos, twice]).toEqual([merged, incoming, 10_000, 0])
  expect(merged).toBeGreaterThanOrEqual(5_000)
})

it('what is complete is merged, and also what a process that ended has left to merge', async () => {
  const names = Array.from({ length: 200 }, (_, i) => `com.example.n${i}`)
  {
    await using store = await open(1_000_000)
    await store.progress.register(
      RELAY,
      names.map((nsid) => ({ nsid })),
    )
    for (const name of names) {
      const claim = await store.progress.claim({ relay: RELAY, owner: name, leaseMs: 60_000 })
      if (claim === undefined) throw new Error('nothing to claim')
      const write = async (transaction: unknown) => {
        await store.sink.add({ ...claim, dids: didsFrom(0, 7) }, { transaction })
      }
      await store.progress.advance(claim, { pages: 1, imported: 7, invalid: 0 }, write)
    }
  }
  expect(tables()).toMatchObject({ merged: 1_400, incoming: 0, told_merged: 1_400, twice: 0 })

  // As a crash leaves it: asked for, and not done.
  const db = new DatabaseSync(file)
  db.exec(`insert into collection_index_incoming select collection_id, did from collection_index_pair;
    delete from collection_index_pair;
    update collection_index_nsid set incoming = repos, merge_after = '';
    update collection_index_state set incoming = merged, merged = 0`)
  db.close()
  await using _ = await open(1_000_000)
  await expect.poll(tables).toMatchObject({ merged: 1_400, incoming: 0, told_incoming: 0, twice: 0 })
})

it('what keeps the file from being merged fails no write that is committed, and ends no process', async () => {
  const connect = await loadDriver()
  // After each commit, nothing can be asked of the file until the next transaction begins.
  let isAway = false
  const failing = (path: string, mode: ConnectionMode): Connection => {
    const connection = connect(path, mode)
    return {
      ...connection,
      exec(sql) {
        connection.exec(sql)
        if (mode === 'write') isAway = sql === 'commit'
      },
      get(sql, ...parameters) {
        if (isAway && mode === 'write') throw new Error('disk I/O error')
        return connection.get(sql, ...parameters)
      },
    }
  }
  const store = await openTuned(file, {}, { creates: true, mergeAt: 1, connect: failing })
  for (const added of [10, 0]) expect(await add(store, NAME, didsFrom(0, 10))).toEqual({ added })
  expect(await store.index.countRepos(NAME)).toBe(10)
  await store.close()
  expect(tables()).toMatchObject({ merged: 0, incoming: 10, told_repos: 10 })
})

it('the index is a set of pairs, whatever is added, removed, merged, indexed and opened again in between', async () => {
  const names = ['com.example.a', 'com.example.b', 'com.example.c']
  const name = fc.constantFrom(...names)
  const place = fc.nat(60)
  const step = fc.oneof(
    {
      weight: 5,
      arbitrary: fc.tuple(fc.constant('add' as const), name, place, fc.integer({ min: 1, max: 20 })),
    },
    {
      weight: 2,
      arbitrary: fc.tuple(fc.constant('remove' as const), name, place, fc.integer({ min: 1, max: 9 })),
    },
    fc.tuple(fc.constant('removeRepo' as const), name, place, fc.constant(1)),
    fc.tuple(fc.constant('createDidIndex' as const), name, place, fc.constant(1)),
    fc.tuple(fc.constant('reopen' as const), name, fc.constant(0), fc.constantFrom(1, 15, 1_000)),
  )
  let round = 0
  const path = `${folder.path}/model`
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
      round += 1
      file = `${path}${round}.sqlite`
      let store = await open(10)
      const model = new Map(names.map((nsid) => [nsid, new Set<string>()]))
      for (const [what, nsid, at, count] of steps) {
        const known = model.get(nsid) ?? new Set()
        const dids = didsFrom(at, count)
        const [did = ''] = dids
        if (what === 'add') {
          const expected = dids.filter((one) => !known.has(one)).length
          expect(await add(store, nsid, dids)).toEqual({ added: expected })
          for (const one of dids) known.add(one)
        } else if (what === 'remove') {
          const expected = dids.filter((one) => known.delete(one)).length
          expect(await store.index.remove(nsid, dids)).toEqual({ removed: expected })
        } else if (what === 'removeRepo') {
          const expected = [...model.values()].filter((held) => held.delete(did)).length
          expect(await store.index.removeRepo(did)).toEqual({ removed: expected })
        } else if (what === 'createDidIndex') await store.createDidIndex()
        else {
          await store.close()
          store = await open(count)
        }
      }
      await store.createDidIndex()
      for (const [nsid, held] of model) {
        expect((await store.index.listRepos(nsid)).dids).toEqual([...held].sort())
        expect(await store.index.countRepos(nsid)).toBe(held.size)
      }
      for (const did of didsFrom(0, 82)) {
        const { collections } = await store.index.collectionsOf(did)
        expect([...collections].sort()).toEqual(names.filter((nsid) => model.get(nsid)?.has(did)))
      }
      await store.close()
      const { merged, incoming, told_merged, told_incoming, twice } = tables() ?? {}
      expect([told_merged, told_incoming, twice]).toEqual([merged, incoming, 0])
    }),
    { numRuns: 25 },
  )
})

it('collectionsOf answers by an index that is built on request, in pages, and is kept from then on', async () => {
  await using store = await open(1)
  const names = Array.from({ length: 5 }, (_, i) => `com.example.n${4 - i}`)
  for (const name of names) await add(store, name, didsFrom(0, 100))
  const [did = ''] = didsFrom(50, 1)
  await expect(store.index.collectionsOf(did)).rejects.toMatchObject({ code: 'NOT_INDEXED' })
  await store.createDidIndex()
  await store.createDidIndex()
  const first = await store.index.collectionsOf(did, { limit: 3 })
  const second = await store.index.collectionsOf(did, { limit: 3, cursor: first.cursor })
  expect([...first.collections, ...second.collections]).toEqual(names)
  expect(second.cursor).toBeUndefined()
  await add(store, 'com.example.later', [did])
  expect((await store.index.collectionsOf(did)).collections).toEqual([...names, 'com.example.later'])
})
