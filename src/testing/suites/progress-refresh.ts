import assert from 'node:assert/strict'
import type { CollectionProgress } from '../../contracts/collection-progress.ts'
import type { ProgressStore } from '../../contracts/progress-store.ts'
import {
  assertClaimLost,
  assertFields,
  assertRow,
  claimed,
  LEASE_MS,
  mustClaim,
  NAME,
  onlyRow,
  type ProgressStoreCase,
  page,
  RELAY,
  storeCase,
} from './progress-helpers.ts'

const ageCases: readonly ProgressStoreCase[] = [
  storeCase(
    'a refresh walks what was completed long enough ago, from the start',
    async ({ progress, other }) => {
      await progress.advance(await claimed(progress), { ...page(undefined, 10, 1), loopGuard: 'g' })
      await progress.register(RELAY, [{ nsid: NAME }], { refreshAfterMs: LEASE_MS })
      await assertRow(other, { state: 'complete', imported: 10 })
      const end = performance.now() + 5_000
      while ((await onlyRow(progress)).state === 'complete') {
        assert.ok(performance.now() < end, 'completed more than 1 ms ago, so it is walked again')
        await new Promise((resolve) => setTimeout(resolve, 2))
        await progress.register(RELAY, [{ nsid: NAME }], { refreshAfterMs: 1 })
      }
      // What it brought the last time is what to expect of it, so the biggest walks still begin first.
      const walk = { imported: 0, invalid: 0, pages: 0, completedAt: undefined }
      const fresh = { ...walk, state: 'pending', estimatedRepos: 10 } as const
      await assertRow(other, fresh)
      const start = { cursor: undefined, pages: 0, imported: 0, loopGuard: undefined }
      assertFields(await mustClaim(other), start, 'the claim of the new walk')
    },
  ),

  storeCase('a refresh by age leaves a walk that is not complete as it is', async ({ progress, other }) => {
    const claim = await progress.advance(await claimed(progress), page('c1'))
    await laterThan(await beganAt(progress), progress)
    await other.register(RELAY, [{ nsid: NAME }], { refreshAfterMs: 0 })
    await assertRow(other, { state: 'running', cursor: 'c1' })
    assertFields(await progress.advance(claim, page('c2')), { pages: 2 }, 'the next claim')
  }),
]

