import { describe, expect, it } from 'vitest'
import { createRun, type Run } from '../../src/util/run-iterator.ts'

/** A run of a few numbers; it ends with their sum, or with an error. */
function numbers(numbers: readonly number[], failure?: Error): Run<number, number> {
  const stop = new AbortController()
  async function* events(): AsyncGenerator<number, number, void> {
    yield* numbers
    if (failure) throw failure
    return numbers.reduce((sum, each) => sum + each, 0)
  }
  return createRun(events(), stop, 0)
}

async function takeAll(run: Run<number, number>): Promise<number[]> {
  const taken: number[] = []
  for await (const each of run) taken.push(each)
  return taken
}

const ended = { code: 'RUN_ENDED', retryable: false }

describe('a run is iterated once: an empty loop would be taken for a complete run', () => {
  it('after it came to its end', async () => {
    const run = numbers([1, 2])
    expect(await takeAll(run)).toEqual([1, 2])
    await expect(takeAll(run)).rejects.toMatchObject(ended)
  })

  it('after a run without an event', async () => {
    const run = numbers([])
    expect(await takeAll(run)).toEqual([])
    await expect(takeAll(run)).rejects.toMatchObject(ended)
  })

  it('after its loop was left', async () => {
    const run = numbers([1, 2])
    for await (const _ of run) break
    await expect(takeAll(run)).rejects.toMatchObject(ended)
    await expect(run.run()).rejects.toMatchObject(ended)
  })

  it('after it failed', async () => {
    const failure = new Error('failure')
    const run = numbers([1], failure)
    await expect(run.run()).rejects.toBe(failure)
    await expect(takeAll(run)).rejects.toMatchObject(ended)
  })
})

describe('a run under way', () => {
  it('may be begun by hand and gone on with in a loop', async () => {
    const run = numbers([1, 2, 3])
    expect(await run.next()).toEqual({ done: false, value: 1 })
    expect(await takeAll(run)).toEqual([2, 3])
  })

  it('ends its loop in silence when it is ended from outside, for that is a decision', async () => {
    const run = numbers([1, 2, 3])
    const taken: number[] = []
    for await (const each of run) {
      taken.push(each)
      await run.return()
    }
    expect(taken).toEqual([1])
  })

  it('gives its outcome to who runs it, and what it has come to at any time', async () => {
    const run = numbers([1, 2])
    expect(run.summary).toBe(0)
    expect(await run.run()).toBe(3)
  })

  it('has one loop: a second one beside it, or a run, throws', async () => {
    const run = numbers([1, 2, 3])
    for await (const _ of run) {
      await expect(takeAll(run)).rejects.toMatchObject(ended)
      await expect(run.run()).rejects.toMatchObject(ended)
    }
  })

  it('that is thrown into ends, and rejects with that error like every generator', async () => {
    const run = numbers([1, 2])
    await run.next()
    const wrong = new Error('wrong')
    await expect(run.throw(wrong)).rejects.toBe(wrong)
    expect(await run.next()).toEqual({ done: true, value: undefined })
  })

  it('is done again for next() by hand after its end, like every generator', async () => {
    const run = numbers([1])
    await takeAll(run)
    expect(await run.next()).toEqual({ done: true, value: undefined })
  })
})
