import { describe, expect, it } from 'vitest'
import {
  knownCollections,
  memoryIndexSink,
  memoryProgressStore,
  type ProgressStore,
} from '../../src/index.ts'
import { settingsOf } from '../../src/run/options.ts'
import { createCrew } from '../../src/run/worker-pool.ts'
import { pagesOf, scriptedLister } from '../support/scripted-lister.ts'

const A = 'com.example.a'

describe('a store that never answers', () => {
  it('is asked again after a while, and a commit whose answer was lost counts once', async () => {
    const inner = memoryProgressStore()
    let swallowed = 0
    const progress: ProgressStore = {
      ...inner,
      async advance(claim, page, write) {
        if (swallowed > 0) return inner.advance(claim, page, write)
        swallowed += 1
        return new Promise(() => {})
      },
    }
    const told: unknown[] = []
    const settings = settingsOf({
      lister: scriptedLister({ [A]: pagesOf(A, 3) }),
      sources: [knownCollections([A])],
      sink: memoryIndexSink(),
      progress,
      hooks: { storeUnavailable: ({ error }) => told.push(error) },
    })
    await progress.register('relay.test', [{ nsid: A }])
    const crew = createCrew({ ...settings, storeTimeoutMs: 50 }, new AbortController().signal)
    const events = await Array.fromAsync(crew.work())
    expect(events.map(({ pages: page, added }) => [page, added])).toEqual([
      [1, 2],
      [2, 2],
      [3, 2],
    ])
    expect(told).toMatchObject([
      { code: 'STORE_UNAVAILABLE', message: 'The store gave no answer within 50 ms.' },
    ])
  })
})
