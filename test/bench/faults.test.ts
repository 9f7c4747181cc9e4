import { expect, it } from 'vitest'
import { type FaultPlan, planned } from './faults.ts'
import { lostShare } from './faulty.ts'

const plan: FaultPlan = { failsEach: 3, stormsAfter: [5], stormMs: 1000, retryAfter: 2 }

it('each so-many-th request fails, and none besides', () => {
  const { next, report } = planned({ ...plan, stormsAfter: [] })
  const outcomes = Array.from({ length: 7 }, (_, n) => next(n))
  expect(outcomes).toEqual(['served', 'served', 'fails', 'served', 'served', 'fails', 'served'])
  expect(report).toEqual({ failed: 2, refused: 0, askedMs: 0, early: 0 })
})

it('a storm refuses everybody until it is over', () => {
  const { next, report } = planned({ ...plan, failsEach: 100 })
  expect([0, 1, 2, 3].map(next)).toEqual(Array(4).fill('served'))
  expect([10, 11, 12, 1009].map(next)).toEqual(Array(4).fill('refused'))
  expect(next(3100)).toBe('served')
  expect(report.refused).toBe(4)
})

it('time that several refusals ask for counts once, and time between them not at all', () => {
  const { next, report } = planned({ failsEach: 100, stormsAfter: [1, 4], stormMs: 1000, retryAfter: 2 })
  // 0 to 2000, then prolonged to 2500.
  for (const now of [0, 50, 500]) next(now)
  expect(report.askedMs).toBe(2500)
  next(10_000)
  expect(report.askedMs).toBe(4500)
})

it('a request that comes before the time it was told is noticed, one that was under way is not', () => {
  const { next, report } = planned({ ...plan, failsEach: 100, stormsAfter: [1] })
  next(0)
  next(60)
  expect(report.early).toBe(0)
  next(1500)
  expect(report.early).toBe(1)
  next(5000)
  expect(report.early).toBe(1)
})

it('what is lost is what the relay did not ask for, as a share of the calm run', () => {
  expect(lostShare(26, 20, 5000)).toBeCloseTo(0.05)
})
