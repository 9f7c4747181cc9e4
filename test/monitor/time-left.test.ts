import { describe, expect, it } from 'vitest'
import { workOf } from '../../src/monitor/work.ts'
import { failed, known, onClock, page, row, SOURCE, started } from './steps.ts'

const A = 'com.example.a'
const B = 'com.example.b'
const C = 'com.example.c'

describe('the time that is left', () => {
  /** A monitor whose run has read half of 10,000 in ten pages, one a second. */
  function halfRead(estimate?: number, ...others: [nsid: string, estimatedRepos?: number][]) {
    const { monitor, pass } = onClock()
    monitor.handle(known(estimate === undefined ? [A] : [A, estimate], ...others))
    monitor.handle(started(A))
    for (let i = 1; i <= 10; i += 1) {
      pass(1_000)
      monitor.handle(page(A, i * 500, { dids: 500, pages: i, cursor: `c${i}` }))
    }
    return { monitor, pass }
  }

  it('follows from the requests that are left and their pace', () => {
    const { work, timeLeft, importedPerSecond } = halfRead(10_000).monitor.snapshot()
    expect(work).toEqual({
      requestsDone: 10,
      requestsLeft: 10,
      fraction: 0.5,
      expected: 10_000,
      sizes: 'known',
    })
    expect(timeLeft).toEqual({ ms: 10_000, atLeast: false })
    expect(importedPerSecond).toBeGreaterThan(490)
    expect(importedPerSecond).toBeLessThan(560)
  })

  it('counts a request for the smallest collection, also where a directory leaves it out', () => {
    const { work, timeLeft } = halfRead(10_000, [B, 3], [C]).monitor.snapshot()
    expect(work).toMatchObject({ requestsDone: 10, requestsLeft: 12, expected: 10_003 })
    // One worker, as far as the monitor has seen.
    expect(timeLeft).toEqual({ ms: 12_000, atLeast: false })
  })

  it('is not told without sizes, and neither is a fraction', () => {
    const { work, timeLeft } = halfRead(undefined, [B], [C, 5]).monitor.snapshot()
    expect(work).toEqual({ requestsDone: 10, requestsLeft: 3, sizes: 'unknown' })
    expect(timeLeft).toBeUndefined()
  })

  it('is at least what is told where a collection is larger than was estimated, and there is no fraction', () => {
    const { work, timeLeft } = halfRead(2_000, [B, 2_000]).monitor.snapshot()
    expect(work).toEqual({ requestsDone: 10, requestsLeft: 5, sizes: 'tooLow' })
    expect(timeLeft).toEqual({ ms: 5_000, atLeast: true })
  })

  it('is not told, as nothing is, where collections are much smaller than was estimated', () => {
    const { monitor } = halfRead(500_000, [B, 500_000])
    monitor.handle(page(A, 5_001, { dids: 1, pages: 11, completed: true }))
    monitor.handle(started(B))
    const { work, timeLeft } = monitor.snapshot()
    expect(work).toMatchObject({ sizes: 'tooHigh', fraction: undefined })
    expect(timeLeft).toBeUndefined()
  })

  it('is not told before there is a pace, nor when nothing is left to do', () => {
    const { monitor, pass } = onClock()
    const nothing = { timeLeft: undefined, importedPerSecond: undefined }
    expect(monitor.snapshot()).toMatchObject({ ...nothing, work: { fraction: undefined } })
    monitor.handle(known([A, 10]))
    monitor.handle(started(A))
    expect(monitor.snapshot()).toMatchObject({ timeLeft: undefined, work: { fraction: 0 } })
    pass(2_000)
    monitor.handle(page(A, 10, { dids: 10, completed: true }))
    pass(2_000)
    expect(monitor.snapshot()).toMatchObject({ timeLeft: undefined, work: { fraction: 1 } })
  })

  it('is as long as the longest walk takes by itself', () => {
    const { monitor, pass } = onClock()
    monitor.handle(known([A, 100_000], [B, 10_000]))
    for (const name of [A, B]) monitor.handle(started(name))
    for (let i = 1; i <= 10; i += 1) {
      pass(1_000)
      for (const name of [A, B]) monitor.handle(page(name, i * 500, { pages: i, cursor: `c${i}` }))
    }
    expect(monitor.snapshot().timeLeft).toEqual({ ms: 190_000, atLeast: false })
  })

  it('counts what other workers did, but not what earlier runs did', async () => {
    const { monitor, pass } = onClock()
    const rows = (pages: number) => async () => [
      row(A, { imported: 5_000, pages: 5, estimatedRepos: 20_000 }),
      row(B, { state: 'running', imported: pages * 1_000, pages, estimatedRepos: 20_000 }),
    ]
    await monitor.refresh(rows(5))
    monitor.handle(started(A, 5_000, 5))
    for (let pages = 6; pages <= 10; pages += 1) {
      pass(2_000)
      monitor.handle(page(A, pages * 1_000, { dids: 1_000, pages, cursor: 'c' }))
    }
    await monitor.refresh(async () => (await rows(10)()).slice(1))
    const { ms = 0 } = monitor.snapshot().timeLeft ?? {}
    expect(ms / 1000).toBeGreaterThan(19)
    expect(ms / 1000).toBeLessThan(27)
  })

  it('has the wait of a collection that is set aside in it, and of a pause', () => {
    const { monitor } = halfRead(10_000, [B, 1_000])
    monitor.handle(started(B))
    monitor.handle(failed(B, new Error('busy'), 60_000))
    expect(monitor.snapshot().timeLeft).toEqual({ ms: 62_000, atLeast: false })
    monitor.handle({ type: 'paused', relay: SOURCE, waitMs: 5_000 })
    expect(monitor.snapshot().timeLeft).toEqual({ ms: 67_000, atLeast: false })
  })

  it('does not count a wait as slowness', () => {
    const { monitor, pass } = halfRead(10_000)
    monitor.handle({ type: 'paused', relay: SOURCE, waitMs: 60_000 })
    pass(60_000)
    expect(monitor.snapshot().timeLeft).toEqual({ ms: 10_000, atLeast: false })
    const outage = { relay: SOURCE, error: new Error('down'), attempt: 1, waitMs: 30_000 }
    monitor.handle({ type: 'storeUnavailable', ...outage })
    expect(monitor.snapshot().timeLeft).toBeUndefined()
    pass(30_000)
    monitor.handle({ type: 'storeAvailable', relay: SOURCE, unavailableMs: 30_000 })
    expect(monitor.snapshot().timeLeft).toEqual({ ms: 10_000, atLeast: false })
  })
})

