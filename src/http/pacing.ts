import pLimit from 'p-limit'
import { InvalidOptionError, RelayError } from '../errors.ts'
import { abortable, sleep, withJitter } from '../util/abort.ts'
import { wholeNumber } from '../util/validate-options.ts'
import { rateLimitResetMs } from './retry-after.ts'

/** How gently a relay is asked, beyond what it asks for itself. */
export interface GovernorOptions {
  /**
   * The most requests that are begun in a second, over all collections.
   *
   * @default no limit: the relay's answers and the number of collections walked at once set the pace
   */
  requestsPerSecond?: number | undefined
  /**
   * The least time between an answer and the next request for the same collection, in milliseconds. The relay in Zig
   * that this library succeeds waited 100.
   *
   * @default 0
   */
  pauseMs?: number | undefined
  /**
   * The longest pause that requests wait for here, in milliseconds. While the relay asks for more, they are refused at
   * once, with the time that is left in `retryAfterMs`.
   *
   * @default 60_000
   */
  maxPauseMs?: number | undefined
  /**
   * Told each time that everybody has to wait, and for how many milliseconds from now: after a refusal, which is the
   * `error` then, or because `RateLimit-Remaining` ran out. What it throws is an uncaught exception.
   */
  onPause?: ((context: { relay: string; waitMs: number; error?: unknown }) => void) | undefined
}

/** One for each relay, shared by everybody who asks it. */
export interface Governor {
  /** Makes one request when the relay has room for it, and learns from how that went. */
  run<T extends { status: number; headers: Headers }>(
    request: GovernedRequest,
    send: () => Promise<T>,
  ): Promise<T>
}

interface GovernedRequest {
  readonly collection: string
  readonly signal: AbortSignal | undefined
}

/** The first pause after a refusal that names no time, in milliseconds; each further one in a row is twice as long. */
const FIRST_PAUSE_MS = 1000

/**
 * A wait that the relay asks for ends within an eighth of its length, 250 ms of two seconds: enough to keep the processes of
 * several machines apart, each of which begins with one request. One of our own is spread over half of its length.
 */
const WAIT_PER_SPREAD = 8

/** Over how much the end of any pause is spread at most, in milliseconds. */
const MAX_SPREAD_MS = 500

