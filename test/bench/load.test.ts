import { expect, it } from 'vitest'
import { everyNthPage, type Load, loadOf, lowerBound, networkLoad, pagesIn, projected } from './load.ts'

const total = (sizes: Readonly<Record<string, number>>, pageSize: number) =>
  Object.values(sizes).reduce((sum, size) => sum + pagesIn(size, pageSize), 0)

it('the model holds what the network is said to hold: 61 million pairs, 31 thousand pages of 2,000', () => {
  const load = networkLoad({ divisor: 1, pageSize: 2000, every: 1 })
  expect(Object.keys(load.sizes)).toHaveLength(1287)
  expect(load).toMatchObject({
    pairs: 61_000_000,
    pageSize: 2000,
    latencyMs: 140,
    pages: 31_689,
    longest: 6861,
  })
})

it.each([
  [2000, 10],
  [10_000, 10],
  [1000, 10],
  [2000, 5],
])(
  'divided, it keeps its collections, its pages and its pairs a second: %d a page, by %d',
  (pageSize, divisor) => {
    const whole = networkLoad({ divisor: 1, pageSize, every: 1 })
    const small = networkLoad({ divisor, pageSize, every: 1 })
    expect(Object.keys(small.sizes).toSorted()).toEqual(Object.keys(whole.sizes).toSorted())
    expect(Math.abs(small.pages - whole.pages)).toBeLessThan(whole.pages * 0.001)
    expect(Math.abs(small.longest - whole.longest)).toBeLessThanOrEqual(1)
    const rate = ({ pairs, pages, latencyMs }: Load) => pairs / (pages * latencyMs)
    expect(rate(small) / rate(whole)).toBeCloseTo(1, 2)
  },
)

it('a list that fills its last page has one more, which is empty', () => {
  expect([0, 1, 99, 100, 101, 200].map((size) => pagesIn(size, 100))).toEqual([1, 1, 1, 2, 2, 3])
})

it.each([1, 2, 7, 60, 400])('a sample takes each %d-th page, and of each collection its share', (every) => {
  const { sizes } = networkLoad({ divisor: 10, pageSize: 2000, every: 1 })
  const sample = everyNthPage(sizes, 200, every)
  const pages = total(sizes, 200)
  expect(Math.abs(total(sample, 200) - pages / every)).toBeLessThanOrEqual(1)
  for (const [collection, size] of Object.entries(sizes)) {
    const taken = collection in sample ? pagesIn(sample[collection] ?? 0, 200) : 0
    expect(Math.abs(taken - pagesIn(size, 200) / every), collection).toBeLessThan(1)
    expect(sample[collection] ?? 0).toBeLessThanOrEqual(size)
  }
})

it('a sample of every page is the whole', () => {
  const sizes = { a: 1234, b: 200, c: 0 }
  expect(everyNthPage(sizes, 100, 1)).toEqual(sizes)
})

const load = loadOf({ sizes: { big: 950, small: 40, empty: 0 }, pageSize: 100, latencyMs: 20 })

it('a load counts its pages, also those of empty collections', () => {
  expect(load).toMatchObject({ pairs: 990, pages: 12, longest: 10 })
})

it('the lower bound is what holds longest: the longest walk, all pages, or the database', () => {
  const given = { load, pageMs: 20, pairsPerSecond: 1e6 }
  expect(lowerBound({ ...given, concurrency: 1 })).toEqual({ by: 'all pages', seconds: 0.24 })
  expect(lowerBound({ ...given, concurrency: 4 })).toEqual({ by: 'longest walk', seconds: 0.2 })
  expect(lowerBound({ ...given, concurrency: 4, pairsPerSecond: 99 })).toEqual({
    by: 'database',
    seconds: 10,
  })
})

it('what a sample took is projected by pages', () => {
  expect(projected(3, { ...load, pages: 6 }, load)).toBe(6)
})
