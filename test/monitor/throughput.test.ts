import { describe, expect, it } from 'vitest'
import { createThroughput } from '../../src/monitor/throughput.ts'

const START = 1_700_000_000_250

describe('a rate', () => {
  it('is that of the window, and nothing before there was half a second', () => {
    const throughput = createThroughput(START)
    throughput.add(START, { requests: 1 })
    expect(throughput.rate(START + 400, 'requests', 10_000)).toBeUndefined()
    for (let ms = 100; ms <= 30_000; ms += 100) throughput.add(START + ms, { requests: ms > 20_000 ? 4 : 1 })
    expect(throughput.rate(START + 30_000, 'requests', 10_000)).toBeCloseTo(40, 0)
    expect(throughput.rate(START + 30_000, 'imported', 10_000)).toBe(0)
  })

  it('begins with the first thing that happened, not with the wait before it', () => {
    const throughput = createThroughput(START)
    const first = START + 60_000
    for (let ms = 0; ms <= 2_000; ms += 100) throughput.add(first + ms, { imported: 10 })
    expect(throughput.rate(first + 2_000, 'imported', 10_000)).toBeCloseTo(105, -1)
  })

  it('falls to nothing when nothing happens any more', () => {
    const throughput = createThroughput(START)
    throughput.add(START, { imported: 1_000 })
    expect(throughput.rate(START + 100_000, 'imported', 10_000)).toBe(0)
  })
})

describe('the history', () => {
  it('has a sample for each second, those in which nothing happened included', () => {
    const throughput = createThroughput(START)
    throughput.add(START + 100, { imported: 5, requests: 1 })
    throughput.add(START + 2_500, { imported: 7, requests: 2 })
    expect(throughput.history(START + 3_100)).toEqual([
      { at: START, spanMs: 1_000, importedPerSecond: 5, requestsPerSecond: 1 },
      { at: START + 1_000, spanMs: 1_000, importedPerSecond: 0, requestsPerSecond: 0 },
      { at: START + 2_000, spanMs: 1_000, importedPerSecond: 7, requestsPerSecond: 2 },
    ])
  })

  it('stays bounded over a day, and loses nothing', () => {
    const throughput = createThroughput(START)
    const day = 24 * 3_600_000
    for (let ms = 0; ms < day; ms += 10_000) throughput.add(START + ms, { imported: 100, requests: 1 })
    const samples = throughput.history(START + day)
    expect(samples.length).toBeLessThanOrEqual(600)
    expect(samples.length).toBeGreaterThan(250)
    const spans = samples.map(({ at, spanMs }) => Math.min(spanMs, START + day - at))
    const pairs = samples.reduce(
      (sum, { importedPerSecond }, i) => sum + (importedPerSecond * (spans[i] ?? 0)) / 1000,
      0,
    )
    expect(Math.round(pairs)).toBe(864_000)
  })

  it('jumps over a night in which nobody looked', () => {
    const throughput = createThroughput(START)
    throughput.add(START, { imported: 100 })
    throughput.add(START + 1e9, { imported: 100 })
    expect(throughput.history(START + 1e9 + 5_000).length).toBeLessThanOrEqual(600)
  })
})
