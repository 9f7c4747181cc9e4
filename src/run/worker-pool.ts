import type { PageEvent } from '../contracts/events.ts'
import type { Claim, ReleaseOutcome } from '../contracts/progress-store.ts'
import { isBackfillError } from '../errors.ts'
import { requestPage } from '../paging/fetch-page.ts'
import { settledWithin } from '../util/abort.ts'
import { refusesCursor } from '../util/cursor.ts'
import type { ClaimQueue } from './claim-queue.ts'
import { endsRun, type Failure, failureFrom, forgottenCursor, outcomeOf } from './failure-policy.ts'
import { keepLease } from './lease.ts'
import { RELEASE_MS } from './patient-store.ts'
import { type WalkParts, walk } from './walk.ts'

export interface WorkerParts extends WalkParts {
  readonly queue: ClaimQueue
  readonly maxAttempts: number
}

/** What the workers of one run have in common. */
export interface WorkerPool {
  /** One worker: takes claims and yields their pages until nothing is left for any worker. */
  work(): AsyncGenerator<PageEvent, void, void>
}

export function createWorkerPool(parts: WorkerParts): WorkerPool {
  const { lister, progress, queue, emit, signal, maxAttempts, retry } = parts
  const { relay } = lister
  /** How often each collection was set aside in a row because the relay asked for a wait. */
  const postponements = new Map<string, number>()

  /**
   * Whether the relay refuses a cursor of the walk while it serves the collection's first page. It is asked for both once
   * more, so that a relay which was down for a while and is back does not pass for one that has forgotten its cursors.
   */
  async function hasForgotten(collection: string, cursor: string): Promise<boolean> {
    const ask = (at: string | undefined) =>
      requestPage({ relay, collection, cursor: at, pages: 0, emptyPages: 0 }, parts).then(
        () => undefined,
        (error: unknown) => error ?? true,
      )
    const first = await ask(undefined)
    const again = first === undefined ? await ask(cursor) : undefined
    signal.throwIfAborted()
    return refusesCursor(again)
  }

  async function giveBack(claim: Claim, failure: Failure): Promise<void> {
    const { error } = failure
    const { collection } = claim
    if (endsRun(error)) throw error
    if (isBackfillError(error, 'CLAIM_LOST')) return emit({ type: 'claimLost', relay, collection, error })
    const postponed = postponements.get(collection) ?? 0
    const policy = { maxAttempts, maxDelayMs: retry.maxDelayMs, postponed }
    const refused = forgottenCursor(failure, claim)
    const cursorForgotten = refused !== undefined && (await hasForgotten(collection, refused))
    const outcome = outcomeOf(failure, claim, { ...policy, cursorForgotten })
    if (outcome.kind === 'postponed') {
      postponements.set(collection, postponed + 1)
      queue.holdOff(outcome.retryInMs)
    }
    await progress.release(claim, outcome)
    emit({ type: 'collectionFailed', relay, collection, error, ...consequencesOf(claim, outcome) })
  }

  async function* walkClaim(start: Claim): AsyncGenerator<PageEvent, void, void> {
    const { collection, cursor, pages, imported, invalid } = start
    const lease = keepLease(start, progress, signal)
    let claim = start
    let isHeld = true
    try {
      emit({ type: 'collectionStarted', relay, collection, cursor, pages, imported, invalid })
      for await (const step of walk(start, parts, lease.signal)) {
        claim = step.claim
        isHeld = !step.event.completed
        postponements.delete(collection)
        emit(step.event)
        yield step.event
      }
    } catch (error) {
      signal.throwIfAborted()
      await giveBack(claim, failureFrom(error))
      isHeld = false
    } finally {
      lease.letGo()
      queue.wake()
      if (isHeld) await settledWithin(RELEASE_MS, progress.release(claim))
    }
  }

  return {
    async *work() {
      for (let claim = await queue.next(); claim !== undefined; claim = await queue.next()) {
        yield* walkClaim(claim)
      }
    },
  }
}

function consequencesOf(
  claim: Claim,
  outcome: ReleaseOutcome,
): { attempts: number; retryInMs?: number; restart: boolean } {
  if (outcome.kind === 'restart') return { attempts: claim.attempts, restart: true }
  const attempts = claim.attempts + (outcome.kind === 'failed' ? 1 : 0)
  return outcome.retryInMs === undefined
    ? { attempts, restart: false }
    : { attempts, retryInMs: outcome.retryInMs, restart: false }
}
