import type { ServerResponse } from 'node:http'
import { type Load, pagesIn } from './load.ts'

/** What goes wrong at a relay. */
export interface FaultPlan {
  /**
   * Of the answers of each walk, each so-many-th fails: with a 500, with a proxy's 502, broken off before or within. Counted
   * in each walk by itself, so that the longest one has its share, neither more nor less.
   */
  readonly failsEach: number
  /** After so many requests for pages the relay refuses everybody, each time for `stormMs`. */
  readonly stormsAfter: readonly number[]
  readonly stormMs: number
  /** What it tells them to wait, in seconds. */
  readonly retryAfter: number
}

/** What went wrong, and what was asked for. */
export interface FaultReport {
  readonly failed: number
  readonly refused: number
  /** For how long nobody should have asked, all told. */
  readonly askedMs: number
  /** Requests that came in that time all the same. */
  readonly early: number
}

/** How long a refusal may be under way to clients that are asking already. */
const UNDER_WAY_MS = 100

/** Decides request by request, and keeps the account. */
export interface Faults {
  readonly report: FaultReport
  /** A request for a page of `collection` has come, at `now` in milliseconds. @returns how it goes on */
  next(now: number, collection: string): 'refused' | 'fails' | 'served'
}

/**
 * Where the count of each walk begins: the walks one after the other, from the largest on and from the middle of a step, so
 * that of all answers as many fail as of the longest walk's.
 */
export function failureStarts(
  { sizes, pageSize }: Pick<Load, 'sizes' | 'pageSize'>,
  failsEach: number,
): ReadonlyMap<string, number> {
  const starts = new Map<string, number>()
  let passed = Math.floor(failsEach / 2)
  for (const [collection, size] of Object.entries(sizes).toSorted(([, a], [, b]) => b - a)) {
    starts.set(collection, passed)
    passed += pagesIn(size, pageSize)
  }
  return starts
}

/** @param starts where the count of each walk begins. 0 where it does not say */
export function planned(
  { failsEach, stormsAfter, stormMs, retryAfter }: FaultPlan,
  starts: ReadonlyMap<string, number>,
): Faults {
  const report = { failed: 0, refused: 0, askedMs: 0, early: 0 }
  const counts = new Map(starts)
  let requests = 0
  let stormUntil = 0
  let waitSince = 0
  let waitUntil = 0

  /** Time that was asked for twice counts once. */
  function ask(from: number, until: number): void {
    if (from >= waitUntil) waitSince = from
    report.askedMs += until - Math.max(from, Math.min(until, waitUntil))
    waitUntil = Math.max(waitUntil, until)
  }

  return {
    report,
    next(now, collection) {
      if (now < waitUntil && now > waitSince + UNDER_WAY_MS) report.early += 1
      requests += 1
      if (stormsAfter.includes(requests)) stormUntil = now + stormMs
      if (now < stormUntil) {
        report.refused += 1
        ask(now, now + retryAfter * 1000)
        return 'refused'
      }
      const count = (counts.get(collection) ?? 0) + 1
      counts.set(collection, count)
      if (count % failsEach !== 0) return 'served'
      report.failed += 1
      return 'fails'
    },
  }
}

/** Sends the `n`-th answer that fails, each in another way than the one before. */
export function sendFailure(n: number, response: ServerResponse, body: Buffer): void {
  WAYS[n % WAYS.length]?.(response, body)
}

const WAYS: readonly ((response: ServerResponse, body: Buffer) => void)[] = [
  (response) => {
    response.writeHead(500, { 'content-type': 'application/json' }).end('{"error":"InternalServerError"}')
  },
  (response) => {
    response.writeHead(502, { 'content-type': 'text/html' }).end('<html><h1>502 Bad Gateway</h1></html>')
  },
  (response) => {
    response.destroy()
  },
  (response, body) => {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length })
    response.write(body.subarray(0, body.length >> 1), () => response.destroy())
  },
]
