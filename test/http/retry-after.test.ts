import { describe, expect, test } from 'vitest'
import { limitResetMs, parseRetryAfter, requestedWaitMs } from '../../src/http/retry-after.ts'

const NOW = Date.UTC(2026, 7, 1, 12, 0, 0)
const EPOCH = NOW / 1000
/** An absurd wait, and yet a number of milliseconds that can be added to a date. */
const FAR_AWAY = 1e15

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
    ['1e3', undefined],
    ['Infinity', undefined],
    ['1.5', 2000],
    [' 120\t', 120_000],
    ['120, 120', 120_000],
    ['5, 120', 120_000],
    ['120,5', 120_000],
    ['soon, 120', 120_000],
    ['120, ', 120_000],
    [', ', undefined],
    ['9'.repeat(13), FAR_AWAY],
    ['9'.repeat(400), FAR_AWAY],
    [`7, ${'9'.repeat(13)}`, FAR_AWAY],
    ['  Sat, 01 Aug 2026 12:00:30 GMT ', 30_000],
    ['Sat, 01 Aug 2026 12:00:30 GMT, Sat, 01 Aug 2026 12:00:40 GMT', 40_000],
    ['Saturday, 01-Aug-26 12:00:40 GMT, Sat Aug  1 12:00:30 2026', 40_000],
    ['Sat, 01 Aug 2026 12:00:30 GMT, 5', 30_000],
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
    ['30, 30', 30_000],
    ['30, 60', 60_000],
    [`${EPOCH + 90},${EPOCH + 30}`, 91_000],
    [' 30 ', 30_000],
    [null, undefined],
    ['', undefined],
    ['garbage', undefined],
    ['-1', undefined],
  ])('%j asks to wait %j ms', (value, wait) => {
    const headers = new Headers(value === null ? {} : { 'ratelimit-reset': value })
    expect(requestedWaitMs(429, headers, NOW)).toBe(wait)
  })

  test('of more than twelve digits is far away', () => {
    const headers = new Headers({ 'ratelimit-reset': '9'.repeat(13) })
    expect(requestedWaitMs(429, headers, NOW)).toBeGreaterThan(FAR_AWAY - 2 * NOW)
  })
})

describe('RateLimit', () => {
  test.each<[string, string, number | undefined]>([
    ['one limit', '"default";r=0;t=30', 30_000],
    ['with spaces', '"100-in-1min"; r=0; t=30', 30_000],
    [
      'in another order, with parameters of other kinds',
      '"a;t=999,9";pk=:cGs=:;t=30;r=0;note="t=9;t=9;"',
      30_000,
    ],
    ['the longest of several that are used up', '"a";r=0;t=30, "b";r=0;t=90', 90_000],
    ['not that of one with room', '"burst";r=0;t=30, "daily";r=900;t=86000', 30_000],
    ['if all have room, the longest: one of them was the reason', '"a";r=1;t=30, "b";r=2;t=90', 90_000],
    ['one that does not say what remains', '"a";t=30', 30_000],
    ['a token for a name', 'default;r=0;t=30', 30_000],
    ['far away', `"default";r=0;t=${'9'.repeat(13)}`, FAR_AWAY],
    ['the seventh draft', 'limit=100, remaining=0, reset=30', 30_000],
    ['garbage', '"default";r=0;t=soon', undefined],
    ['garbage beside a wait', 'x=y;;=, "default";r=0;t=30', 30_000],
    ['a quotation mark without its end', '"default;r=0;t=30', 30_000],
  ])('%s: %s', (_, value, wait) => {
    expect(requestedWaitMs(429, new Headers({ ratelimit: value }), NOW)).toBe(wait)
  })

  test.each<[string, string, string, number | undefined]>([
    ['the time of the limit, not the window', '"a";r=0;t=30', '"a";q=100;w=60', 30_000],
    ['the window of a limit without a time', '"a";r=0', '"b";q=9;w=900, "a";q=100;w=60', 60_000],
    ['not the window of another', '"a";r=0', '"b";q=9;w=900', undefined],
  ])('beside a policy, %s', (_, ratelimit, policy, wait) => {
    expect(requestedWaitMs(429, new Headers({ ratelimit, 'ratelimit-policy': policy }), NOW)).toBe(wait)
  })

  test('a policy alone says nothing of a wait', () => {
    expect(requestedWaitMs(429, new Headers({ 'ratelimit-policy': '3000;w=300' }), NOW)).toBeUndefined()
  })
})

describe('a limit of which less is left than is under way', () => {
  test.each<[string, Record<string, string>, number | undefined]>([
    ['with as much as that', { 'ratelimit-remaining': '3', 'ratelimit-reset': '9' }, undefined],
    ['with less', { 'ratelimit-remaining': '2', 'ratelimit-reset': '9' }, 9000],
    ['twice, and less in one', { 'ratelimit-remaining': '7, 2', 'ratelimit-reset': '9, 20' }, 20_000],
    ['of unknown size', { 'ratelimit-reset': '9' }, undefined],
    ['without a reset', { 'ratelimit-remaining': '0' }, undefined],
    ['structured', { ratelimit: '"a";r=2;t=9' }, 9000],
    ['structured, with room', { ratelimit: '"a";r=3;t=9' }, undefined],
    ['structured, one of several', { ratelimit: '"a";r=3;t=60, "b";r=1;t=9' }, 9000],
    ['structured, of unknown size', { ratelimit: '"a";t=9' }, undefined],
  ])('%s', (_, headers, wait) => {
    expect(limitResetMs(new Headers(headers), 3, NOW)).toBe(wait)
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
    ['a clock that came twice is read', 429, { date: `${date}, ${date}`, 'retry-after': later }, 30_000],
    ['the earlier of two clocks', 429, { date: `${later}, ${date}`, 'retry-after': later }, 30_000],
    ['the larger of the two counts', 503, { 'retry-after': '1', 'ratelimit-reset': '60' }, 60_000],
    [
      'the largest of the three counts',
      429,
      { 'retry-after': '1', 'ratelimit-reset': '60', ratelimit: '"a";r=0;t=90' },
      90_000,
    ],
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
