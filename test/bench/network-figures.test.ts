import { expect, it } from 'vitest'
import { networkLoad } from './load.ts'
import {
  bareBound,
  goalsOf,
  type Measured,
  nominalBound,
  type Rivals,
  rivalRows,
  runRows,
} from './network-figures.ts'

function measured(pageSize: number, seconds: number[], every = 1): Measured {
  return {
    load: networkLoad({ divisor: 10, pageSize, every }),
    pageSize,
    divisor: 10,
    concurrency: 6,
    isDefault: true,
    seconds,
    bareMs: 15,
    pairsPerSecond: 250_000,
  }
}

const whole = networkLoad({ divisor: 10, pageSize: 1000, every: 1 })
const rivals: Rivals = {
  zig: [1500, 1510],
  byHand: [1000, 990],
  samples: [500, 250],
  whole,
  divisor: 10,
  pauseMs: 10,
}

it('the bound is the longest walk at 2,000 a page, and the database at 10,000', () => {
  const run = measured(2000, [100])
  expect(nominalBound(run)).toMatchObject({ by: 'longest walk', seconds: expect.closeTo(96.05, 1) })
  expect(bareBound(run).seconds / nominalBound(run).seconds).toBeCloseTo(15 / 14)
  expect(nominalBound(measured(10_000, [30]))).toMatchObject({
    by: 'database',
    seconds: expect.closeTo(24.4, 1),
  })
})

it('the ratios are those of the median to the bound, and of the rivals to ours', () => {
  const goals = goalsOf([measured(2000, [200, 100, 99]), measured(10_000, [50])], rivals)
  const figures = Object.fromEntries(goals.map(({ measure, measured }) => [measure, Number(measured)]))
  expect(figures).toEqual({
    'time / lower bound, network divided by 10': expect.closeTo(100 / 96.05, 2),
    'time / bare bound, network divided by 10': expect.closeTo(100 / (96.05 * (15 / 14)), 2),
    "the Zig procedure's time / ours at 2000 a page": 15,
    "the hand-written loop's time / ours": 10,
    "the Zig procedure's time / ours at 10000 a page": 30,
  })
  expect(goals.every(({ met }) => met)).toBe(true)
})

it('a run on a sample is told for the whole network, nothing divided', () => {
  const { head, rows } = runRows([measured(2000, [10], 10)])
  // A tenth of the pages at a tenth of the latency.
  expect(rows[0]?.[head.indexOf('at full size')]).toBe('16.7 min')
})

it('the rivals stand there by both samples, and Zig by its waits alone', () => {
  const { rows } = rivalRows([measured(2000, [100])], rivals)
  expect(rows.map(([name, timed, , seconds, , ratio]) => [name, timed, seconds, ratio])).toEqual([
    ['Zig procedure', '500', '1500', '15.0'],
    ['Zig procedure', '250', '1510', '15.1'],
    ['its latency and pauses alone', 'none', '1491', '14.9'],
    ['hand-written loop', '500', '1000', '10.0'],
    ['hand-written loop', '250', '990', '9.9'],
  ])
})
