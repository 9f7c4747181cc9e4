import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { openSqlite } from '../../src/sqlite/open-sqlite.ts'
import { startRelay } from '../../src/testing/index.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const CHILD = fileURLToPath(new URL('backfill-child.ts', import.meta.url))
const KILLS = 20
const PROCESSES = 3

// Some thirty processes are started, ten after each other.
it('three processes on one file, killed twenty times in whatever they write: nothing is lost, nothing counted twice', async () => {
  const sizes = Object.fromEntries(Array.from({ length: 12 }, (_, i) => [`com.example.n${i}`, 40 * i + 1]))
  const collections = Object.keys(sizes)
  await using folder = await temporaryFolder()
  await using relay = await startRelay({
    collections: { 'app.bsky.actor.profile': 1, ...sizes },
    maxLimit: 20,
  })
  const file = `${folder.path}/index.sqlite`

  let kills = 0
  const untilDone = async () => {
    for (;;) {
      // A prime step goes through every place of a transaction, of a merge, and of the making of the tables.
      const killAt = kills < KILLS ? 3 + ((kills * 37) % 89) : 0
      const args = ['--no-warnings', CHILD, relay.url, file, String(killAt), ...collections]
      const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] })
      const [code, signal] = await once(child, 'exit')
      if (signal === 'SIGKILL') kills += 1
      else return code
    }
  }
  expect(await Promise.all(Array.from({ length: PROCESSES }, untilDone))).toEqual([0, 0, 0])
  expect(kills).toBeGreaterThanOrEqual(KILLS)

  await using store = await openSqlite(file)
  const rows = await store.progress.list()
  expect(rows.map(({ collection, imported }) => [collection, imported]).sort()).toEqual(
    Object.entries(sizes).sort(),
  )
  expect(new Set(rows.map(({ state }) => state))).toEqual(new Set(['complete']))
  for (const [collection, size] of Object.entries(sizes)) {
    expect(await store.index.countRepos(collection)).toBe(size)
    const { dids } = await store.index.listRepos(collection, { limit: 10_000 })
    expect(dids).toEqual([...relay.dids(collection)].sort())
  }
  const db = new DatabaseSync(file, { readOnly: true })
  expect(db.prepare('pragma integrity_check').all()).toMatchObject([{ integrity_check: 'ok' }])
  db.close()
}, 120_000)
