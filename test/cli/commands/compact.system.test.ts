import { join } from 'node:path'
import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { kyselyIndexSink, migrateToLatest } from '../../../src/kysely/index.ts'
import { openSqlite } from '../../../src/sqlite/index.ts'
import { startRelay } from '../../../src/testing/index.ts'
import { cli, jsonLines, runOn } from '../../support/cli.ts'
import { createPostgres } from '../../support/databases.ts'
import { didsFrom } from '../../support/store-steps.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

const NAME = 'com.example.thing'

test('compact makes the index in a Postgres smaller, and says so', async () => {
  await using postgres = await createPostgres()
  await migrateToLatest(postgres.db)
  await kyselyIndexSink(postgres.db).add({ relay: 'x', collection: NAME, dids: didsFrom(0, 50_000) })
  await sql`delete from collection_index_pair where hashtext(did) % 3 <> 0`.execute(postgres.db)
  const { code, stdout, stderr } = await cli(['compact', '--database', postgres.url])
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toMatch(/^The index takes [\d.]+ MB, \d+ bytes a pair; it was [\d.]+ MB\.$/m)
  const again = await cli(['compact', '--database', postgres.url, '--json'])
  const [, end] = jsonLines(again.stdout)
  expect(end?.bytesAfter).toBe(end?.bytesBefore)
})

test('run --compact does it when the import is complete', async () => {
  await using relay = await startRelay({ collections: { 'app.bsky.actor.profile': 300 } })
  await using postgres = await createPostgres()
  const { code, stdout } = await cli(
    runOn(relay, postgres, '--collection', 'app.bsky.actor.profile', '--compact'),
  )
  expect(code).toBe(0)
  expect(stdout).toMatch(/^ {2}The index takes [\d.]+ MB, \d+ bytes a pair: there was nothing to gain\.$/m)
})

test('in a file of SQLite, the pairs that wait are merged', async () => {
  await using folder = await temporaryFolder()
  const file = join(folder.path, 'index.db')
  {
    await using store = await openSqlite(file)
    await store.sink.add({ relay: 'x', collection: NAME, dids: didsFrom(0, 5_000) })
  }
  const { code, stdout } = await cli(['compact', '--data', file])
  expect(code).toBe(0)
  expect(stdout).toMatch(/^The index takes [\d.]+ MB, \d+ bytes a pair/m)
  await using store = await openSqlite(file)
  expect(await store.index.countRepos(NAME)).toBe(5_000)
  const held = await store.index.listRepos(NAME, { limit: 10_000 })
  expect(held.dids).toHaveLength(5_000)
})
