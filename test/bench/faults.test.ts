import { expect, it } from 'vitest'
import { type FaultPlan, failureStarts, planned } from './faults.ts'
import { loadOf, networkLoad } from './load.ts'

const plan: FaultPlan = { failsEach: 3, stormsAfter: [5], stormMs: 1000, retryAfter: 2 }
const A = 'com.example.a'
const B = 'com.example.b'
const none = new Map<string, number>()

it('each so-many-th request of a walk fails, and none besides', () => {
  const { next, report } = planned({ ...plan, stormsAfter: [] }, none)
  const outcomes = Array.from({ length: 7 }, (_, n) => next(n, A))
  expect(outcomes).toEqual(['served', 'served', 'fails', 'served', 'served', 'fails', 'served'])
  expect(report).toEqual({ failed: 2, refused: 0, askedMs: 0, early: 0 })
})

it('what fails of one walk is not changed by the requests of another', () => {
  const { next } = planned({ ...plan, stormsAfter: [] }, new Map([[B, 2]]))
  expect([next(0, A), next(1, B), next(2, A), next(3, B), next(4, A)]).toEqual([
    'served',
    'fails',
    'served',
    'served',
    'fails',
  ])
})

it('of all walks together as large a share fails as of the longest', () => {
  const failsEach = 50
  const load = networkLoad({ divisor: 1, pageSize: 2000, every: 25 })
  const starts = failureStarts(load, failsEach)
  const { next, report } = planned({ ...plan, failsEach, stormsAfter: [] }, starts)
  const failed = Object.entries(load.sizes).map(([collection, size]) => {
    const before = report.failed
    // As often as it takes to have each page once.
    for (let left = loadOf({ ...load, sizes: { [collection]: size } }).pages; left > 0; )
      if (next(0, collection) === 'served') left -= 1
    return report.failed - before
  })
  expect(Math.max(...failed) / load.longest).toBeCloseTo(0.02, 2)
  expect(report.failed / load.pages).toBeCloseTo(0.02, 2)
})

it('a storm refuses everybody until it is over', () => {
  const { next, report } = planned({ ...plan, failsEach: 100 }, none)
  const at = (now: number) => next(now, now % 2 === 0 ? A : B)
  expect([0, 1, 2, 3].map(at)).toEqual(Array(4).fill('served'))
  expect([10, 11, 12, 1009].map(at)).toEqual(Array(4).fill('refused'))
  expect(at(3100)).toBe('served')
  expect(report.refused).toBe(4)
})

it('time that several refusals ask for counts once, and time between them not at all', () => {
  const { next, report } = planned(
    { failsEach: 100, stormsAfter: [1, 4], stormMs: 1000, retryAfter: 2 },
    none,
  )
  // 0 to 2000, then prolonged to 2500.
  for (const now of [0, 50, 500]) next(now, A)
  expect(report.askedMs).toBe(2500)
  next(10_000, A)
  expect(report.askedMs).toBe(4500)
})

it('a request that comes before the time it was told is noticed, one that was under way is not', () => {
  const { next, report } = planned({ ...plan, failsEach: 100, stormsAfter: [1] }, none)
  next(0, A)
  next(60, B)
  expect(report.early).toBe(0)
  next(1500, A)
  expect(report.early).toBe(1)
  next(5000, A)
  expect(report.early).toBe(1)
})
