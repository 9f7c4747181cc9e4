/**
 * How long a server asks to wait before the next request, in milliseconds: the larger of `Retry-After` and, where a
 * limit was hit, `RateLimit-Reset`. `undefined` when it does not say, or says it in no known form.
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
  const serverNow = parseHttpDate(headers.get('date')) ?? now
  const wait = parseRetryAfter(headers.get('retry-after'), serverNow)
  // RateLimit-Reset comes with every answer of some servers; it is a wait only where the limit was the reason.
  const reset = status === 429 || status === 503 ? rateLimitResetMs(headers, now) : undefined
  return wait === undefined || reset === undefined ? (wait ?? reset) : Math.max(wait, reset)
}

/** How long until the server's rate limit begins anew, in milliseconds. `undefined` when it does not say. */
export function rateLimitResetMs(headers: Headers, now: number = Date.now()): number | undefined {
  return parseRateLimitReset(headers.get('ratelimit-reset'), parseHttpDate(headers.get('date')) ?? now)
}

/** `Retry-After`: seconds, or a date. A date in the past gives 0. */
export function parseRetryAfter(value: string | null, serverNow: number): number | undefined {
  const seconds = parseSeconds(value)
  if (seconds !== undefined) return seconds * 1000
  const date = parseHttpDate(value)
  return date === undefined ? undefined : Math.max(0, date - serverNow)
}

/**
 * `RateLimit-Reset`: the official server library sends epoch seconds, the IETF's draft means a delta in
 * seconds.
 */
export function parseRateLimitReset(value: string | null, serverNow: number): number | undefined {
  const seconds = parseSeconds(value)
  if (seconds === undefined) return undefined
  // As a delta, 10^9 seconds would be 31 years; as an epoch it lies in 2001.
  if (seconds <= 1_000_000_000) return seconds * 1000
  // The official server library rounds the second down in which its window ends.
  return Math.max(0, (seconds + 1) * 1000 - serverNow)
}

/** At most twelve digits, so that a time computed from them is still a valid `Date`. */
function parseSeconds(value: string | null): number | undefined {
  return value !== null && /^\d{1,12}$/.test(value) ? Number(value) : undefined
}

/** The three forms of RFC 9110, 5.6.7. `Date.parse` alone takes almost anything, "soon 1" included. */
function parseHttpDate(value: string | null): number | undefined {
  if (value === null || !/^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? .*\d{2}:\d{2}:\d{2}/.test(value))
    return undefined
  // The asctime form names no zone and means GMT.
  const time = Date.parse(value.endsWith(' GMT') ? value : `${value} GMT`)
  return Number.isNaN(time) ? undefined : time
}
