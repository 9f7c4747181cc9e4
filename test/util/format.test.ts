import { expect, test } from 'vitest'
import {
  count,
  duration,
  minuteOf,
  percent,
  plural,
  rate,
  shortCount,
  timeOf,
} from '../../src/util/format.ts'

test.each([
  [count(61_000_000), '61,000,000'],
  [count(2.5), '3'],
  [shortCount(9_999), '9,999'],
  [shortCount(10_000), '10K'],
  [shortCount(61_234_567), '61.2M'],
  [shortCount(999_999, 1_000_000), '999,999'],
  [plural(1, 'page'), '1 page'],
  [plural(2_000, 'retry', 'retries'), '2,000 retries'],
  [percent(0), '0%'],
  [percent(0.0042), '0.4%'],
  [percent(0.0999), '9.9%'],
  [percent(0.9999), '99%'],
  [percent(1), '100%'],
  [rate(0), '0'],
  [rate(1), '1'],
  [rate(2.345), '2.3'],
  [rate(9.96), '10'],
  [rate(4_166.6), '4,167'],
  [timeOf(new Date(2026, 10, 3, 11, 9, 10), new Date(2026, 10, 3, 23)), '11:09:10'],
  [timeOf(new Date(2026, 10, 3, 11, 9, 10), new Date(2026, 10, 4)), '3 Nov, 11:09:10'],
  [minuteOf(new Date(2026, 10, 3, 11, 9, 10), new Date(2026, 10, 4)), '3 Nov, 11:09'],
  [duration(-1), '0s'],
  [duration(0), '0s'],
  [duration(1), '1s'],
  [duration(59_001), '1m'],
  [duration(725_000), '12m 5s'],
  [duration(3 * 3_600_000 + 20 * 60_000), '3h 20m'],
  [duration(52 * 3_600_000 + 59 * 60_000), '2d 4h'],
])('%s', (shown, expected) => {
  expect(shown).toBe(expected)
})
