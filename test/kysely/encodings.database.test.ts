import { describe, expect, it } from 'vitest'
import { createBackfiller, knownCollections } from '../../src/index.ts'
import { kyselyIndexSink, kyselyProgressStore, migrateToLatest } from '../../src/kysely/index.ts'
import { createPostgres, type TestPostgres } from '../support/databases.ts'
import { quick } from '../support/e2e.ts'
import { failuresOf } from '../support/fault-run.ts'
import { pagesOf, scriptedLister } from '../support/scripted-lister.ts'
import { mustClaim, SOURCE } from '../support/store-steps.ts'

const GOOD = 'com.example.good'
const BAD = 'com.example.bad'
const ODD = 'com.example.odd'
const WORDS = 'Das Réseau “sagt”: 日本 🦋'

const open = (encoding: string) =>
  createPostgres(undefined, `encoding '${encoding}' lc_collate 'C' lc_ctype 'C' template template0`)

async function stored(postgres: TestPostgres, error: string): Promise<string | undefined> {
  await migrateToLatest(postgres.db)
  const progress = kyselyProgressStore(postgres.db)
  await progress.register(SOURCE, [{ nsid: BAD }])
  const claim = await mustClaim(progress)
  await progress.release(claim, { kind: 'failed', error })
  return (await progress.list())[0]?.lastError
}

describe('the reason why a collection failed', () => {
  it.each([
    { encoding: 'UTF8', kept: WORDS },
    { encoding: 'SQL_ASCII', kept: WORDS },
    { encoding: 'LATIN1', kept: 'Das R\\u{e9}seau \\u{201c}sagt\\u{201d}: \\u{65e5}\\u{672c} \\u{1f98b}' },
  ])('is kept in a form that the database can hold: $encoding', async ({ encoding, kept }) => {
    await using postgres = await open(encoding)
    expect(await stored(postgres, WORDS)).toBe(kept)
  })

  it('is kept as it is where the database can hold it', async () => {
    await using postgres = await open('LATIN1')
    expect(await stored(postgres, 'Das Réseau: zurück')).toBe('Das Réseau: zurück')
  })
})

describe.each(['LATIN1', 'SQL_ASCII'])('on a database that is %s', (encoding) => {
  it('a collection fails by words or a cursor of the relay that it cannot hold, and the others go on', async () => {
    await using postgres = await open(encoding)
    await migrateToLatest(postgres.db)
    const progress = kyselyProgressStore(postgres.db)
    const [first = { dids: [] }] = pagesOf(ODD, 1)
    const backfiller = createBackfiller({
      relay: scriptedLister({
        [GOOD]: pagesOf(GOOD, 3),
        [BAD]: () => Promise.reject(new Error(WORDS)),
        [ODD]: ({ cursor }) => (cursor === undefined ? { ...first, cursor: '日本' } : { dids: [] }),
      }),
      collections: [knownCollections([GOOD, BAD, ODD])],
      store: { sink: kyselyIndexSink(postgres.db), progress },
      retry: quick,
      maxAttempts: 2,
    })
    const failures = await failuresOf(backfiller.run())
    expect(failures[BAD]).toContain('Das R')
    if (encoding === 'LATIN1') expect(failures[ODD]).toContain('has no equivalent in encoding "LATIN1"')
    const states = (await progress.list()).map(({ collection, state }) => [collection, state])
    expect(states).toEqual([
      [BAD, 'failed'],
      [GOOD, 'complete'],
      [ODD, encoding === 'LATIN1' ? 'failed' : 'complete'],
    ])
  })
})
