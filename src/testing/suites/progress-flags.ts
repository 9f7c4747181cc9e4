import assert from 'node:assert/strict'
import {
  assertRow,
  claimed,
  mustClaim,
  NAME,
  onlyRow,
  type ProgressStoreCase,
  page,
  RELAY,
  storeCase,
} from './progress-helpers.ts'

/** What a collection is flagged with, and until when. */
export const flagCases: readonly ProgressStoreCase[] = [
  storeCase(
    'a restart, a failure or a page may set a flag, which stays, once',
    async ({ progress, other }) => {
      const flags = ['cursorsChanged'] as const
      await progress.register(RELAY, [{ nsid: 'com.example.a' }, { nsid: 'com.example.b' }, { nsid: NAME }])
      await progress.release(await mustClaim(progress), { kind: 'failed', error: 'e', flags })
      await progress.advance(await mustClaim(progress), { ...page(undefined), flags })
      const claim = await progress.advance(await mustClaim(progress), page('c1'))
      await progress.release(claim, { kind: 'restart', error: 'changed', flags })
      for (const row of await other.list()) assert.deepEqual(row.flags, flags, row.collection)
      await other.advance(await mustClaim(other), { ...page('c1'), flags })
      for (const row of await other.list()) assert.deepEqual(row.flags, flags, row.collection)
      await progress.retryFailed(RELAY)
      for (const row of await other.list()) assert.deepEqual(row.flags, flags, row.collection)
    },
  ),

  storeCase('nothing is flagged without being told to', async ({ progress, other }) => {
    const claim = await progress.advance(await claimed(progress), page('c1'))
    await assertRow(other, { flags: [] })
    await progress.release(claim, { kind: 'restart', error: 'cursor refused' })
    await progress.release(await mustClaim(progress), { kind: 'failed', error: 'e', retryInMs: 0 })
    await assertRow(other, { flags: [] })
    await progress.advance(await mustClaim(progress), page(undefined))
    await assertRow(other, { state: 'complete', flags: [] })
  }),

  storeCase('a reset takes the flags away, and so does a refresh', async ({ progress, other }) => {
    const flags = ['cursorsChanged'] as const
    const flagged = { ...page(undefined), flags }
    await progress.advance(await claimed(progress), flagged)
    await other.reset(RELAY)
    await assertRow(progress, { flags: [] })
    await progress.advance(await mustClaim(progress), flagged)
    const { completedAt } = await onlyRow(progress)
    const refreshBefore = new Date((completedAt?.getTime() ?? 0) + 1)
    await other.register(RELAY, [{ nsid: NAME }], { refreshBefore })
    await assertRow(progress, { state: 'pending', flags: [] })
  }),
]
