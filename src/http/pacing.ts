import pLimit from 'p-limit'
import type { RelayPause } from '../contracts/repo-lister.ts'
import { InvalidOptionError, RelayError } from '../errors.ts'
import { abortable, sleep } from '../util/abort.ts'
import { createPacingState, LONGEST_SERVER_PAUSE_MS, MAX_SPREAD_MS, roomOf } from './pacing-state.ts'

/** How to spare a relay beyond what it asks for itself. */
export interface PacingOptions {
  /**
   * The most requests that begin in a second, over all collections. zlay, the relay in Zig that did it first, asked for
   * one page after the other and paused 100 ms after each: at most 10.
   *
   * @default no limit: the relay's answers and `concurrency` set the pace
   */
  requestsPerSecond?: number | undefined
}

/** One for each server, shared by everything that asks it. */
export interface Pacing {
  /**
   * Makes one request when the server has room for it, and learns from how that went. It waits for a pause of a minute
   * at most: while the server asks for more, it rejects at once with the time that is left, since its caller has
   * something better to do than to wait.
   */
  run<T extends { status: number; headers: Headers }>(
    signal: AbortSignal | undefined,
    send: () => Promise<T>,
  ): Promise<T>
  /** See {@link RepoLister.onPause}. */
  onPause(listener: (pause: RelayPause) => void, signal: AbortSignal): void
}

/**
 * A place in the gate is a request under way: what has to wait does so outside, and gives its place back when a pause
 * began before it came to its turn.
 *
 * @throws InvalidOptionError
 */
export function createPacing(relay: string, options: PacingOptions = {}): Pacing {
  const { requestsPerSecond = Number.POSITIVE_INFINITY } = options
  if (!(requestsPerSecond > 0))
    throw new InvalidOptionError('requestsPerSecond', 'above 0', requestsPerSecond)
  const listeners = new Set<(pause: RelayPause) => void>()
  const gate = pLimit(Number.POSITIVE_INFINITY)
  const state = createPacingState((waitMs, error) => {
    // Outside of the request: an error of a listener is no failure of the server.
    for (const listener of listeners) queueMicrotask(() => listener({ waitMs, error }))
  })
  let nextAt = 0

  /** How long until a request may begin, in milliseconds. */
  function waitMs(): number {
    const current = state.current()
    const readyAt = current.name === 'paused' ? Math.max(current.until, nextAt) : nextAt
    return readyAt - performance.now()
  }

  async function ready(signal: AbortSignal | undefined): Promise<void> {
    for (let ms = waitMs(); ms > 0; ms = waitMs()) {
      const current = state.current()
      // The pause that was asked for, without what was added to spread its end.
      if (current.name === 'paused' && ms > LONGEST_SERVER_PAUSE_MS + MAX_SPREAD_MS)
        throw stillPaused(relay, ms, current.refusal)
      await sleep(ms, signal)
    }
  }

  /** One request, in a place of the gate. Nothing when it is too early. */
  async function attempt<T extends { status: number; headers: Headers }>(
    signal: AbortSignal | undefined,
    send: () => Promise<T>,
  ): Promise<T | undefined> {
    signal?.throwIfAborted()
    if (waitMs() > 0) return undefined
    const begunAt = performance.now()
    nextAt = begunAt + 1000 / requestsPerSecond
    try {
      const answer = await send()
      state.succeeded(answer, { begunAt, underWay: gate.activeCount })
      return answer
    } catch (error) {
      signal?.throwIfAborted()
      state.failed(error, { begunAt, underWay: gate.activeCount })
      throw error
    } finally {
      const current = state.current()
      gate.concurrency = roomOf(current.name === 'paused' ? current.next : current)
    }
  }

  return {
    async run(signal, send) {
      for (;;) {
        await ready(signal)
        const answer = await abortable(
          gate(() => attempt(signal, send)),
          signal,
        )
        if (answer !== undefined) return answer
      }
    },
    onPause(listener, signal) {
      if (signal.aborted) return
      listeners.add(listener)
      signal.addEventListener('abort', () => listeners.delete(listener), { once: true })
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
