import pRetry from 'p-retry'
import { retryAfterMs } from '../errors.ts'
import { sleep, withJitter } from './abort.ts'
import { wholeNumber } from './validate-options.ts'

/** How patiently one request is tried again. */
export interface RetryPolicy {
  /**
   * Further tries after the first. With the default pauses, nine last some half a minute: a server that restarts is
   * waited for in place.
   *
   * @default 9
   */
  retries: number
  /**
   * The first pause, in milliseconds; each further one is twice as long, with jitter on top. Well below the 140 ms that a
   * page takes, so that one failed answer costs little: where 2 % of them fail, a run takes 2 % longer to fetch them again,
   * and another 1 % to pause before that. With 100 ms that would be 2 %, with a second 18 %. A server that is overloaded says
   * so, and is given time of its own.
   *
   * @default 50
   */
  minDelayMs: number
  /**
   * The longest pause, in milliseconds. A server that asks for more is not waited for in place: its collection is set
   * aside. A relay's `maxPauseMs` is the same bound for the requests of other collections.
   *
   * @default 60_000
   */
  maxDelayMs: number
}

/** How a store that is unavailable is asked again: soon at first, then twice a minute, for as long as it takes. */
export const STORE_PATIENCE: RetryPolicy = {
  retries: Number.POSITIVE_INFINITY,
  minDelayMs: 500,
  maxDelayMs: 30_000,
}

/** The policy with its defaults. @throws InvalidOptionError */
export function retryPolicy(given: Partial<RetryPolicy> = {}): RetryPolicy {
  return {
    retries: wholeNumber('retry.retries', given.retries ?? 9, 0),
    minDelayMs: wholeNumber('retry.minDelayMs', given.minDelayMs ?? 50, 0),
    maxDelayMs: wholeNumber('retry.maxDelayMs', given.maxDelayMs ?? 60_000, 0),
  }
}

/** A try that failed and will be repeated. */
export interface RetryContext {
  error: unknown
  /** Which try failed, from 1. */
  attempt: number
  /** The pause before the next one, in milliseconds. */
  waitMs: number
}

interface RetryOptions extends RetryPolicy {
  /** The longest wait that a server may ask for, in milliseconds. @default maxDelayMs */
  longestWaitMs?: number | undefined
  signal: AbortSignal
  mayRetry: (error: unknown) => boolean
  onRetry: (context: RetryContext) => void
}

/** Runs `operation` until it succeeds, fails for good, or the signal aborts; then it rejects with the last error as it is. */
export async function retrying<T>(operation: () => Promise<T>, options: RetryOptions): Promise<T> {
  const { signal } = options
  const attempt = async () => {
    try {
      return await operation()
    } catch (error) {
      signal.throwIfAborted()
      throw new FailedAttempt(error)
    }
  }
  // The pause is ours, so p-retry gets none: it could not know what the server asked for.
  const shouldRetry = async ({ error, attemptNumber }: { error: Error; attemptNumber: number }) => {
    const { cause } = error
    const waitMs = pauseBefore(cause, attemptNumber, options)
    if (!options.mayRetry(cause) || waitMs === undefined) return false
    options.onRetry({ error: cause, attempt: attemptNumber, waitMs })
    await sleep(waitMs, signal)
    return true
  }
  try {
    return await pRetry(attempt, { retries: options.retries, minTimeout: 0, signal, shouldRetry })
  } catch (error) {
    throw error instanceof FailedAttempt ? error.cause : error
  }
}

/** Carries any thrown value through p-retry, which looks into some errors and refuses values that are none. */
class FailedAttempt extends Error {
  constructor(cause: unknown) {
    super('attempt failed', { cause })
  }
}

/** The larger of what the server asked for and a growing pause, and jitter on top; nothing when it asked for too much. */
function pauseBefore(
  error: unknown,
  attempt: number,
  { minDelayMs, maxDelayMs, longestWaitMs = maxDelayMs }: RetryOptions,
): number | undefined {
  const asked = retryAfterMs(error)
  if (asked > longestWaitMs) return undefined
  const backoff = Math.min(maxDelayMs, minDelayMs * 2 ** (attempt - 1))
  return withJitter(Math.max(asked, backoff), backoff)
}

/** Whether an error says itself that trying again is useless. One that says nothing may have been a passing fault. */
export function isFinal(error: unknown): boolean {
  return retryableOf(error) === false
}

/** Whether an error says itself that trying again is worth it. */
export function isPassing(error: unknown): boolean {
  return retryableOf(error) === true
}

function retryableOf(error: unknown): unknown {
  return error instanceof Error && 'retryable' in error ? error.retryable : undefined
}
