import { describe, expect, it } from 'vitest'
import {
  type BackfillHooks,
  combineHooks,
  createBackfiller,
  knownCollections,
  memoryIndexSink,
  memoryProgressStore,
} from '../../src/index.ts'
import { pagesOf, scriptedLister } from '../support/scripted-lister.ts'

const A = 'com.example.a'

function backfillWith(hooks: BackfillHooks) {
  return createBackfiller({
    lister: scriptedLister({ [A]: pagesOf(A, 2) }),
    sources: [knownCollections([A])],
    sink: memoryIndexSink(),
    progress: memoryProgressStore(),
    hooks,
  })
}

describe('combineHooks', () => {
  it('tells each listener in its order, and calls a method as one', async () => {
    const told: string[] = []
    class Log {
      readonly name = 'log'
      committed({ added }: { added: number }) {
        told.push(`${this.name} ${added}`)
      }
    }
    const counter: BackfillHooks = {
      committed: ({ dids }) => told.push(`counter ${dids}`),
      collectionCompleted: ({ pages: page }) => told.push(`completed ${page}`),
    }
    await backfillWith(combineHooks(new Log(), {}, counter)).run()
    expect(told).toEqual(['log 2', 'counter 2', 'log 2', 'counter 2', 'completed 2'])
  })

  it('has only the hooks that somebody listens to', () => {
    expect(Object.keys(combineHooks({ retry() {} }, { discovered: undefined }))).toEqual(['retry'])
  })

  it('what a listener throws ends the run', async () => {
    const wrong = new Error('wrong')
    const hooks = combineHooks(
      { discovered() {} },
      {
        discovered() {
          throw wrong
        },
      },
    )
    await expect(backfillWith(hooks).run()).rejects.toBe(wrong)
  })

  it('a promise of a listener that rejects ends the run, wherever the listener stands', async () => {
    const wrong = new Error('wrong')
    const rejecting = { collectionStarted: async () => Promise.reject(wrong) }
    await expect(backfillWith(combineHooks(rejecting, { collectionStarted() {} })).run()).rejects.toBe(wrong)
  })
})
