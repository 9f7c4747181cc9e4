import type { Emit, RetryEvent } from '../contracts/events.ts'
import type { Claim, ClaimRequest, ProgressStore } from '../contracts/progress-store.ts'
import { isBackfillError, StoreUnavailableError } from '../errors.ts'
import { abortable, settledWithin, withDeadline } from '../util/abort.ts'
import { isFinal, type RetryPolicy, retrying, STORE_PATIENCE } from '../util/retry.ts'
import { endsRun } from './failure-policy.ts'

/** How long releasing a claim may take when the run is over, in milliseconds; then the lease runs out by itself. */
export const RELEASE_MS = 300

/**
 * The bound for stores that have none of their own, such as a pool without timeouts over a network that is gone. Far
 * beyond the slowest write, and no option: a store knows better what to expect of itself.
 */
export const STORE_TIMEOUT_MS = 300_000

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
        mayRetry: isUnavailable,
        onRetry: outage.tell,
      }),
  }
}

function isUnavailable(error: unknown): boolean {
  return isBackfillError(error, 'STORE_UNAVAILABLE')
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

interface PatientParts extends Omit<PatienceParts, 'timeoutMs'> {
  readonly patience: Patience
  readonly retry: RetryPolicy
}

/**
 * A progress store that waits while it is unavailable, and repeats a call that failed for another reason as often as a
 * write of pages. When a claim, a release or a look at what remains fails for good, nothing more is waited for: what is
 * under way comes to its end, and the next `list` fails with that error. An error that ends a run does so at once.
 *
 * Some calls stay as they are: `advance`, which is part of a commit that is repeated as a whole; and a release once the
 * run is over. The next renewal repeats one that found the store unavailable.
 */
export function patientStore(
  progress: ProgressStore,
  { relay, patience, retry, signal, emit }: PatientParts,
): ProgressStore {
  const { wait } = patience
  /** What the run is to end with, once what is under way is done. */
  let failure: { readonly error: unknown } | undefined
  let isClaiming = true

  function again<T>(call: RetryEvent['call'], attempt: () => Promise<T>, collection?: string): Promise<T> {
    return retrying(attempt, {
      ...retry,
      signal,
      mayRetry: (error) => !isFinal(error) && !isUnavailable(error) && !endsRun(error),
      onRetry: (context) => emit({ type: 'retry', relay, collection, call, ...context }),
    })
  }

  function putOff(error: unknown): void {
    // An abort is the caller's decision, not a failure of the store.
    signal.throwIfAborted()
    if (endsRun(error)) throw error
    failure ??= { error }
  }

  return {
    database: progress.database,
    register: (...call) => again('register', () => wait(() => progress.register(...call))),
    retryFailed: (...call) => wait(() => progress.retryFailed(...call)),
    reset: (...call) => again('reset', () => wait(() => progress.reset(...call))),
    cancel: (...call) => wait(() => progress.cancel(...call)),
    pauseRelay: (...call) =>
      again('pauseRelay', () => wait(() => progress.pauseRelay(...call))).catch(putOff),
    advance: (...call) => progress.advance(...call),
    renew: (...call) => again('renew', () => progress.renew(...call), call[0].collection),
    async claim(request) {
      if (!isClaiming) return undefined
      const wholly = (call: () => Promise<Claim | undefined>) => again('claim', () => wait(call))
      return claimOrRelease(progress, request, wholly).catch((error: unknown) => {
        putOff(error)
        isClaiming = false
        return undefined
      })
    },
    release(...call) {
      if (signal.aborted) return progress.release(...call)
      return again('release', () => wait(() => progress.release(...call)), call[0].collection).catch(putOff)
    },
    async remaining(...call) {
      const none = { collections: 0 }
      if (failure !== undefined) return none
      return again('remaining', () => wait(() => progress.remaining(...call))).catch((error: unknown) => {
        putOff(error)
        return none
      })
    },
    async list(...call) {
      if (failure !== undefined) throw failure.error
      return again('list', () => wait(() => progress.list(...call)))
    },
  }
}

/**
 * A claim that is granted to a call which the end of the run cut short is released.
 *
 * @param wholly makes the call with all that waits for it and repeats it: whatever stands outside of it could drop a claim
 */
async function claimOrRelease(
  progress: ProgressStore,
  request: ClaimRequest,
  wholly: (call: () => Promise<Claim | undefined>) => Promise<Claim | undefined>,
): Promise<Claim | undefined> {
  let granted: Promise<Claim | undefined> | undefined
  const call = () => {
    granted = progress.claim(request)
    return granted
  }
  try {
    return await wholly(call)
  } catch (error) {
    const release = async () => {
      const claim = await granted
      if (claim !== undefined) await progress.release(claim)
    }
    await settledWithin(RELEASE_MS, release())
    throw error
  }
}
