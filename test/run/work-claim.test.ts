import { expect, it } from 'vitest'
import { memoryStore, type ProgressStore } from '../../src/index.ts'
import { claimWork } from '../../src/run/work-claim.ts'

/** The same store, and the moment at which something is to be claimed from it. */
function watch(progress: ProgressStore) {
  const asks = Promise.withResolvers<void>()
  const watched: ProgressStore = {
    ...progress,
    claim(request) {
      asks.resolve()
      return progress.claim(request)
    },
  }
  return { watched, asks }
}

it.each([
  { saved: 'a page', start: undefined, page: 'v1' },
  { saved: 'no page yet', start: 'v1', page: undefined },
])(
  'work on another version is no reason to leave one undone, and work on the same one is: $saved',
  async ({ start, page }) => {
    for (const version of ['v1', 'v2']) {
      const { progress } = memoryStore()
      const { watched, asks } = watch(progress)
      const { signal } = new AbortController()
      const parts = { scope: 'import:a text', row: 'pairs', signal, emit() {} }
      const first = await claimWork({ ...parts, progress, start, isUsable: (cursor) => cursor === 'v1' })
      const counts = { pages: 1, imported: 1, invalid: 0 }
      if (page !== undefined) await first?.advance({ ...counts, cursor: page })
      const waiting = claimWork({
        ...parts,
        progress: watched,
        start: start && version,
        isUsable: (cursor) => cursor === version,
      })
      await asks.promise
      await first?.advance(counts)
      await first?.release()
      const second = await waiting
      expect(second === undefined).toBe(version === 'v1')
      expect(second?.cursor).toBe(version === 'v1' ? undefined : start && version)
      await second?.release()
    }
  },
)

it('work that was claimed by another process before it saved anything is done again: nobody can tell what it was', async () => {
  const { progress } = memoryStore()
  const { signal } = new AbortController()
  const parts = { scope: 'import:a text', row: 'pairs', signal, emit() {}, progress }
  await progress.register(parts.scope, [{ nsid: parts.row }])
  const claim = await progress.claim({ relay: parts.scope, leaseMs: 60_000, owner: 'another' })
  if (claim === undefined) throw new Error('There is nothing to claim.')
  const { watched, asks } = watch(progress)
  const waiting = claimWork({
    ...parts,
    progress: watched,
    start: 'v2',
    isUsable: (cursor) => cursor === 'v2',
  })
  await asks.promise
  await progress.advance(claim, { pages: 1, imported: 1, invalid: 0 })
  const second = await waiting
  expect(second?.cursor).toBe('v2')
  await second?.release()
})
