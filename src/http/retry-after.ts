import { headerValues, longestOf, parseHttpDate, parseSeconds } from './header-values.ts'
import { refusedLimitMs, usedUpLimitMs } from './rate-limit.ts'

/**
 * How long a server asks to wait before the next request, in milliseconds: the longest of `Retry-After` and, where a
 * limit was hit, of `RateLimit-Reset` and `RateLimit`, however often each of them came. `undefined` when it does not
 * say, or says it in no known form.
 *
 * Dates are read against the answer's own `Date`, so that a wrong clock on either side changes nothing.
 *
 * @param now this machine's time in epoch milliseconds, for an answer without a `Date`
 */
export function requestedWaitMs(
  status: number,
  headers: Headers,
  now: number = Date.now(),
): number | undefined {
  const serverNow = serverTime(headers, now)
  // Some servers tell of their limits with every answer; they ask for a wait only where a limit was the reason.
  const limit = status === 429 || status === 503 ? refusedLimitMs(headers, serverNow) : undefined
  return longestOf([parseRetryAfter(headers.get('retry-after'), serverNow), limit])
}

/**
 * How long a server that allows fewer than `requests` more asks to wait beforehand, in milliseconds. `undefined` when
 * it allows as many, or does not say.
 */
export function limitResetMs(
  headers: Headers,
  requests: number,
  now: number = Date.now(),
): number | undefined {
  return usedUpLimitMs(headers, requests, serverTime(headers, now))
}

/** `Retry-After`: seconds, or a date; the longest wait where it came more than once. A date in the past gives 0. */
export function parseRetryAfter(value: string | null, serverNow: number): number | undefined {
  return longestOf(headerValues(value).map((part) => waitMs(part, serverNow)))
}

function waitMs(value: string, serverNow: number): number | undefined {
  const seconds = parseSeconds(value)
  if (seconds !== undefined) return seconds * 1000
  const date = parseHttpDate(value)
  return date === undefined ? undefined : Math.max(0, date - serverNow)
}

/** The server's own time. If it came twice, the earlier: no wait becomes shorter. */
function serverTime(headers: Headers, now: number): number {
  const times = headerValues(headers.get('date')).map(parseHttpDate)
  const known = times.filter((time) => time !== undefined)
  return known.length === 0 ? now : Math.min(...known)
}
