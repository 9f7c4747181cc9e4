import type { Emit } from '../contracts/events.ts'
import type { Claim, ProgressStore, ReleaseOutcome } from '../contracts/progress-store.ts'
import { isBackfillError } from '../errors.ts'
import { type AskParts, listOf, requestPage } from '../paging/fetch-page.ts'
import { settledWithin } from '../util/abort.ts'
import { refusesCursor } from '../util/cursor.ts'
import type { ClaimQueue } from './claim-queue.ts'
import {
  endsRun,
  type Failure,
  type FailurePolicy,
  failureFrom,
  forgottenCursor,
  outcomeOf,
} from './failure-policy.ts'
import { keepLease, type Lease } from './lease.ts'
import { RELEASE_MS } from './patient-store.ts'

/** What is durable of a claim's work, and where it goes on. */
export interface WorkStep<Event> {
  /** Absent where nothing is told of it. */
  readonly event?: Event
  readonly claim: Claim
  readonly completed: boolean
}

/** How one claim is worked on. */
export interface ClaimWork<Event> {
  /** How its list is asked. Absent where it is no list itself. */
  readonly asking: AskParts | undefined
  /** Gets what becomes of the claim. */
  readonly emit: Emit
  /** Does it, a step for each commit, and tells of each. */
  steps(lease: Lease): AsyncGenerator<WorkStep<Event>, void, void>
}

export interface PoolParts<Event>
  extends Pick<FailurePolicy, 'maxAttempts' | 'maxDelayMs' | 'attemptPauseMs'> {
  readonly queue: ClaimQueue
  readonly progress: ProgressStore
  readonly signal: AbortSignal
  /** Whether a wait that one claim's server asks for is for all of them. */
  readonly isOneServer: boolean
  workOn(claim: Claim): ClaimWork<Event>
}

/** What the workers of one run have in common. */
export interface WorkerPool<Event> {
  /** One worker: takes claims and yields what is durable of them until nothing is left for any worker. */
  work(): AsyncGenerator<Event, void, void>
}

export function createWorkerPool<Event>(parts: PoolParts<Event>): WorkerPool<Event> {
  const { progress, queue, signal, maxAttempts, maxDelayMs, attemptPauseMs } = parts
  /** How often each collection was set aside in a row because the relay asked for a wait. */
  const postponements = new Map<string, number>()

  async function releaseFailed(
    claim: Claim,
    { asking, emit }: ClaimWork<Event>,
    failure: Failure,
  ): Promise<void> {
    const { error } = failure
    const { relay, collection } = claim
    if (endsRun(error)) throw error
    if (isBackfillError(error, 'CLAIM_LOST')) return emit({ type: 'claimLost', relay, collection, error })
    const postponed = postponements.get(collection) ?? 0
    const policy = { maxAttempts, maxDelayMs, attemptPauseMs, postponed }
    const refused = forgottenCursor(failure, claim)
    const cursorForgotten =
      asking !== undefined && refused !== undefined && (await hasForgotten(claim, refused, asking, signal))
    const outcome = outcomeOf(failure, claim, { ...policy, cursorForgotten })
    if (outcome.kind === 'postponed') {
      postponements.set(collection, postponed + 1)
      if (parts.isOneServer) queue.holdOff(outcome.retryInMs)
    }
    await progress.release(claim, outcome)
    emit({ type: 'collectionFailed', relay, collection, error, ...consequencesOf(claim, outcome) })
  }

  async function* workOnClaim(start: Claim): AsyncGenerator<Event, void, void> {
    const { relay, collection, cursor, pages, imported, invalid } = start
    const work = parts.workOn(start)
    const lease = keepLease(start, progress, signal)
    let claim = start
    let isHeld = true
    try {
      work.emit({ type: 'collectionStarted', relay, collection, cursor, pages, imported, invalid })
      for await (const step of work.steps(lease)) {
        claim = step.claim
        isHeld = !step.completed
        postponements.delete(collection)
        if (step.event !== undefined) yield step.event
      }
    } catch (error) {
      signal.throwIfAborted()
      await releaseFailed(claim, work, failureFrom(error))
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
        yield* workOnClaim(claim)
      }
    },
  }
}

/**
 * Whether the relay refuses a cursor of the walk while it serves the first page of the list. It is asked for both once
 * more, so that a relay which was down for a while and is back does not pass for one that has forgotten its cursors.
 */
async function hasForgotten(
  claim: Claim,
  cursor: string,
  asking: AskParts,
  signal: AbortSignal,
): Promise<boolean> {
  const ask = (at: string | undefined) =>
    requestPage({ ...listOf(claim, asking), cursor: at, pages: 0, emptyPages: 0 }, asking).then(
      () => undefined,
      (error: unknown) => error ?? true,
    )
  const first = await ask(undefined)
  const again = first === undefined ? await ask(cursor) : undefined
  signal.throwIfAborted()
  return refusesCursor(again)
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
