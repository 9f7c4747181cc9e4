import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createBackfiller, knownCollections } from '../../src/index.ts'
import {
  collectionIndex,
  kyselyIndexSink,
  kyselyProgressStore,
  migrateToLatest,
  observedCollections,
} from '../../src/kysely/index.ts'
import { matching } from '../../src/sources/matching.ts'
import { createPostgres, type TestPostgres } from '../support/databases.ts'
import { didsOf, pagesOf, scriptedLister } from '../support/scripted-lister.ts'

const A = 'com.example.a'
const LIVE = 'com.example.live'
const OTHER = 'org.example.live'

describe('observedCollections, with a live feed that writes while the run goes on', () => {
  let database: TestPostgres
  beforeAll(async () => {
    database = await createPostgres()
    await migrateToLatest(database.db)
  })
  afterAll(() => database[Symbol.asyncDispose]())

  it('covers the collections whose first pairs it brings: what the relay knows of them is walked by the same run', async () => {
    const { db } = database
    const feed = kyselyIndexSink(database.connect())
    const lister = scriptedLister({
      [A]: pagesOf(A, 3),
      [LIVE]: pagesOf(LIVE, 2),
      [OTHER]: pagesOf(OTHER, 1),
    })
    const backfiller = createBackfiller({
      relay: lister,
      // The combinator passes on that the source is a live one.
      collections: [knownCollections([A]), matching(observedCollections(db), ['com.*'])],
      store: { sink: kyselyIndexSink(db), progress: kyselyProgressStore(db) },
    })
    for await (const { collection, pages: page } of backfiller) {
      if (collection !== A || page !== 1) continue
      await feed.add({ relay: 'feed', collection: LIVE, dids: ['did:web:new.example'] })
      await feed.add({ relay: 'feed', collection: OTHER, dids: ['did:web:new.example'] })
    }
    const index = collectionIndex(db)
    const { dids } = await index.listRepos(LIVE)
    expect(dids).toEqual([...didsOf(pagesOf(LIVE, 2)), 'did:web:new.example'].toSorted())
    expect((await index.listRepos(OTHER)).dids).toEqual(['did:web:new.example'])
    expect(await backfiller.status()).toMatchObject({ total: 2, complete: 2 })
    const asked = lister.requests.filter(({ collection }) => collection === A).map(({ cursor }) => cursor)
    expect(asked).toEqual([undefined, '1', '2', undefined])
  })
})
