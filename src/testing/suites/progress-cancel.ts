import assert from 'node:assert/strict'
import {
  assertClaimLost,
  assertFields,
  assertNothingFree,
  assertRow,
  claimed,
  mustClaim,
  NAME,
  type ProgressStoreCase,
  page,
  RELAY,
  storeCase,
} from './progress-helpers.ts'

export const cancelCases: readonly ProgressStoreCase[] = [
  storeCase(
    'cancel ends the walk of a running collection, which keeps its place',
    async ({ progress, other }) => {
      const claim = await progress.advance(await claimed(progress), page('c1', 10))
      assert.equal(await other.cancel(RELAY, [NAME, 'com.example.unknown', NAME]), 1, 'one of them has a row')
      await assertRow(other, { state: 'failed', flags: ['cancelled'], cursor: 'c1', imported: 10 })
      await assertClaimLost(progress.advance(claim, page('c2')), 'a commit')
      await assertClaimLost(progress.renew(claim, 60_000), 'a renewal')
      await progress.release(claim)
      await assertRow(other, { state: 'failed', cursor: 'c1', imported: 10 })
      await assertNothingFree(progress)
      assert.equal(await progress.cancel(RELAY, [NAME]), 0, 'it is cancelled already')
    },
  ),

  storeCase('what is cancelled stays so in later runs, until it is retried by its name', async (stores) => {
    const { progress, other } = stores
    const claim = await progress.advance(await claimed(progress), page('c1', 10))
    await progress.release(claim)
    assert.equal(await progress.cancel(RELAY, [NAME]), 1, 'it was pending')
    await other.register(RELAY, [{ nsid: NAME }])
    assert.equal(await other.retryFailed(RELAY), 0, 'it is not named')
    await assertRow(other, { state: 'failed', flags: ['cancelled'] })
    assertFields(await other.remaining(RELAY), { collections: 0 }, 'what is left')
    assert.equal(await other.retryFailed(RELAY, [NAME]), 1, 'it is named')
    await assertRow(other, { state: 'pending', flags: [], cursor: 'c1', imported: 10 })
    assertFields(await mustClaim(progress), { cursor: 'c1', pages: 1 }, 'the claim after that')
  }),

  storeCase(
    'cancel keeps other flags, and a reset begins what is cancelled again',
    async ({ progress, other }) => {
      const claim = await progress.advance(await claimed(progress), {
        ...page('c1'),
        flags: ['cursorsChanged'],
      })
      await progress.release(claim)
      await progress.cancel(RELAY, [NAME])
      await assertRow(other, { flags: ['cursorsChanged', 'cancelled'] })
      await progress.retryFailed(RELAY, [NAME])
      await assertRow(other, { flags: ['cursorsChanged'] })
      await progress.cancel(RELAY, [NAME])
      assert.equal(await progress.reset(RELAY, [NAME]), 1, 'it is reset')
      await assertRow(other, { state: 'pending', flags: [], cursor: undefined })
      await mustClaim(progress)
    },
  ),

  storeCase('cancel leaves alone what is complete, and another relay', async ({ progress, other }) => {
    await progress.advance(await claimed(progress), page(undefined))
    assert.equal(await progress.cancel(RELAY, [NAME]), 0, 'it is complete')
    await assertRow(other, { state: 'complete', flags: [] })
    await progress.register('other.example', [{ nsid: NAME }])
    assert.equal(await progress.cancel('third.example', [NAME]), 0, 'it has no rows')
  }),
]
