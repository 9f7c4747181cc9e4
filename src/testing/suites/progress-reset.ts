import assert from 'node:assert/strict'
import type { CollectionProgress } from '../../contracts/collection-progress.ts'
import type { ProgressStore } from '../../contracts/progress-store.ts'
import {
  assertClaimLost,
  assertFields,
  assertNothingFree,
  assertRow,
  claimed,
  expiredClaim,
  LEASE_MS,
  mustClaim,
  NAME,
  type ProgressStoreCase,
  page,
  RELAY,
  storeCase,
} from './progress-helpers.ts'

const OTHER_NAME = 'com.example.other'
const OTHER_SOURCE = 'http://127.0.0.1:8080'
/** What a row holds before its first page. */
const UNWALKED = {
  state: 'pending',
  cursor: undefined,
  pages: 0,
  imported: 0,
  invalid: 0,
  attempts: 0,
  lastError: undefined,
  completedAt: undefined,
} as const satisfies Partial<CollectionProgress>

/** Two failed collections, the first after a page. */
async function failedTwo(progress: ProgressStore): Promise<void> {
  await progress.register(RELAY, [{ nsid: NAME, estimatedRepos: 10 }, { nsid: OTHER_NAME }])
  const first = await progress.advance(await mustClaim(progress), page('c1'))
  await progress.release(first, { kind: 'failed', error: 'gone' })
  await progress.release(await mustClaim(progress), { kind: 'failed', error: 'gone' })
}

async function rowsByName(progress: ProgressStore): Promise<Record<string, CollectionProgress>> {
  return Object.fromEntries((await progress.list({ relay: RELAY })).map((row) => [row.collection, row]))
}

const retryCases: readonly ProgressStoreCase[] = [
  storeCase(
    'retryFailed tries failed collections again where they stopped, and forgets their attempts',
    async ({ progress, other }) => {
      await failedTwo(progress)
      assert.equal(await other.retryFailed(RELAY), 2, 'as many as failed')
      const rows = await rowsByName(progress)
      const expected = {
        state: 'pending',
        attempts: 0,
        lastError: 'gone',
        cursor: 'c1',
        imported: 10,
      } as const
      assertFields(rows[NAME] ?? {}, expected, 'the row keeps its place')
      assertFields(
        await mustClaim(progress),
        { collection: NAME, cursor: 'c1', pages: 1, attempts: 0, restarts: 0 },
        'the claim after that',
      )
      assert.equal(await progress.retryFailed(RELAY), 0, 'none is failed any more')
    },
  ),

  storeCase(
    'retryFailed changes only the collections that are listed, and passes over unknown names',
    async (stores) => {
      const { progress, other } = stores
      await failedTwo(progress)
      assert.equal(await progress.retryFailed(RELAY, []), 0, 'an empty list is none, not all')
      const listed = [OTHER_NAME, 'com.example.unknown', OTHER_NAME]
      assert.equal(await progress.retryFailed(RELAY, listed), 1, 'one of them has a row')
      const rows = await rowsByName(other)
      assert.equal(rows[OTHER_NAME]?.state, 'pending', 'the listed one')
      assert.equal(rows[NAME]?.state, 'failed', 'the other one')
      assert.equal(Object.keys(rows).length, 2, 'rows, as before')
    },
  ),

  storeCase('retryFailed and reset leave rows of another relay alone', async ({ progress }) => {
    await failedTwo(progress)
    assert.equal(await progress.retryFailed(OTHER_SOURCE), 0, 'it has no rows to try again')
    assert.equal(await progress.reset(OTHER_SOURCE), 0, 'it has no rows to reset')
    assert.equal((await rowsByName(progress))[NAME]?.cursor, 'c1')
    assertFields(await progress.remaining(RELAY), { collections: 0 }, 'what is left')
  }),

  storeCase('retryFailed leaves alone what has not failed, and its pause', async ({ progress, other }) => {
    const waiting = { kind: 'failed', error: 'busy', retryInMs: LEASE_MS } as const
    await progress.release(await claimed(progress), waiting)
    assert.equal(await other.retryFailed(RELAY), 0, 'none is failed')
    await assertRow(other, { attempts: 1, state: 'pending' })
    await assertNothingFree(progress)
  }),

  storeCase('retryFailed ends the pause of a collection that is named', async ({ progress, other }) => {
    const claim = await progress.advance(await claimed(progress), page('c1', 10))
    await progress.release(claim, { kind: 'failed', error: 'busy', retryInMs: LEASE_MS })
    assert.equal(await other.retryFailed(RELAY, [NAME]), 1, 'it was set aside')
    await assertRow(other, { attempts: 0, state: 'pending', cursor: 'c1', imported: 10, lastError: 'busy' })
    const again = await mustClaim(progress)
    assertFields(again, { cursor: 'c1', pages: 1 }, 'the claim after that')
    assert.equal(await other.retryFailed(RELAY, [NAME]), 0, 'a worker holds it')
  }),
]