describe('the fraction', () => {
  it('falls only when work is added, and that is told', async () => {
    const { monitor, pass } = onClock()
    monitor.handle(known([A, 1_000], [B, 1_000]))
    monitor.handle(started(A))
    monitor.handle(page(A, 500, { pages: 1, cursor: 'c' }))
    expect(monitor.snapshot()).toMatchObject({ work: { fraction: 0.25 }, addedWork: undefined })
    // Pages are smaller than they seemed, so that more are left: no work was added.
    monitor.handle(page(A, 600, { pages: 2, cursor: 'c' }))
    expect(monitor.snapshot()).toMatchObject({ work: { requestsDone: 2 }, addedWork: undefined })
    pass(10_000)
    await monitor.refresh(async () => [row(C, { estimatedRepos: 3_000 })])
    const { work, addedWork } = monitor.snapshot()
    expect(work.fraction).toBeCloseTo(2 / 18)
    expect(addedWork).toEqual({ at: 1_010_000, requests: 10, collections: 1 })
  })

  it('is 1 when everything is complete, and less while a collection has failed', () => {
    const { monitor } = onClock()
    monitor.handle(known([A, 1], [B, 1]))
    for (const name of [A, B]) monitor.handle(started(name))
    monitor.handle(page(A, 1, { completed: true }))
    monitor.handle(failed(B, new Error('gone')))
    expect(monitor.snapshot()).toMatchObject({ work: { fraction: 0.5 }, timeLeft: undefined })
  })

  it('is the same for the rows that a run left behind', () => {
    const rows = [
      row(A, { state: 'complete', imported: 4_100, pages: 3, estimatedRepos: 4_000 }),
      row(B, { imported: 6_000, pages: 3, estimatedRepos: 10_000, cursor: 'c' }),
      // Taken over from the Zig relay, which keeps no pages.
      row(C, { state: 'complete', imported: 8_000 }),
    ]
    expect(workOf(rows)).toMatchObject({ requestsDone: 11, requestsLeft: 3, sizes: 'known' })
  })
})
