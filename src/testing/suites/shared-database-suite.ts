import assert from 'node:assert/strict'
import type { IndexSink } from '../../contracts/index-sink.ts'
import type { Claim, ProgressStore } from '../../contracts/progress-store.ts'
import { assertAdded, assertHolds, type IndexSinkFixture } from './index-sink-suite.ts'
import {
  assertClaimLost,
  assertFields,
  assertRow,
  claimed,
  expiredClaim,
  mustClaim,
  NAME,
  page,
  RELAY,
} from './progress-helpers.ts'
import { didsFrom } from './samples.ts'
import { fixtureCase, rejectionOf, type SuiteCase, type SuiteFixture } from './suite.ts'

/** A sink and a progress store on one database, which is empty. */
export interface SharedDatabaseFixture extends SuiteFixture {
  readonly sink: IndexSink
  readonly progress: ProgressStore
  /**
   * What the index holds, as another reader sees it: {@link IndexSinkFixture}. Not called while a transaction is open.
   */
  read: IndexSinkFixture['read']
}

/** @inline */
type SharedDatabaseCase = SuiteCase<() => Promise<SharedDatabaseFixture>>

const FIVE = didsFrom(0, 5)

/** Adds in the transaction that `advance` hands over, as the backfill does. */
function adding({ sink }: SharedDatabaseFixture, dids: readonly string[], collection: string = NAME) {
  return async (transaction?: unknown): Promise<void> => {
    await sink.add({ relay: RELAY, collection, dids }, { transaction })
  }
}

/** What holds when a sink and a progress store name the same `database`: pairs and cursor are committed together. */
export const sharedDatabaseSuite: readonly SharedDatabaseCase[] = [
  sharedCase('both stores name the same database', async ({ progress, sink }) => {
    assert.ok(sink.database !== undefined, 'the sink names a database')
    assert.ok(sink.database === progress.database, 'the progress store names the same object')
  }),

  sharedCase('pairs and cursor are committed together', async (fixture) => {
    const { progress, sink } = fixture
    await progress.advance(await claimed(progress), page('c1', 5), async (transaction) => {
      assertAdded(await sink.add({ relay: RELAY, collection: NAME, dids: FIVE }, { transaction }), 5)
    })
    await assertHolds(fixture, NAME, FIVE)
    await assertRow(progress, { cursor: 'c1', pages: 1, imported: 5 })
  }),

  sharedCase('a write that fails takes the cursor, the pairs and a new collection back', async (fixture) => {
    const { progress, sink } = fixture
    const claim = await claimed(progress)
    const failure = new Error('after the write')
    const refused = progress.advance(claim, page('c1', 5), async (transaction) => {
      await adding(fixture, FIVE)(transaction)
      throw failure
    })
    assert.ok(
      (await rejectionOf(refused, 'advance')) === failure,
      'advance must reject with the error of write',
    )
    await assertHolds(fixture, NAME, [])
    await assertRow(progress, { cursor: undefined, pages: 0, imported: 0 })
    assertAdded(await sink.add({ relay: RELAY, collection: NAME, dids: FIVE }), 5)
    await assertHolds(fixture, NAME, FIVE)
  }),

  sharedCase('a claim that is lost writes no pairs', async (fixture) => {
    const { progress } = fixture
    const lost = await expiredClaim(progress)
    await mustClaim(progress, 'second')
    const refused = progress.advance(lost, page('c1', 5), adding(fixture, FIVE))
    await assertClaimLost(refused, 'advance by a claim that was taken over')
    await assertHolds(fixture, NAME, [])
  }),

  sharedCase('a page that is committed twice at once is there once', async (fixture) => {
    const { progress } = fixture
    const claim = await claimed(progress)
    const commit = () => progress.advance(claim, page('c1', 5), adding(fixture, FIVE))
    const commits = await Promise.allSettled([commit(), commit(), commit()])
    assert.ok(
      commits.some(({ status }) => status === 'fulfilled'),
      'one of the commits succeeds',
    )
    await assertHolds(fixture, NAME, FIVE)
    await assertRow(progress, { cursor: 'c1', pages: 1, imported: 5 })
  }),

  sharedCase('walks of several collections commit side by side, to the end', async (fixture) => {
    const { progress } = fixture
    const names = Array.from({ length: 4 }, (_, i) => `com.example.n${i}`)
    await progress.register(
      RELAY,
      names.map((nsid) => ({ nsid })),
    )
    const claims = await Promise.all(names.map(() => mustClaim(progress)))
    await Promise.all(claims.map((claim) => walkThree(fixture, claim)))
    for (const name of names) await assertHolds(fixture, name, didsFrom(0, 40))
    for (const row of await progress.list())
      assertFields(row, { state: 'complete', pages: 3, imported: 60 }, row.collection)
  }),

  sharedCase('outside of a transaction the sink stands on its own', async (fixture) => {
    await adding(fixture, FIVE)()
    await assertHolds(fixture, NAME, FIVE)
  }),
]

function sharedCase(
  name: string,
  run: (fixture: SharedDatabaseFixture) => Promise<void>,
): SharedDatabaseCase {
  return fixtureCase(name, run)
}

/** Three pages of twenty DIDs that overlap by ten. */
async function walkThree(fixture: SharedDatabaseFixture, start: Claim): Promise<void> {
  let claim = start
  for (const [i, cursor] of ['c1', 'c2', undefined].entries()) {
    const write = adding(fixture, didsFrom(10 * i, 20), claim.collection)
    claim = await fixture.progress.advance(claim, page(cursor, 20), write)
  }
}
