import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, test } from 'vitest'
import { sqliteStore } from '../../examples/custom-store.ts'
import {
  indexSinkSuite,
  progressStoreSuite,
  type SharedDatabaseFixture,
  sharedDatabaseSuite,
} from '../../src/testing/index.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { runExample } from './run-example.ts'

async function inMemory(): Promise<SharedDatabaseFixture> {
  const db = new DatabaseSync(':memory:')
  const select = db.prepare.bind(db, 'select did from pair where collection = ?')
  return {
    ...sqliteStore(db),
    read: async (collection) =>
      select()
        .all(collection)
        .map(({ did }) => String(did)),
    [Symbol.asyncDispose]: async () => db.close(),
  }
}

describe('the store of custom-store.ts keeps what the contracts promise', () => {
  const suites = [...indexSinkSuite, ...progressStoreSuite, ...sharedDatabaseSuite]
  test.each(suites)('$name', async ({ run }) => {
    expect(await run(inMemory)).toBeUndefined()
  })
})

describe('custom-store.ts', () => {
  test('imports every pair into a database file and completes each collection', async () => {
    await using folder = await temporaryFolder()
    const file = join(folder.path, 'index.db')
    const { code, stdout, stderr } = await runExample('custom-store.ts', { args: [file] })
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toContain('added: 16540')
    using db = new DatabaseSync(file)
    expect(db.prepare('select count(*) as pairs from pair').get()).toEqual({ pairs: 16_540 })
    expect(
      db.prepare("select count(*) as rows from progress where row ->> 'completedAt' is null").get(),
    ).toEqual({
      rows: 0,
    })
  })
})
