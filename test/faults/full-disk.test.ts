import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type BackfillEvent, createBackfiller } from '../../src/index.ts'
import { openTuned, type SqliteStore } from '../../src/sqlite/open-sqlite.ts'
import { type Connection, loadDriver } from '../../src/sqlite/sqlite-driver.ts'
import { startRelay, type TestRelay } from '../../src/testing/index.ts'
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.ts'

const SIZES = { 'app.bsky.actor.profile': 1, 'com.example.a': 30_000, 'com.example.b': 20_000 }

let folder: TemporaryFolder
let relay: TestRelay
let store: SqliteStore
let writer: Connection
beforeEach(async () => {
  folder = await temporaryFolder()
  relay = await startRelay({ collections: SIZES })
  const connect = await loadDriver()
  store = await openTuned(
    `${folder.path}/index.sqlite`,
    {},
    {
      creates: true,
      connect(file, mode) {
        const connection = connect(file, mode)
        if (mode === 'write') writer = connection
        return connection
      },
    },
  )
})
afterEach(async () => {
  await store.close()
  await relay[Symbol.asyncDispose]()
  await folder[Symbol.asyncDispose]()
})

/** As a disk does that has no room for one more page of the file. */
const fill = () => writer.exec('pragma max_page_count = 1')
const makeRoom = () => writer.exec('pragma max_page_count = 1073741823')

/** A run that fills the disk after its third commit, and then tells of what it is told. */
function start(onFull: (event: BackfillEvent) => void, signal?: AbortSignal) {
  let pages = 0
  return createBackfiller({
    relay: relay.url,
    store,
    collections: Object.keys(SIZES),
    pagesAhead: 1,
    signal,
    onEvent(event) {
      if (event.type === 'page') pages += 1
      if (event.type === 'page' && pages === 3) fill()
      if (event.type === 'storeUnavailable') onFull(event)
    },
  }).run()
}

async function expectAll() {
  for (const [collection, size] of Object.entries(SIZES))
    expect(await store.index.countRepos(collection)).toBe(size)
  expect(await store.progress.list()).toMatchObject(
    Object.entries(SIZES).map(([collection, imported]) => ({
      collection,
      imported,
      state: 'complete',
      attempts: 0,
    })),
  )
}

describe('a disk that is full in mid-run, under the embedded store', () => {
  it('is waited for and told of, uses up no attempt, and the run goes on once there is room', async () => {
    const told: unknown[] = []
    await start((event) => {
      if (event.type === 'storeUnavailable') told.push(event.error)
      makeRoom()
    })
    expect(String(told[0])).toContain('The disk is full')
    await expectAll()
  })

  it('holds nobody: an abort settles with its reason, and the next run loses nothing', async () => {
    const stop = new AbortController()
    const reason = new Error('enough')
    await expect(start(() => stop.abort(reason), stop.signal)).rejects.toBe(reason)
    makeRoom()
    await start(makeRoom)
    await expectAll()
  })
})
