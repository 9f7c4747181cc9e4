import type { Claim, ReleaseOutcome } from '../contracts/progress-store.ts'
import type { RepoLister } from '../contracts/repo-lister.ts'
import { describe, hasCode, retryAfterMs } from '../errors.ts'
import { withJitter } from '../util/abort.ts'
import { isFinal, type RetryPolicy } from '../util/retry.ts'

/** A wait that no run sits out, in milliseconds: a server that asks for more than a day has not thought of us. */
export const LONGEST_WAIT_MS: number = 24 * 60 * 60 * 1000

/** The longest pause of our own between two attempts of a collection, in milliseconds. */
const LONGEST_PAUSE_MS = 60 * 60 * 1000

/** Why a walk ended before its last page. */
export interface Failure {
  readonly error: unknown
  /** Whether the relay failed, and not the stores: only then are its words about waits and cursors. */
  readonly isOfRelay: boolean
}

/** Carries an error of the relay through the walk, so that nobody takes a store's words for the relay's. */
class ListingFailure extends Error {}

/** For a `catch`: says that the error is the relay's. */
export function blameRelay(error: unknown): never {
  throw new ListingFailure('The relay did not give the page.', { cause: error })
}

/** What a walk threw, and whose fault it was. */
export function failureOf(thrown: unknown): Failure {
  const isOfRelay = thrown instanceof ListingFailure
  return { error: isOfRelay ? thrown.cause : thrown, isOfRelay }
}

interface FailureParts {
  readonly lister: RepoLister
  readonly retry: RetryPolicy
  readonly maxAttempts: number
  /** How often the collection was set aside in a row, for a wait that the relay asked for. */
  readonly postponed: number
  readonly signal: AbortSignal
}

/** What becomes of a collection whose walk failed; `claim` is where the walk had come to. */
export async function outcomeOf(
  failure: Failure,
  claim: Claim,
  parts: FailureParts,
): Promise<ReleaseOutcome> {
  const { error, isOfRelay } = failure
  const { maxDelayMs } = parts.retry
  const words = describe(error)
  const asked = retryAfterMs(error)
  if (asked > LONGEST_WAIT_MS) return { kind: 'failed', error: words }
  // A relay that asks for waits and never gives a page is a failing one after all.
  if (isOfRelay && asked > maxDelayMs && parts.postponed < parts.maxAttempts) {
    return { kind: 'postponed', error: words, retryInMs: withJitter(asked, maxDelayMs) }
  }
  const attempt = claim.attempts + 1
  if (!isHopeless(error) && attempt < parts.maxAttempts) {
    const pause = Math.min(maxDelayMs * 2 ** (attempt - 1), LONGEST_PAUSE_MS)
    return { kind: 'failed', error: words, retryInMs: withJitter(Math.max(asked, pause), pause) }
  }
  if (isOfRelay && (await isRefusedCursor(error, claim, parts))) return { kind: 'restart', error: words }
  return { kind: 'failed', error: words }
}

function isHopeless(error: unknown): boolean {
  return isFinal(error) || hasCode(error, 'CURSOR_LOOP') || hasCode(error, 'TOO_MANY_EMPTY_PAGES')
}

/**
 * Whether it is the saved cursor that the relay does not take, while it serves the first page: a server whose database
 * was rebuilt answers an old cursor with an error for ever, and some call that a 500.
 */
async function isRefusedCursor(
  error: unknown,
  claim: Claim,
  { lister, signal }: FailureParts,
): Promise<boolean> {
  // Without an answer there is no status, and nothing was refused.
  const status = error instanceof Error && 'status' in error ? Number(error.status ?? 0) : 0
  if (status < 400 || status === 429 || claim.cursor === undefined || claim.restarts > 0) return false
  try {
    await lister.listRepos({ collection: claim.collection, signal })
    return true
  } catch {
    signal.throwIfAborted()
    return false
  }
}
