import pLimit from 'p-limit'
import { InvalidOptionError, RelayError } from '../errors.ts'
import { abortable, sleep, withJitter } from '../util/abort.ts'
import { answered, halved, OPEN, type Pace, probing, roomOf } from './pace.ts'
import { rateLimitResetMs } from './retry-after.ts'

/** How gently a relay is asked, beyond what it asks for itself. */
export interface PacingOptions {
  /**
   * The most requests that are begun in a second, over all collections. The relay in Zig that this library succeeds asked
   * for one page after the other and paused 100 ms after each: at most 10.
   *
   * @default no limit: the relay's answers and the number of collections walked at once set the pace
   */
  requestsPerSecond?: number | undefined
  /**
   * Told each time that every request has to wait, and for how many milliseconds from now: after a refusal, which is the
   * `error` then, or because `RateLimit-Remaining` ran out. What it throws is an uncaught exception.
   */
  onPause?: ((context: { relay: string; waitMs: number; error?: unknown }) => void) | undefined
}

/** One for each server, shared by everything that asks it. */
export interface Pacing {
  /** Makes one request when the server has room for it, and learns from how that went. */
  run<T extends { status: number; headers: Headers }>(
    signal: AbortSignal | undefined,
    send: () => Promise<T>,
  ): Promise<T>
}

/**
 * The longest pause that requests wait for here, in milliseconds. While the server asks for more, they are refused at once
 * with the time that is left, and the caller has something better to do than to wait.
 */
const LONGEST_PAUSE_MS = 60_000

/** The first pause after a refusal that names no time, in milliseconds; each further one in a row is twice as long. */
const FIRST_PAUSE_MS = 1000

/**
 * A wait that the server asks for ends within an eighth of its length, 250 ms of two seconds: enough to keep the processes
 * of several machines apart, each of which begins with one request. One of our own is spread over half of its length.
 */
const WAIT_PER_SPREAD = 8

/** Over how much the end of any pause is spread at most, in milliseconds. */
const MAX_SPREAD_MS = 500

/** A pace, or a pause before it: nothing is begun before `until`, by `performance.now()`. */
type State = Pace | { name: 'paused'; until: number; refusal: unknown; next: Pace }

/** @throws InvalidOptionError */
export function createPacing(relay: string, options: PacingOptions = {}): Pacing {
  const { requestsPerSecond = Number.POSITIVE_INFINITY, onPause } = options
  if (!(requestsPerSecond > 0))
    throw new InvalidOptionError('requestsPerSecond', 'above 0', requestsPerSecond)
  const gate = pLimit(Number.POSITIVE_INFINITY)
  let state: State = OPEN
  let nextAt = 0
  /** When the pace was last slowed down: what was under way then says nothing of what the server bears since. */
  let slowedAt = Number.NEGATIVE_INFINITY
  let refusals = 0

  /** How long until a request may begin, in milliseconds; a pause that is over ends here. */
  function waitMs(): number {
    const now = performance.now()
    if (state.name === 'paused' && state.until <= now) state = state.next
    return Math.max(state.name === 'paused' ? state.until : 0, nextAt) - now
  }

  /** Waits where no place is taken, so that the gate counts the requests under way and nothing else. */
  async function ready(signal: AbortSignal | undefined): Promise<void> {
    for (let ms = waitMs(); ms > 0; ms = waitMs()) {
      // The pause that was asked for, without what was added to spread its end.
      if (state.name === 'paused' && ms > LONGEST_PAUSE_MS + MAX_SPREAD_MS)
        throw stillPaused(relay, ms, state.refusal)
      await sleep(ms, signal)
    }
  }

  function change(by: (pace: Pace) => Pace): void {
    const pace = by(state.name === 'paused' ? state.next : state)
    state = state.name === 'paused' ? { ...state, next: pace } : pace
    gate.concurrency = roomOf(pace)
  }

  /** Until `ms` from now, and up to `spreadMs` longer; not at all when everything waits as long already. */
  function pause(ms: number, spreadMs: number, refusal?: unknown): void {
    const now = performance.now()
    if (state.name === 'paused' && now + ms <= state.until) return
    const waitMs = withJitter(ms, 2 * Math.min(spreadMs, MAX_SPREAD_MS))
    state = {
      name: 'paused',
      until: now + waitMs,
      refusal,
      next: state.name === 'paused' ? state.next : state,
    }
    // Outside of the request: an error of the callback is no failure of the server.
    if (onPause) queueMicrotask(() => onPause({ relay, waitMs, error: refusal }))
  }

  function learnFrom(error: unknown, begunAt: number): void {
    if (!(error instanceof RelayError)) return
    const { status, retryAfterMs } = error
    const isRefused = status === 429 || status === 503
    if (!isRefused && error.code !== 'RELAY_TIMEOUT') return
    // Once for all that were under way together.
    const isNews = begunAt > slowedAt
    if (isNews) {
      slowedAt = performance.now()
      change((pace) => halved(pace, gate.activeCount))
    }
    if (!isRefused) return
    change(probing)
    if (isNews) refusals += 1
    const ownMs = Math.min(FIRST_PAUSE_MS * 2 ** Math.max(0, refusals - 1), LONGEST_PAUSE_MS)
    if (retryAfterMs === undefined) pause(ownMs, ownMs / 2, error)
    else pause(retryAfterMs, retryAfterMs / WAIT_PER_SPREAD, error)
  }

  function learn({ status, headers }: { status: number; headers: Headers }, begunAt: number): void {
    if (begunAt > slowedAt) {
      refusals = 0
      change(answered)
    }
    const remaining = headers.get('ratelimit-remaining') ?? ''
    // Short of the limit: the others under way are not in this answer's count, and will use what it says is left.
    if (!/^\d{1,9}$/.test(remaining) || Number(remaining) >= gate.activeCount) return
    const resetMs = rateLimitResetMs(headers)
    if (status === 200 && resetMs !== undefined) pause(resetMs, resetMs / WAIT_PER_SPREAD)
  }

  return {
    async run(signal, send) {
      /** In a place of the gate. Nothing, and the place is free again, when a pause began while it was waited for. */
      const attempt = async () => {
        signal?.throwIfAborted()
        if (waitMs() > 0) return undefined
        const begunAt = performance.now()
        nextAt = begunAt + 1000 / requestsPerSecond
        try {
          const answer = await send()
          learn(answer, begunAt)
          return answer
        } catch (error) {
          signal?.throwIfAborted()
          learnFrom(error, begunAt)
          throw error
        }
      }
      for (;;) {
        await ready(signal)
        const answer = await abortable(gate(attempt), signal)
        if (answer !== undefined) return answer
      }
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
