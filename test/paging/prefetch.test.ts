import { describe, expect, it } from 'vitest'
import { advancePosition, type Position } from '../../src/paging/cursor-guard.ts'
import { fetchAhead } from '../../src/paging/prefetch.ts'
import { gate, pagesOf } from '../support/scripted-lister.ts'

const A = 'com.example.a'
const start: Position = { relay: 'relay.test', collection: A, pages: 0, emptyPages: 0 }

/** Requests for the pages of a list, each of which parks until it is let through. */
function parkedFetch(pages: number) {
  const list = pagesOf(A, pages)
  const steps = list.map(() => gate())
  let begun = 0
  const fetch = async (at: Position) => {
    begun += 1
    await steps[at.pages]?.wait()
    const page = list[at.pages] ?? { dids: [] }
    return { page, next: advancePosition(at, page) }
  }
  return { fetch, steps, begun: () => begun }
}

const numbersOf = (taken: readonly { next: Position }[]) => taken.map(({ next }) => next.pages)

describe('pages fetched ahead', () => {
  it('come in order, all that are there at once, and then wait for the next', async () => {
    const { fetch, steps } = parkedFetch(5)
    const pages = fetchAhead(start, 10, fetch)
    for (const step of steps.slice(0, 3)) step.pass()
    await steps[3]?.reached
    expect(numbersOf(await pages.take())).toEqual([1, 2, 3])
    const next = pages.take()
    steps[3]?.pass()
    expect(numbersOf(await next)).toEqual([4])
    steps[4]?.pass()
    expect(numbersOf(await pages.take())).toEqual([5])
  })

  it('are asked for one at a time, and no further than what may wait', async () => {
    const { fetch, steps, begun } = parkedFetch(10)
    const pages = fetchAhead(start, 3, fetch)
    expect(begun()).toBe(1)
    for (const step of steps) step.pass()
    await new Promise(setImmediate)
    expect(begun()).toBe(3)
    expect(numbersOf(await pages.take())).toEqual([1, 2, 3])
    await new Promise(setImmediate)
    expect(begun()).toBe(6)
  })

  it('are still given when a later one fails, and then its error', async () => {
    const { fetch, steps } = parkedFetch(3)
    const pages = fetchAhead(start, 10, fetch)
    const refusal = new Error('refused')
    steps[0]?.pass()
    steps[1]?.fail(refusal)
    await new Promise(setImmediate)
    expect(numbersOf(await pages.take())).toEqual([1])
    await expect(pages.take()).rejects.toBe(refusal)
  })

  it('that fail before anybody asks are no unhandled rejection', async () => {
    const unhandled: unknown[] = []
    const note = (error: unknown) => unhandled.push(error)
    process.on('unhandledRejection', note)
    fetchAhead(start, 2, async () => {
      throw new Error('refused')
    })
    await new Promise(setImmediate)
    process.off('unhandledRejection', note)
    expect(unhandled).toEqual([])
  })
})
