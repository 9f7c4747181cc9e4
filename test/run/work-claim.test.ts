import { expect, it } from 'vitest'
import { memoryStore } from '../../src/index.ts'
import { claimWork } from '../../src/run/work-claim.ts'

it('work on another version is no reason to leave one undone, and work on the same one is', async () => {
  for (const [version, isDone] of [
    ['v1', true],
    ['v2', false],
  ] as const) {
    const { progress } = memoryStore()
    const asks = Promise.withResolvers<void>()
    const watched: typeof progress = {
      ...progress,
      claim(request) {
        asks.resolve()
        return progress.claim(request)
      },
    }
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
