import { expect, it } from 'vitest'
import { createBackfiller, relayLister } from '../../src/index.ts'
import {
  kyselyIndexSink,
  kyselyProgressStore,
  migrateToLatest,
  observedCollections,
} from '../../src/kysely/index.ts'
import { NotMigratedError } from '../../src/kysely/table-errors.ts'
import { openPostgres } from '../../src/postgres/index.ts'
import { startRelay } from '../../src/testing/index.ts'
import { createPostgres, type TestKysely } from '../support/databases.ts'
import { databases, PROFILE, quick } from '../support/e2e.ts'

const POST = 'app.bsky.feed.post'
const collections = { [PROFILE]: 1, [POST]: 500 }

function backfiller(relayUrl: string, sinkOn: TestKysely, progressOn: TestKysely) {
  return createBackfiller({
    relay: relayLister(relayUrl, { pageSize: 100 }),
    // Without its own tables, the index would end the run as a source, before there is a claim.
    collections: sinkOn === progressOn ? [POST, observedCollections(sinkOn)] : [POST],
    store: { sink: kyselyIndexSink(sinkOn), progress: kyselyProgressStore(progressOn) },
    retry: quick,
  })
}

it.each(databases)(
  'without the tables on $kind, a run ends with an error that names the migration',
  async ({ create }) => {
    await using database = await create()
    await using relay = await startRelay({ collections })
    const run = backfiller(relay.url, database.db, database.db).run()
    await expect(run).rejects.toThrow(NotMigratedError)
    await expect(run).rejects.toThrow('migrateToLatest(db)')
    expect(relay.requestsOf(POST)).toEqual([])

    await migrateToLatest(database.db)
    expect(await backfiller(relay.url, database.db, database.db).run()).toMatchObject({ completed: 1 })
  },
)

it('without the tables of the sink alone, nothing counts as imported and the claims are handed back', async () => {
  await using index = await createPostgres()
  await using place = await createPostgres()
  await using relay = await startRelay({ collections })
  await migrateToLatest(place.db)
  await expect(backfiller(relay.url, index.db, place.db).run()).rejects.toThrow(NotMigratedError)
  const progress = kyselyProgressStore(place.db)
  expect(await progress.list()).toMatchObject([
    { collection: POST, state: 'pending', cursor: undefined, pages: 0, imported: 0, attempts: 0 },
  ])

  await migrateToLatest(index.db)
  expect(await backfiller(relay.url, index.db, place.db).run()).toMatchObject({ completed: 1, added: 500 })
})

it.each([
  { given: undefined, shown: 'not undefined' },
  { given: '', shown: 'not ""' },
  { given: 'mysql://localhost/app', shown: 'not "mysql://localhost/app"' },
  { given: 'localhost:5432/app', shown: 'not "localhost:5432/app"' },
])('openPostgres($given) says which option is wrong and what would be right', async ({ given, shown }) => {
  const opening = openPostgres(given)
  await expect(opening).rejects.toMatchObject({ code: 'INVALID_OPTION', option: 'url' })
  await expect(opening).rejects.toThrow("a URL such as 'postgres://user:password@host:5432/database'")
  await expect(opening).rejects.toThrow(shown)
})
