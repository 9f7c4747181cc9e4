import type { Emit } from '../contracts/events.ts'
import type { Claim, ProgressStore } from '../contracts/progress-store.ts'
import { isBackfillError, StoreUnavailableError } from '../errors.ts'
import { abortable, settledWithin, withDeadline } from '../util/abort.ts'
import { retrying, STORE_PATIENCE } from '../util/retry.ts'

/** How long releasing a claim may take when the run is over, in milliseconds; then the lease runs out by itself. */
export const RELEASE_MS = 300

/** How a run waits for its stores. */
export interface Patience {
  /**
   * Makes a call to a store: again for as long as the store is unavailable, and with a deadline for each try. Rejects
   * when the run is over, also while a call is under way, which then has `graceMs` milliseconds to end; 0 by default.
   */
  wait<T>(call: () => Promise<T>, graceMs?: number): Promise<T>
}

interface PatienceParts {
  readonly relay: string
  /** How long one call may go without an answer, in milliseconds. */
  readonly timeoutMs: number
  /** Aborts when the run is over. */
  readonly signal: AbortSignal
  readonly emit: Emit
}

export function createPatience({ relay, timeoutMs, signal, emit }: PatienceParts): Patience {
  const late = () => new StoreUnavailableError(`The store gave no answer within ${timeoutMs} ms.`, undefined)
  const outage = createOutage(relay, emit)
  return {
    wait: (call, graceMs = 0) =>
      retrying(() => outage.watch(withDeadline(abortable(call(), signal, graceMs), timeoutMs, late)), {
        ...STORE_PATIENCE,
        signal,
        mayRetry: (error) => isBackfillError(error, 'STORE_UNAVAILABLE'),
        onRetry: outage.tell,
      }),
  }
}

/** Tells when a store cannot be used, and, once, when it can be used again. */
export interface Outage {
  /** A call to the store: if it succeeds, an outage is over. */
  watch<T>(call: Promise<T>): Promise<T>
  tell(this: void, failure: { error: unknown; attempt: number; waitMs: number }): void
}

export function createOutage(relay: string, emit: Emit): Outage {
  let since: number | undefined
  return {
    async watch(call) {
      const result = await call
      if (since !== undefined) {
        const unavailableMs = performance.now() - since
        since = undefined
        emit({ type: 'storeAvailable', relay, unavailableMs })
      }
      return result
    },
    tell(failure) {
      since ??= performance.now()
      emit({ type: 'storeUnavailable', relay, ...failure })
    },
  }
}

/**
 * A progress store that waits while it is unavailable. Some calls stay as they are: `advance`, which is part of a
 * commit that waits as a whole; `renew`, which the next renewal repeats; and a release once the run is over. A claim
 * that was granted to a call which the end of the run cut short is released.
 */
export function patientStore(
  progress: ProgressStore,
  { wait }: Patience,
  signal: AbortSignal,
): ProgressStore {
  return {
    database: progress.database,
    register: (...call) => wait(() => progress.register(...call)),
    retryFailed: (...call) => wait(() => progress.retryFailed(...call)),
    reset: (...call) => wait(() => progress.reset(...call)),
    pauseRelay: (...call) => wait(() => progress.pauseRelay(...call)),
    remaining: (...call) => wait(() => progress.remaining(...call)),
    list: (...call) => wait(() => progress.list(...call)),
    advance: (...call) => progress.advance(...call),
    renew: (...call) => progress.renew(...call),
    async claim(request) {
      let granted: Promise<Claim | undefined> | undefined
      const call = () => {
        granted = progress.claim(request)
        return granted
      }
      try {
        return await wait(call)
      } catch (error) {
        const release = async () => {
          const claim = await granted
          if (claim !== undefined) await progress.release(claim)
        }
        await settledWithin(RELEASE_MS, release())
        throw error
      }
    },
    release: (...call) =>
      signal.aborted ? progress.release(...call) : wait(() => progress.release(...call)),
  }
}