/** @throws InvalidOptionError */
export function createGovernor(relay: string, options: GovernorOptions): Governor {
  const { requestsPerSecond = Number.POSITIVE_INFINITY, pauseMs = 0, maxPauseMs = 60_000, onPause } = options
  if (!(requestsPerSecond > 0))
    throw new InvalidOptionError('requestsPerSecond', 'above 0', requestsPerSecond)
  wholeNumber('pauseMs', pauseMs, 0)
  wholeNumber('maxPauseMs', maxPauseMs, 0)
  const limit = pLimit(Number.POSITIVE_INFINITY)
  const answeredAt = new Map<string, number>()
  let nextAt = 0
  let askedUntil = 0
  let pausedUntil = 0
  let refusal: unknown
  let refusals = 0
  let slowedAt = 0
  let isProbing = false
  let resumed = 1
  let peak = 1
  let successes = 0
  let asking = 0
  let answer = Promise.withResolvers<void>()

  /**
   * Waits for the relay's pause, for the pace, and for the collection's own pause. Whoever waited when the room became less
   * waits for the answers to others as well. The caller tells by `answered` that its request is over.
   */
  async function wait({ collection, signal }: GovernedRequest): Promise<number> {
    for (;;) {
      const now = performance.now()
      if (askedUntil - now > maxPauseMs) throw stillPaused(relay, pausedUntil - now, refusal)
      const readyAt = Math.max(pausedUntil, nextAt, (answeredAt.get(collection) ?? -pauseMs) + pauseMs)
      if (readyAt > now) {
        await sleep(readyAt - now, signal)
      } else if (asking >= limit.concurrency) {
        await abortable(answer.promise, signal)
      } else {
        asking += 1
        nextAt = now + 1000 / requestsPerSecond
        return now
      }
    }
  }

  function answered(collection: string): void {
    asking -= 1
    if (pauseMs > 0) answeredAt.set(collection, performance.now())
    answer.resolve()
    answer = Promise.withResolvers()
  }

  /** Until `ms` from now, and up to `spreadMs` longer; not at all when everybody waits as long already. */
  function pause(ms: number, spreadMs: number, reason?: unknown): void {
    const now = performance.now()
    if (now + ms <= pausedUntil) return
    const waitMs = withJitter(ms, 2 * Math.min(spreadMs, MAX_SPREAD_MS))
    askedUntil = now + ms
    pausedUntil = now + waitMs
    refusal = reason
    // Outside of the request: an error of the callback is no failure of the relay.
    if (onPause) queueMicrotask(() => onPause({ relay, waitMs, error: reason }))
  }

  /** Halves the requests in flight, once for all that were under way together. */
  function slowDown(): void {
    slowedAt = performance.now()
    successes = 0
    // One that asks alone and is refused says nothing of how many the relay bears.
    if (isProbing) return
    const inFlight = limit.activeCount
    if (limit.concurrency === Number.POSITIVE_INFINITY) peak = inFlight
    limit.concurrency = Math.max(1, Math.floor(Math.min(limit.concurrency, inFlight) / 2))
  }

  /** From a refusal to the next answer, one request at a time asks whether the relay still refuses. */
  function probe(): void {
    if (isProbing) return
    isProbing = true
    resumed = limit.concurrency
    limit.concurrency = 1
  }

  /** One more in flight for each round of successes, until the relay bears again what it did not bear. */
  function speedUp(begunAt: number): void {
    // What was under way when the relay had enough says nothing of what it bears since.
    if (begunAt <= slowedAt) return
    refusals = 0
    if (isProbing) {
      isProbing = false
      limit.concurrency = resumed
      return
    }
    if (limit.concurrency === Number.POSITIVE_INFINITY || ++successes < limit.concurrency) return
    successes = 0
    limit.concurrency = limit.concurrency >= peak ? Number.POSITIVE_INFINITY : limit.concurrency + 1
  }

  function learn(error: unknown, begunAt: number): void {
    if (!(error instanceof RelayError)) return
    const { status, retryAfterMs } = error
    const isRefused = status === 429 || status === 503
    if (!isRefused && error.code !== 'RELAY_TIMEOUT') return
    const isNews = begunAt > slowedAt
    if (isNews) slowDown()
    if (!isRefused) return
    probe()
    if (isNews) refusals += 1
    const waitMs = retryAfterMs ?? Math.min(FIRST_PAUSE_MS * 2 ** Math.max(0, refusals - 1), maxPauseMs)
    pause(waitMs, retryAfterMs === undefined ? waitMs / 2 : waitMs / WAIT_PER_SPREAD, error)
  }

  /** Stops short of the limit: the others in flight are not in this answer's count, and will use what it says is left. */
  function heed({ status, headers }: { status: number; headers: Headers }): void {
    const remaining = headers.get('ratelimit-remaining') ?? ''
    if (!/^\d{1,9}$/.test(remaining) || Number(remaining) >= limit.activeCount) return
    const resetMs = rateLimitResetMs(headers)
    if (status === 200 && resetMs !== undefined) pause(resetMs, resetMs / WAIT_PER_SPREAD)
  }

  return {
    run(request, send) {
      const governed = async () => {
        request.signal?.throwIfAborted()
        const begunAt = await wait(request)
        try {
          const response = await send()
          speedUp(begunAt)
          heed(response)
          return response
        } catch (error) {
          request.signal?.throwIfAborted()
          learn(error, begunAt)
          throw error
        } finally {
          answered(request.collection)
        }
      }
      return abortable(limit(governed), request.signal)
    },
  }
}

function stillPaused(relay: string, leftMs: number, cause: unknown): RelayError {
  return new RelayError(
    'RELAY_STATUS',
    `${relay} asked for a pause that lasts another ${Math.ceil(leftMs / 1000)} s; nothing is sent before.`,
    { relay, retryable: true, retryAfterMs: Math.ceil(leftMs), cause },
  )
}