const momentCases: readonly ProgressStoreCase[] = [
  storeCase(
    'a refresh walks what was completed before a moment, and nothing else',
    async ({ progress, other }) => {
      const claim = await claimed(progress)
      const before = await beganAt(progress)
      await progress.advance(claim, page(undefined, 10, 1))
      const { completedAt } = await onlyRow(progress)
      assert.ok(completedAt, 'a complete row tells when it was completed')
      await progress.register(RELAY, [{ nsid: NAME }], { refreshBefore: before })
      await assertRow(other, { state: 'complete', imported: 10 })
      const after = new Date(completedAt.getTime() + 1)
      await progress.register(RELAY, [{ nsid: NAME }], { refreshBefore: after })
      await assertRow(other, { state: 'pending', imported: 0, estimatedRepos: 10 })
    },
  ),

  storeCase('tells when a walk began: with the claim before its first page', async ({ progress, other }) => {
    await progress.register(RELAY, [{ nsid: NAME }])
    await assertRow(other, { beganAt: undefined })
    const early = await mustClaim(progress)
    const first = await beganAt(other)
    await laterThan(first, progress)
    await progress.release(early)
    const claim = await mustClaim(progress)
    const began = await beganAt(other)
    assert.ok(began > first, 'no page of the first claim came, so the walk began with the second one')
    await progress.release(await progress.advance(claim, page('c1')))
    await progress.advance(await mustClaim(progress), page(undefined))
    await assertRow(other, { state: 'complete', beganAt: began })
    await progress.reset(RELAY)
    await assertRow(other, { beganAt: undefined })
  }),

  storeCase(
    'a refresh walks what began before the moment and ended after it',
    async ({ progress, other }) => {
      const claim = await claimed(progress)
      const moment = await laterThan(await beganAt(progress), progress)
      await progress.advance(claim, page(undefined))
      const { completedAt } = await onlyRow(progress)
      assert.ok(completedAt !== undefined && completedAt >= moment, 'it ended after the moment')
      await other.register(RELAY, [{ nsid: NAME }], { refreshBefore: moment })
      await assertRow(progress, { state: 'pending', pages: 0, imported: 0, estimatedRepos: 10 })
    },
  ),

  storeCase(
    'a refresh begins a walk under way again that began before the moment, and its claim is lost',
    async (stores) => {
      const { progress, other } = stores
      const claim = await progress.advance(await claimed(progress), page('c1'))
      const moment = await laterThan(await beganAt(progress), progress)
      await other.register(RELAY, [{ nsid: NAME }], { refreshBefore: moment })
      await assertRow(progress, { state: 'pending', cursor: undefined, pages: 0 })
      await assertClaimLost(progress.advance(claim, page('c2')), 'a commit of the earlier walk')
      assertFields(await mustClaim(other), { cursor: undefined, pages: 0 }, 'the claim of the new walk')
      assert.ok((await beganAt(other)) >= moment, 'the new walk began after the moment')
      // The same moment again, as each further run gives it.
      await progress.register(RELAY, [{ nsid: NAME }], { refreshBefore: moment })
      await assertRow(other, { state: 'running' })
    },
  ),

  storeCase(
    'a refresh begins again what waits for its first page, and what was released with pages',
    async (stores) => {
      const { progress, other } = stores
      const claim = await claimed(progress)
      let moment = await laterThan(await beganAt(progress), progress)
      await other.register(RELAY, [{ nsid: NAME }], { refreshBefore: moment })
      await assertClaimLost(progress.advance(claim, page('c1')), 'a commit of the earlier walk')
      await progress.release(await progress.advance(await mustClaim(progress), page('c1')))
      moment = await laterThan(await beganAt(progress), progress)
      await other.register(RELAY, [{ nsid: NAME }], { refreshBefore: moment })
      assertFields(await mustClaim(other), { cursor: undefined, pages: 0 }, 'the claim of the new walk')
    },
  ),

  storeCase('a refresh begins again what has failed, where it is retried', async (stores) => {
    const { progress, other } = stores
    const claim = await progress.advance(await claimed(progress), page('c1'))
    await progress.release(claim, { kind: 'failed', error: 'gone' })
    const moment = await laterThan(await beganAt(progress), progress)
    const refresh = { refreshBefore: moment }
    await other.register(RELAY, [{ nsid: NAME }], { ...refresh, keepFailed: true })
    await assertRow(progress, { state: 'failed', cursor: 'c1', lastError: 'gone' })
    await other.register(RELAY, [{ nsid: 'com.example.other' }], { ...refresh, keepOthers: true })
    assertFields(await rowOf(progress), { state: 'failed' }, 'the row that is not meant')
    await other.register(RELAY, [{ nsid: NAME }], refresh)
    assertFields(
      await rowOf(progress),
      { state: 'pending', cursor: undefined, pages: 0 },
      'the row that is retried',
    )
    await progress.cancel(RELAY, [NAME])
    await other.register(RELAY, [{ nsid: NAME }], { refreshBefore: new Date(moment.getTime() + LEASE_MS) })
    assertFields(
      await rowOf(progress),
      { state: 'failed', flags: ['cancelled'] },
      'the row that is cancelled',
    )
  }),
]

/** What a registration walks again. */
export const refreshCases: readonly ProgressStoreCase[] = [...ageCases, ...momentCases]

/** The row of {@link NAME}. */
async function rowOf(progress: ProgressStore): Promise<CollectionProgress> {
  const row = (await progress.list({ relay: RELAY })).find(({ collection }) => collection === NAME)
  assert.ok(row, 'it has a row')
  return row
}

/** When its walk began. */
async function beganAt(progress: ProgressStore): Promise<Date> {
  const { beganAt: began } = await rowOf(progress)
  assert.ok(began instanceof Date, 'a row that was claimed tells when its walk began')
  return began
}

/** A moment on the store's clock that is later, and has come. */
async function laterThan(moment: Date, progress: ProgressStore): Promise<Date> {
  const relay = 'clock.example'
  const end = performance.now() + 5_000
  for (;;) {
    await progress.register(relay, [{ nsid: NAME }])
    const claim = await progress.claim({ relay, owner: 'a clock', leaseMs: LEASE_MS })
    assert.ok(claim, 'what was released is free')
    await progress.release(claim)
    const now = (await progress.list({ relay }))[0]?.beganAt
    if (now !== undefined && now > moment) return now
    assert.ok(performance.now() < end, "the store's clock goes on")
  }
}
