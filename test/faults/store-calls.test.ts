import { describe, expect, it } from 'vitest'
import { BackfillError, type BackfillEvent, type ProgressStore } from '../../src/index.ts'
import { memoryProgressStore } from '../../src/memory/memory-store.ts'
import { A, B, C, setUp } from '../support/backfill-set-up.ts'
import { rejection } from '../support/fault-run.ts'
import { gate, pagesOf, scriptedLister } from '../support/scripted-lister.ts'

type Call = 'register' | 'claim' | 'renew' | 'release' | 'remaining' | 'list'
const CALLS: readonly Call[] = ['register', 'claim', 'renew', 'release', 'remaining', 'list']

const wrong = new Error('fetch failed')
const retry = { retries: 2, minDelayMs: 1, maxDelayMs: 1 }
const refused = () => Promise.reject(new BackfillError('REFUSED', 'no such list'))

/** A store whose calls of one kind fail, as many as `times`, from the `first` on; `often` is reached with the third of these. */
function failing(call: Call, times: number, first = 1) {
  const inner = memoryProgressStore()
  const often = gate()
  let asked = 0
  const fail = (...given: never[]) => {
    asked += 1
    if (asked === first + 2) void often.wait()
    if (asked >= first && asked < first + times) return Promise.reject(wrong)
    return (inner[call] as (...given: never[]) => unknown)(...given)
  }
  const progress: ProgressStore = { ...inner, [call]: fail }
  const states = async () => (await inner.list()).map(({ state }) => state)
  return { progress, often: often.reached, states }
}

/** Pages of a collection, none of which is given before that. */
function pagesAfter(moment: Promise<unknown>, collection: string) {
  return async ({ cursor }: { cursor?: string | undefined }) => {
    await moment
    return pagesOf(collection, 3)[Number(cursor ?? 0)] ?? { dids: [] }
  }
}

describe.each(CALLS)('a store whose %s fails with an error that says nothing', (call) => {
  it('for a while is asked again, and the run does all that there is to do', async () => {
    const { progress, states } = failing(call, 2)
    const retries: string[] = []
    const onEvent = (event: BackfillEvent) => {
      if (event.type === 'retry' && event.call !== undefined) retries.push(event.call)
    }
    const lister = scriptedLister({ [A]: pagesOf(A, 3), [B]: refused, [C]: pagesOf(C, 1) })
    const { start } = setUp(lister, { progress, retry, onEvent, maxAttempts: 1 })
    expect(await rejection(start().run())).toMatchObject({ code: 'INCOMPLETE' })
    expect(await states()).toEqual(['complete', 'failed', 'complete'])
    // Nothing is renewed in so short a run.
    if (call !== 'renew') expect(retries).toEqual([call, call])
  })
})

describe('a store that fails for ever ends the run with its error, once everything else is done:', () => {
  it.each<Call>(['claim', 'release', 'remaining', 'list'])('%s', async (call) => {
    const { progress, states, often } = failing(call, Number.POSITIVE_INFINITY, call === 'claim' ? 3 : 1)
    // A is read when the store has failed for good, but for the list, which comes last.
    const moment = call === 'list' ? Promise.resolve() : often
    const lister = scriptedLister({ [A]: pagesAfter(moment, A), [B]: refused, [C]: pagesOf(C, 1) })
    const { start } = setUp(lister, { progress, retry, maxAttempts: 1, concurrency: 2 })
    expect(await rejection(start().run())).toBe(wrong)
    const expected = {
      claim: ['failed', 'pending'],
      release: ['running', 'complete'],
      remaining: ['failed', 'complete'],
      list: ['failed', 'complete'],
    }
    expect(await states()).toEqual(['complete', ...expected[call as keyof typeof expected]])
  })

  it('register, before anything is begun', async () => {
    const { progress } = failing('register', Number.POSITIVE_INFINITY)
    const lister = scriptedLister({ [A]: pagesOf(A, 3) })
    expect(await rejection(setUp(lister, { progress, retry }).start().run())).toBe(wrong)
    expect(lister.requests).toEqual([])
  })

  it('but not where its renewals alone do, since each commit renews too', async () => {
    const { progress, states, often } = failing('renew', Number.POSITIVE_INFINITY)
    const lister = scriptedLister({ [A]: pagesAfter(often, A), [B]: pagesOf(B, 1), [C]: pagesOf(C, 1) })
    await setUp(lister, { progress, retry, leaseMs: 300 }).start().run()
    expect(await states()).toEqual(['complete', 'complete', 'complete'])
  })
})
