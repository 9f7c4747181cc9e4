import type { Claim, ReleaseOutcome } from '../contracts/progress-store.ts'
import { isBackfillError } from '../errors.ts'
import { withJitter } from '../util/abort.ts'
import { refusesCursor } from '../util/cursor.ts'
import { describe, retryAfterMs } from '../util/describe.ts'
import { isProgrammingError } from '../util/programming-error.ts'
import { isFinal, LONGEST_WAIT_MS } from '../util/retry.ts'

/** The longest pause of our own between two attempts of a collection, in milliseconds. */
const LONGEST_ATTEMPT_PAUSE_MS = 60 * 60 * 1000

/** Why a walk ended before its last page. */
export interface Failure {
  readonly error: unknown
  /** Whether the relay failed, and not the stores: only then are its words about waits and cursors. */
  readonly isOfRelay: boolean
}

/** Carries an error of the relay through the walk, so that a store's words are never taken for the relay's. */
class ListingFailure extends Error {}

/** For a `catch`: says that the error is the relay's. */
export function throwAsRelayFailure(error: unknown): never {
  throw new ListingFailure('The relay did not give the page.', { cause: error })
}

/** What a walk threw, and whose fault it was. */
export function failureFrom(thrown: unknown): Failure {
  const isOfRelay = thrown instanceof ListingFailure
  return { error: isOfRelay ? thrown.cause : thrown, isOfRelay }
}

/** What the decision about a failed walk depends on, besides the error and the claim. */
export interface FailurePolicy {
  readonly maxAttempts: number
  /** `retry.maxDelayMs`: the longest wait that is sat out within a walk, and the first pause between two attempts. */
  readonly maxDelayMs: number
  /** The pause between two attempts, in milliseconds. Absent: it grows from `maxDelayMs` to an hour. */
  readonly attemptPauseMs?: number | undefined
  /** How often the collection was set aside in a row, for a wait that the relay asked for. */
  readonly postponed: number
  /** Whether the relay refuses the saved cursor and serves the collection's first page. */
  readonly cursorForgotten: boolean
}

/** What becomes of a collection whose walk failed. `claim` is where the walk had come to. */
export function outcomeOf(
  { error, isOfRelay }: Failure,
  claim: Pick<Claim, 'attempts' | 'restarts'>,
  { maxAttempts, maxDelayMs, attemptPauseMs, postponed, cursorForgotten }: FailurePolicy,
): ReleaseOutcome {
  const words = describe(error)
  const askedMs = retryAfterMs(error)
  if (askedMs > LONGEST_WAIT_MS) return { kind: 'failed', error: words }
  // A relay that asks for waits and never gives a page is a failing one after all.
  if (isOfRelay && askedMs > maxDelayMs && postponed < maxAttempts) {
    return { kind: 'postponed', error: words, retryInMs: withJitter(askedMs, maxDelayMs) }
  }
  if (isBackfillError(error, 'CURSORS_CHANGED')) {
    return { kind: claim.restarts === 0 ? 'restart' : 'failed', error: words, flags: ['cursorsChanged'] }
  }
  if (cursorForgotten) return { kind: 'restart', error: words }
  const attempt = claim.attempts + 1
  if (!isUselessToRepeat(error) && attempt < maxAttempts) {
    const pauseMs = attemptPauseMs ?? Math.min(maxDelayMs * 2 ** (attempt - 1), LONGEST_ATTEMPT_PAUSE_MS)
    return { kind: 'failed', error: words, retryInMs: withJitter(Math.max(askedMs, pauseMs), pauseMs) }
  }
  return { kind: 'failed', error: words }
}

function isUselessToRepeat(error: unknown): boolean {
  return (
    isFinal(error) || isBackfillError(error, 'CURSOR_LOOP') || isBackfillError(error, 'TOO_MANY_EMPTY_PAGES')
  )
}

/**
 * The cursor that the relay may have forgotten, where a walk failed by it: a server whose database was rebuilt answers
 * an old cursor with an error for ever. Then the walk may begin again at the first page, once. It is the saved one, or,
 * where the error names another, that of the walk's anchor.
 */
export function forgottenCursor({ error, isOfRelay }: Failure, claim: Claim): string | undefined {
  if (!isOfRelay || claim.restarts > 0 || !refusesCursor(error)) return undefined
  return 'cursor' in error && typeof error.cursor === 'string' ? error.cursor : claim.cursor
}

/** Whether the whole run ends with an error: it says that it concerns everything, or it is a mistake in a program. */
export function endsRun(error: unknown): boolean {
  if (isProgrammingError(error)) return true
  return error instanceof Error && 'scope' in error && error.scope === 'run'
}
