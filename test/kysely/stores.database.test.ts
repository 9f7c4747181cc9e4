import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  feedStoreSuite,
  indexSinkSuite,
  progressStoreSuite,
  sharedDatabaseSuite,
} from '../../src/testing/index.ts'
import { createPostgres, freshStores, type TestPostgres } from '../support/databases.ts'
import { didsFrom } from '../support/store-steps.ts'

const suites = [...progressStoreSuite, ...indexSinkSuite, ...sharedDatabaseSuite, ...feedStoreSuite]

let postgres: TestPostgres
beforeAll(async () => {
  postgres = await createPostgres()
})
afterAll(() => postgres[Symbol.asyncDispose]())

describe.each(['serializable', 'repeatable read'])(
  'what the contracts promise holds on Postgres when its transactions are %s by default',
  (isolation) => {
    const options = `-c default_transaction_isolation=${isolation.replace(' ', '\\ ')}`
    const connect = () => postgres.connect({ options })
    let connections: [ReturnType<typeof connect>, ReturnType<typeof connect>]
    beforeAll(() => {
      connections = [connect(), connect()]
    })
    for (const { name, run } of suites) it(name, () => run(() => freshStores(...connections)))
  },
)

describe('the index sink', () => {
  it('refuses what is no transaction of its own database, and writes nothing', async () => {
    await using stores = await freshStores(postgres.db)
    const batch = { relay: 'relay.example', collection: 'app.bsky.feed.post', dids: didsFrom(0, 1) }
    await expect(stores.sink.add(batch, { transaction: {} })).rejects.toThrow(TypeError)
    expect(await stores.sink.add(batch)).toEqual({ added: 1 })
  })
})

describe('the progress store', () => {
  it('keeps a cursor of 100,000 characters', async () => {
    await using stores = await freshStores(postgres.db)
    const { progress } = stores
    const source = 'relay.example'
    const cursor = 'x'.repeat(100_000)
    await progress.register(source, [{ nsid: 'com.example.a' }])
    const claim = await progress.claim({ relay: source, owner: 'worker', leaseMs: 60_000 })
    if (claim === undefined) throw new Error('nothing to claim')
    await progress.advance(claim, { cursor, pages: 1, imported: 1, invalid: 0, loopGuard: cursor })
    expect(await progress.list()).toMatchObject([{ cursor }])
  })
})
