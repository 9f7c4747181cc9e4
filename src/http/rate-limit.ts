import { headerValues, longestOf, parseSeconds } from './header-values.ts'

/** One limit of a server, as far as an answer tells of it. */
interface RateLimit {
  /** How many more requests it allows. */
  readonly remaining: number | undefined
  /** How long until it begins anew, in milliseconds. */
  readonly resetMs: number | undefined
}

/**
 * How long a refusal means to wait by its rate limits, in milliseconds. `undefined` when it tells of none. Of the
 * limits of a structured `RateLimit` the longest of those that are used up counts: a daily one that has room is no
 * reason to wait for tomorrow. If none of them is used up, any of them may have been the reason.
 */
export function refusedLimitMs(headers: Headers, serverNow: number): number | undefined {
  const limits = structuredLimits(headers)
  const usedUp = limits.filter(({ remaining }) => remaining === undefined || remaining === 0)
  const reasons = usedUp.length > 0 ? usedUp : limits
  return longestOf([plainLimit(headers, serverNow), ...reasons].map(({ resetMs }) => resetMs))
}

/**
 * How long until those limits begin anew that allow fewer than `requests` more, in milliseconds. `undefined` when the
 * answer tells of none.
 */
export function usedUpLimitMs(headers: Headers, requests: number, serverNow: number): number | undefined {
  return longestOf(
    [plainLimit(headers, serverNow), ...structuredLimits(headers)]
      .filter(({ remaining = requests }) => remaining < requests)
      .map(({ resetMs }) => resetMs),
  )
}

/** `RateLimit-Remaining` and `RateLimit-Reset`: if one came twice, the fewest that remain and the latest reset. */
function plainLimit(headers: Headers, serverNow: number): RateLimit {
  const counts = headerValues(headers.get('ratelimit-remaining')).filter((count) => /^\d+$/.test(count))
  return {
    remaining: counts.length === 0 ? undefined : Math.min(...counts.map(Number)),
    resetMs: longestOf(
      headerValues(headers.get('ratelimit-reset')).map((value) => parseReset(value, serverNow)),
    ),
  }
}

/** The official server library sends epoch seconds, the drafts of the IETF mean a delta in seconds. */
function parseReset(value: string, serverNow: number): number | undefined {
  const seconds = parseSeconds(value)
  if (seconds === undefined) return undefined
  // As a delta, 10^9 seconds would be 31 years; as an epoch it lies in 2001.
  if (seconds <= 1_000_000_000) return seconds * 1000
  // The official server library rounds the second down in which its window ends.
  return Math.max(0, (seconds + 1) * 1000 - serverNow)
}

/**
 * `RateLimit` as in draft-ietf-httpapi-ratelimit-headers, one limit each: `"burst";r=0;t=30, "daily";r=80;t=7200`. If
 * one has no time, the window `w` that `RateLimit-Policy` names for it is the longest that it can take. Also the form
 * of the seventh draft, which servers still send: `limit=100, remaining=0, reset=30`.
 */
function structuredLimits(headers: Headers): RateLimit[] {
  const items = headerValues(headers.get('ratelimit')).map(itemOf)
  const policies = new Map(
    headerValues(headers.get('ratelimit-policy'))
      .map(itemOf)
      .map(({ name, parameters }) => [name, parameters]),
  )
  const limits = items
    .filter(({ parameters }) => parameters.has('r') || parameters.has('t'))
    .map(({ name, parameters }) => ({
      remaining: parameters.get('r'),
      resetMs: inMs(parameters.get('t') ?? policies.get(name)?.get('w')),
    }))
  const words = new Map(items.map(({ name }) => pairOf(name)))
  if (!words.has('reset')) return limits
  return [...limits, { remaining: words.get('remaining'), resetMs: inMs(words.get('reset')) }]
}

interface Item {
  readonly name: string
  /** Those that are numbers. */
  readonly parameters: ReadonlyMap<string, number | undefined>
}

/** A structured item: a name, quoted or not, and its parameters. */
function itemOf(text: string): Item {
  const [, quoted, plain = ''] = /^(?:"((?:[^"\\]|\\.)*)"|([^;]*))/.exec(text) ?? []
  // A parameter that is a text could hold what looks like others.
  const [, ...pairs] = text.replace(/"(?:[^"\\]|\\.)*"/g, '').split(';')
  return { name: quoted ?? plain.trim(), parameters: new Map(pairs.map(pairOf)) }
}

function pairOf(text: string): [string, number | undefined] {
  const [name = '', value = ''] = text.split('=')
  return [name.trim(), parseSeconds(value.trim())]
}

function inMs(seconds: number | undefined): number | undefined {
  return seconds === undefined ? undefined : seconds * 1000
}
