import { describe, hasCode } from './errors.ts'
import type { Claim, ReleaseOutcome } from './progress-store.ts'
import type { RepoLister } from './repo-lister.ts'
import { isFinal, type RetryPolicy, retryAfterMs } from './retry.ts'
import { withJitter } from './time.ts'

/** A wait that no run sits out, in milliseconds: a server that asks for more than a day has not thought of us. */
const LONGEST_WAIT_MS = 24 * 60 * 60 * 1000

interface FailureParts {
  readonly lister: RepoLister
  readonly retry: RetryPolicy
  readonly maxAttempts: number
  readonly signal: AbortSignal
}

/** What becomes of a collection whose walk ended with `error`; `claim` is where the walk had come to. */
export async function outcomeOf(error: unknown, claim: Claim, parts: FailureParts): Promise<ReleaseOutcome> {
  const { maxDelayMs } = parts.retry
  const words = describe(error)
  const asked = retryAfterMs(error)
  if (asked > LONGEST_WAIT_MS) return { kind: 'failed', error: words }
  if (asked > maxDelayMs) return { kind: 'postponed', error: words, retryInMs: withJitter(asked, maxDelayMs) }
  const attempt = claim.attempts + 1
  if (!isHopeless(error) && attempt < parts.maxAttempts) {
    return { kind: 'failed', error: words, retryInMs: withJitter(maxDelayMs * 2 ** (attempt - 1)) }
  }
  if (await isRefusedCursor(error, claim, parts)) return { kind: 'restart', error: words }
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
  const status = error instanceof Error && 'status' in error ? Number(error.status) : 0
  if (status < 400 || status === 429 || claim.cursor === undefined || claim.restarts > 0) return false
  try {
    await lister.listRepos({ collection: claim.collection, signal })
    return true
  } catch {
    signal.throwIfAborted()
    return false
  }
}
