import pRetry, { type RetryContext as PRetryContext } from 'p-retry'
import { sleep } from './abort.ts'
import { retryAfterMs } from './describe.ts'
import { isProgrammingError } from './programming-error.ts'
import { type OptionNames, refuseUnknown, wholeNumber } from './validate-options.ts'

/** How often one request is tried again, and after which pauses. */
export interface RetryPolicy {
  /**
   * Further tries after the first. With the default pauses, nine take about half a minute, in which a server can
   * restart.
   *
   * @default 9
   */
  retries: number
  /**
   * The first pause, in milliseconds; each further one is twice as long, and up to as much again is added at random. It
   * is well below the 140 ms that a page takes, so that one failed answer costs little: if 2 % of them fail, a run
   * takes 2 % longer to fetch them again, and 1 % to pause before that. With 100 ms that would be 2 %, with a second 18
   * %. An overloaded server says so, and gets the time that it asks for.
   *
   * @default 50
   */
  minDelayMs: number
  /**
   * The longest pause, in milliseconds. If a server asks for more, the run sets the collection aside and goes on
   * with others.
   *
   * @default 60_000
   */
  maxDelayMs: number
}

/** A wait that no run sits out, in milliseconds: a server that asks for more than a day has not thought of us. */
export const LONGEST_WAIT_MS: number = 24 * 60 * 60 * 1000

/** How a store that is unavailable is asked again: soon at first, then twice a minute, for as long as it takes. */
export const STORE_PATIENCE: RetryPolicy = {
  retries: Number.POSITIVE_INFINITY,
  minDelayMs: 500,
  maxDelayMs: 30_000,
}

const OPTIONS: OptionNames<RetryPolicy> = { retries: true, minDelayMs: true, maxDelayMs: true }

/** The policy with its defaults. @throws InvalidOptionError */
export function retryPolicy(given: Partial<RetryPolicy> = {}): RetryPolicy {
  refuseUnknown(given, OPTIONS, { within: 'retry' })
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
  mayRetry: (error: unknown) => boolean | Promise<boolean>
  onRetry: (context: RetryContext) => void
}

/**
 * Runs `operation` until it succeeds, fails for good, or the signal aborts; then it rejects with the last error as it
 * is. A pause is what the server asked for, and p-retry's own growing one after it, so that it is never shorter than
 * was asked.
 *
 * A programming error is not tried again: it would be the same one for hours.
 */
export async function retrying<T>(operation: () => Promise<T>, options: RetryOptions): Promise<T> {
  const { retries, minDelayMs, maxDelayMs, longestWaitMs = maxDelayMs, signal } = options
  const attempt = async () => {
    try {
      return await operation()
    } catch (thrown) {
      throw thrown instanceof Error ? thrown : new NonError('not an error', { cause: thrown })
    }
  }
  const shouldRetry = async ({ error: carrier, attemptNumber, retryDelay }: RetryState) => {
    const error = thrownValue(carrier)
    const askedMs = retryAfterMs(error)
    if (askedMs > longestWaitMs || isProgrammingError(error)) return false
    if (!(await options.mayRetry(error))) return false
    options.onRetry({ error, attempt: attemptNumber, waitMs: askedMs + retryDelay })
    await sleep(askedMs, signal)
    return true
  }
  const backoff = { retries, minTimeout: minDelayMs, maxTimeout: maxDelayMs, factor: 2, randomize: true }
  try {
    return await pRetry(attempt, { ...backoff, signal, shouldRetry })
  } catch (error) {
    throw thrownValue(error)
  }
}

/** What p-retry tells before it pauses, as far as it is used here. */
type RetryState = Pick<PRetryContext, 'error' | 'attemptNumber' | 'retryDelay'>

/** Carries what is thrown and is no error, a string or an object, through p-retry, which takes errors alone. */
class NonError extends Error {
  override readonly name = 'NonError'
}

function thrownValue(error: unknown): unknown {
  return error instanceof NonError ? error.cause : error
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
