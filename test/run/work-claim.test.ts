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

it('work on another version is no reason to leave one undone, and work on the same one is', async () => {
  for (const [version, isDone] of [
    ['v1', true],
    ['v2', false],
  ] as const) {
    const { progress } = memoryStore()
    const { watched, asks } = watch(progress)
    const { signal } = new AbortController()
    const parts = { scope: 'import:a text', row: 'pairs', signal, emit() {} }
    const first = await claimWork({ ...parts, progress, isUsable: (cursor) => cursor === 'v1' })
    const page = { pages: 1, imported: 1, invalid: 0 }
    await first?.advance({ ...page, cursor: 'v1' })
    const waiting = claimWork({ ...parts, progress: watched, isUsable: (cursor) => cursor === version })
    await asks.promise
    await first?.advance(page)
    await first?.release()
    const second = await waiting
    expect(second === undefined).toBe(isDone)
    expect(second?.cursor).toBeUndefined()
    await second?.release()
  }
})

it('work of which nothing is saved yet tells what it is about: another version of it is not done with it', async () => {
  for (const [version, isDone] of [
    ['v1', true],
    ['v2', false],
  ] as const) {
    const { progress } = memoryStore()
    const { watched, asks } = watch(progress)
    const { signal } = new AbortController()
    const parts = { scope: 'import:a text', row: 'pairs', signal, emit() {} }
    const work = (start: string, store = progress) =>
      claimWork({ ...parts, progress: store, start, isUsable: (cursor) => cursor === start })
    const first = await work('v1')
    const waiting = work(version, watched)
    await asks.promise
    await first?.advance({ pages: 1, imported: 1, invalid: 0 })
    await first?.release()
    const second = await waiting
    expect(second === undefined).toBe(isDone)
    await second?.release()
  }
})

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
