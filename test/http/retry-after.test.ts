import { describe, expect, test } from 'vitest'
import { parseRateLimitReset, parseRetryAfter, requestedWaitMs } from '../../src/http/retry-after.ts'

const NOW = Date.UTC(2026, 7, 1, 12, 0, 0)
const EPOCH = NOW / 1000

describe('Retry-After', () => {
  test.each<[string | null, number | undefined]>([
    ['0', 0],
    ['7', 7000],
    ['1000000000', 1e12],
    ['Sat, 01 Aug 2026 12:00:30 GMT', 30_000],
    ['Saturday, 01-Aug-26 12:00:30 GMT', 30_000],
    ['Sat Aug  1 12:00:30 2026', 30_000],
    ['Sat, 01 Aug 2026 11:59:59 GMT', 0],
    ['Thu, 01 Jan 1970 00:00:00 GMT', 0],
    [null, undefined],
    ['', undefined],
    ['soon', undefined],
    ['soon 1', undefined],
    ['-5', undefined],
    ['1.5', undefined],
    ['1e3', undefined],
    ['Infinity', undefined],
    ['9'.repeat(400), undefined],
    ['Sat, 99 Foo 2026 12:00:30 GMT', undefined],
  ])('%j asks to wait %j ms', (value, wait) => {
    expect(parseRetryAfter(value, NOW)).toBe(wait)
  })
})

describe('RateLimit-Reset', () => {
  test.each<[string | null, number | undefined]>([
    ['0', 0],
    ['30', 30_000],
    ['1000000000', 1e12],
    [String(EPOCH + 30), 31_000],
    [String(EPOCH), 1000],
    [String(EPOCH - 30), 0],
    [null, undefined],
    ['', undefined],
    ['garbage', undefined],
    ['-1', undefined],
  ])('%j asks to wait %j ms', (value, wait) => {
    expect(parseRateLimitReset(value, NOW)).toBe(wait)
  })
})

describe('the wait that an answer asks for', () => {
  const HOUR = 3_600_000
  const date = new Date(NOW).toUTCString()
  const later = new Date(NOW + 30_000).toUTCString()

  test.each<[string, number, Record<string, string>, number | undefined]>([
    ['a date is read against the answer’s own clock', 429, { date, 'retry-after': later }, 30_000],
    ['so is an epoch', 429, { date, 'ratelimit-reset': String(EPOCH + 30) }, 31_000],
    ['without that clock, ours serves', 429, { 'retry-after': later }, 30_000 + HOUR],
    ['nor is a broken one believed', 429, { date: 'yesterday', 'retry-after': later }, 30_000 + HOUR],
    ['the larger of the two counts', 503, { 'retry-after': '1', 'ratelimit-reset': '60' }, 60_000],
    [
      'RateLimit-Reset stands in for garbage',
      429,
      { 'retry-after': 'soon', 'ratelimit-reset': '60' },
      60_000,
    ],
    ['a fault that is no limit waits for no reset', 500, { 'ratelimit-reset': '60' }, undefined],
    ['but for what it asks', 500, { 'retry-after': '5' }, 5000],
    ['neither is no wait', 429, { date }, undefined],
  ])('%s', (_, status, headers, wait) => {
    expect(requestedWaitMs(status, new Headers(headers), NOW - HOUR)).toBe(wait)
  })
})
