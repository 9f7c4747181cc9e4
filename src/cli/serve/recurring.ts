import { sleep } from '../../util/abort.ts'
import { isProgrammingError } from '../../util/programming-error.ts'

/** Work that a service does for as long as it lives. */
export interface RecurringWork {
  /** Does it once. @returns how long until it is done again, in milliseconds */
  readonly work: (signal: AbortSignal) => Promise<number>
  /** It failed, and is begun again after `waitMs`. */
  readonly onFailure: (error: unknown, waitMs: number) => void
  /** The first pause after a failure and the longest, in milliseconds: each further one is twice as long. */
  readonly pauseMs: { readonly least: number; readonly most: number }
}

/**
 * Does it again and again until the signal aborts. A failure is no end: what it comes from may pass. A mistake in the
 * program is thrown, since it would be the same one each time.
 */
export async function keepDoing(
  { work, onFailure, pauseMs }: RecurringWork,
  signal: AbortSignal,
): Promise<void> {
  let failures = 0
  while (!signal.aborted) {
    let waitMs: number
    try {
      waitMs = await work(signal)
      failures = 0
    } catch (error) {
      if (signal.aborted) return
      if (isProgrammingError(error)) throw error
      waitMs = Math.min(pauseMs.least * 2 ** failures, pauseMs.most)
      failures += 1
      onFailure(error, waitMs)
    }
    // The pause ends with the service.
    await sleep(waitMs, signal).catch(() => {})
  }
}
