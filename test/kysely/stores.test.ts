import { afterAll, beforeAll, describe, it } from 'vitest'
import { memoryIndexSink, memoryProgressStore } from '../../src/index.ts'
import {
  createPGlite,
  createPostgres,
  freshStores,
  type TestDatabase,
  type TestPostgres,
} from '../support/databases.ts'
import { progressStoreCases } from '../support/progress-store-cases.ts'
import { indexSinkCases, type StoreFixture, sharedDatabaseCases } from '../support/store-cases.ts'

describe('memory', () => {
  const make = async (): Promise<StoreFixture> => ({
    progress: memoryProgressStore(),
    sink: memoryIndexSink(),
    async [Symbol.asyncDispose]() {},
  })
  for (const { name, run } of [...progressStoreCases, ...indexSinkCases]) it(name, () => run(make))
})

describe('Postgres', () => {
  let postgres: TestPostgres
  beforeAll(async () => {
    postgres = await createPostgres()
  })
  afterAll(() => postgres[Symbol.asyncDispose]())
  const allCases = [...progressStoreCases, ...indexSinkCases, ...sharedDatabaseCases]
  for (const { name, run } of allCases) it(name, () => run(() => freshStores(postgres.db)))

  describe.each(['serializable', 'repeatable read'])(
    'when its transactions are %s by default',
    (isolation) => {
      const options = `-c default_transaction_isolation=${isolation.replace(' ', '\\ ')}`
      for (const { name, run } of allCases)
        it(name, () => run(() => freshStores(postgres.connect({ options }))))
    },
  )
})

describe('PGlite', () => {
  let database: TestDatabase
  beforeAll(async () => {
    database = await createPGlite()
  })
  afterAll(() => database[Symbol.asyncDispose]())
  for (const { name, run } of [...progressStoreCases, ...indexSinkCases, ...sharedDatabaseCases]) {
    it(name, () => run(() => freshStores(database.db)))
  }
})