const beginAgainCases: readonly ProgressStoreCase[] = [
  storeCase(
    'reset begins a complete collection at the first page again, and keeps what it brought as an estimate',
    async ({ progress, other }) => {
      const claim = await progress.advance(await claimed(progress), page('c1', 10, 2))
      await progress.advance(claim, page(undefined))
      assert.equal(await other.reset(RELAY, [NAME]), 1)
      await assertRow(progress, { ...UNWALKED, estimatedRepos: 20 })
      const again = await mustClaim(progress)
      const start = {
        cursor: undefined,
        pages: 0,
        imported: 0,
        loopGuard: undefined,
        attempts: 0,
        restarts: 0,
      }
      assertFields(again, start, 'the claim of the new walk')
      assertFields(await progress.advance(again, page('c1', 1)), { pages: 1, imported: 1 }, 'the next claim')
    },
  ),

  storeCase('reset lowers no estimate and makes none up', async ({ progress }) => {
    await progress.register(RELAY, [{ nsid: NAME, estimatedRepos: 50 }, { nsid: OTHER_NAME }])
    await progress.release(await progress.advance(await mustClaim(progress), page('c1')))
    assert.equal(await progress.reset(RELAY), 2, 'all of the relay')
    const rows = await rowsByName(progress)
    assert.equal(rows[NAME]?.estimatedRepos, 50)
    assert.equal(rows[OTHER_NAME]?.estimatedRepos, undefined)
  }),

  storeCase('reset frees at once what failed or waited', async (stores) => {
    const { progress, other } = stores
    let claim = await claimed(progress)
    for (const retryInMs of [LEASE_MS, undefined]) {
      claim = await progress.advance(claim, { ...page('c1', 10, 2), loopGuard: 'g' })
      await progress.release(claim, { kind: 'failed', error: 'no', retryInMs })
      assert.equal(await other.reset(RELAY, [NAME]), 1)
      await assertRow(other, UNWALKED)
      claim = await mustClaim(progress)
      assertFields(claim, { cursor: undefined, pages: 0, loopGuard: undefined }, 'the claim after that')
    }
  }),

  storeCase('reset leaves a running collection alone', async ({ progress, other }) => {
    const claim = await progress.advance(await claimed(progress), page('c1'))
    assert.equal(await other.reset(RELAY, [NAME]), 0, 'it is running')
    await assertRow(other, { state: 'running', cursor: 'c1', pages: 1 })
    assertFields(await progress.advance(claim, page('c2')), { pages: 2 }, 'the next claim')
  }),

  storeCase('reset takes the claim from a worker whose lease ran out', async ({ progress, other }) => {
    const late = await expiredClaim(progress)
    assert.equal(await other.reset(RELAY), 1)
    let written = false
    const write = async () => {
      written = true
    }
    await assertClaimLost(progress.advance(late, page('c1'), write), 'advance by a claim of the earlier walk')
    await assertClaimLost(progress.renew(late, LEASE_MS), 'renew by a claim of the earlier walk')
    await progress.release(late, { kind: 'failed', error: 'too late' })
    assert.equal(written, false, 'a claim of the earlier walk writes nothing')
    await assertRow(other, UNWALKED)
    // The same owner's: only the epoch tells the two claims apart.
    const again = await mustClaim(other, late.owner)
    assert.ok(again.epoch > late.epoch, `epoch ${again.epoch} after ${late.epoch}`)
    await assertClaimLost(progress.advance(late, page('c1')), 'advance beside the claim of the new walk')
    assertFields(await other.advance(again, page('c1')), { pages: 1 }, 'the next claim')
  }),
]

/** What an operator may ask for. */
export const resetCases: readonly ProgressStoreCase[] = [...retryCases, ...beginAgainCases]
