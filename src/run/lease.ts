import type { Claim, ProgressStore } from '../contracts/progress-store.ts'
import { isBackfillError } from '../errors.ts'
import { childController } from '../util/abort.ts'
import { endsRun } from './failure-policy.ts'

/** A claim that is kept alive. */
export interface Lease {
  /** Aborts with the run's signal, with the `ClaimLostError` of a renewal, and when the lease is let go. */
  readonly signal: AbortSignal
  /**
   * Whether it can still be held, by the time alone: a process that was stopped for longer than its lease, and goes on, is
   * to do nothing more for it, though no renewal has told it yet.
   */
  isHeld(): boolean
  letGo(): void
}

/**
 * Renews a claim three times in each lease, so that a page which waits long, for the relay or for the consumer, does
 * not lose it. A renewal that fails otherwise is left to the next one: the store is asked again by the commit anyway. A
 * mistake in the store, or an error that concerns the whole run, ends the walk at once.
 */
export function keepLease(claim: Claim, progress: ProgressStore, parent: AbortSignal): Lease {
  const held = childController(parent)
  let renewing = false
  let endsAt = performance.now() + claim.leaseMs
  const renew = async () => {
    // A store that hangs must not gather a queue of renewals.
    if (renewing) return
    renewing = true
    const askedAt = performance.now()
    try {
      await progress.renew(claim, claim.leaseMs)
      endsAt = askedAt + claim.leaseMs
    } catch (error) {
      if (isBackfillError(error, 'CLAIM_LOST') || endsRun(error)) held.abort(error)
    } finally {
      renewing = false
    }
  }
  const timer = setInterval(renew, claim.leaseMs / 3)
  // A lease alone keeps no process alive: where nothing takes the pages any more, it ends and other workers go on.
  timer.unref?.()
  const letGo = () => {
    clearInterval(timer)
    held.abort()
  }
  return { signal: held.signal, isHeld: () => performance.now() < endsAt, letGo }
}
