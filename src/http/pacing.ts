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

/** How often requests may begin: a limit of one server, or of several that share one. */
export interface Rate {
  /** How long until a request may begin, in milliseconds; none or less for at once. */
  waitMs(): number
  /** One begins now. */
  take(): void
  /** How long a pause lasts that one of the servers asked for, in milliseconds; none or less without one. */
  heldMs(): number
  /** One of the servers asks for a pause of `ms` milliseconds. */
  hold(ms: number): void
}

/** When the next request may begin, and until when none may, in milliseconds of `performance.now()`. */
export interface RateClock {
  nextAt: number
  heldUntil: number
}

export function createRateClock(): RateClock {
  return { nextAt: Number.NEGATIVE_INFINITY, heldUntil: Number.NEGATIVE_INFINITY }
}

/**
 * @param firstInMs how long until the first request, in milliseconds
 * @param clock shared by all that ask the same server
 */
export function createRate(
  requestsPerSecond: number,
  firstInMs = 0,
  clock: RateClock = createRateClock(),
): Rate {
  clock.nextAt = Math.max(clock.nextAt, performance.now() + firstInMs)
  return {
    waitMs: () => Math.max(clock.nextAt, clock.heldUntil) - performance.now(),
    take() {
      clock.nextAt = performance.now() + 1000 / requestsPerSecond
    },
    heldMs: () => clock.heldUntil - performance.now(),
    hold(ms) {
      clock.heldUntil = Math.max(clock.heldUntil, performance.now() + ms)
    },
  }
}

/** @throws InvalidOptionError */
export function checkRate(option: string, requestsPerSecond: unknown): number {
  if (typeof requestsPerSecond === 'number' && requestsPerSecond > 0) return requestsPerSecond
  throw new InvalidOptionError(option, 'above 0', requestsPerSecond)
}

/**
 * A place in the gate is a request under way: what has to wait does so outside, and gives its place back when a pause
 * began before it came to its turn. One of those that wait looks at the clock at a time, and the others wait for it.
 *
 * @throws InvalidOptionError
 */
export function createPacing(relay: string, options: PacingOptions = {}): Pacing {
  const { requestsPerSecond = Number.POSITIVE_INFINITY } = options
  return createPacingAt(relay, [createRate(checkRate('requestsPerSecond', requestsPerSecond))])
}

/** Bounds how many requests are under way to all servers together: runs what it is given once there is a place. */
export type Places = <T>(work: () => Promise<T>) => Promise<T>

/**
 * A pacing whose requests keep all of these rates.
 *
 * @param places what a request waits for before it looks at the clock: those that waited together do not begin together.
 *   @default as many as there are requests
 */
export function createPacingAt(
  relay: string,
  rates: readonly Rate[],
  places: Places = (work) => work(),
): Pacing {
  const turns = pLimit(1)
  const listeners = new Set<(pause: RelayPause) => void>()
  const gate = pLimit(Number.POSITIVE_INFINITY)
  const state = createPacingState((waitMs, error) => {
    // Outside of the request: an error of a listener is no failure of the server.
    for (const listener of listeners) queueMicrotask(() => listener({ waitMs, error }))
    // What one host refuses for another reason, servers that share a limit with it do not.
    const isOfLimit = error === undefined || (error instanceof RelayError && error.status === 429)
    for (const rate of isOfLimit ? rates : []) rate.hold(waitMs)
  })
  /** How long until a request may begin, in milliseconds. */
  function waitMs(): number {
    return Math.max(pauseMs(), ...rates.map((rate) => rate.waitMs()))
  }

  function pauseMs(): number {
    const current = state.current()
    const ownMs = current.name === 'paused' ? current.until - performance.now() : 0
    return Math.max(ownMs, ...rates.map((rate) => rate.heldMs()))
  }

  async function ready(signal: AbortSignal | undefined): Promise<void> {
    for (let ms = waitMs(); ms > 0; ms = waitMs()) {
      const current = state.current()
      // The pause that was asked for, without what was added to spread its end.
      if (pauseMs() > LONGEST_SERVER_PAUSE_MS + MAX_SPREAD_MS)
        throw stillPaused(relay, pauseMs(), current.name === 'paused' ? current.refusal : undefined)
      await sleep(ms, signal)
    }
  }

  /** One request, in a place of the gate. Nothing when it is too early. */
  async function attempt<T extends { status: number; headers: Headers }>(
    signal: AbortSignal | undefined,
    send: () => Promise<T>,
    onBegin: () => void,
  ): Promise<T | undefined> {
    signal?.throwIfAborted()
    if (waitMs() > 0) return undefined
    onBegin()
    const begunAt = performance.now()
    for (const rate of rates) rate.take()
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

  /** Begins one request when its time has come. @returns its answer to be */
  async function begin<T extends { status: number; headers: Headers }>(
    signal: AbortSignal | undefined,
    send: () => Promise<T>,
  ): Promise<{ answer: Promise<T | undefined> }> {
    for (;;) {
      await ready(signal)
      const begun = Promise.withResolvers<boolean>()
      const answer = gate(() => places(() => attempt(signal, send, () => begun.resolve(true))))
      if (await Promise.race([begun.promise, answer.then((early) => early !== undefined)])) return { answer }
    }
  }

  return {
    async run(signal, send) {
      for (;;) {
        const { answer: coming } = await abortable(
          turns(() => begin(signal, send)),
          signal,
        )
        const answer = await abortable(coming, signal)
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
