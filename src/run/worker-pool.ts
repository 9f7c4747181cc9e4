import type { PageEvent } from '../contracts/events.ts'
import type { Claim, ReleaseOutcome } from '../contracts/progress-store.ts'
import { hasCode, StoreUnavailableError } from '../errors.ts'
import { abortable, answered, within } from '../util/abort.ts'
import { retrying, STORE_PATIENCE } from '../util/retry.ts'
import { createClaims, RELEASE_MS } from './claim-queue.ts'
import { type Failure, failureOf, outcomeOf } from './failure-policy.ts'
import { keepLease } from './lease.ts'
import type { Settings } from './options.ts'
import { walk } from './walk.ts'

/** What the workers of one run have in common. */
export interface Crew {
  /** Takes claims and yields their pages until nothing is left for anybody. */
  work(): AsyncGenerator<PageEvent, void, void>
  /** Runs a call to the stores, waiting while they are unavailable. */
  patiently<T>(operation: () => Promise<T>): Promise<T>
}

/** @param stop aborts when the run ends, for whatever reason */
export function createCrew(settings: Settings, stop: AbortSignal): Crew {
  const { lister, progress, storeTimeoutMs, hooks } = settings
  const { relay } = lister
  const claims = createClaims(settings, stop, patiently)
  /** How often each collection was set aside in a row because the relay asked for a wait. */
  const postponements = new Map<string, number>()

  function patiently<T>(operation: () => Promise<T>): Promise<T> {
    const mayRetry = (error: unknown) => hasCode(error, 'STORE_UNAVAILABLE')
    const onRetry = hooks.storeUnavailable ?? (() => {})
    const late = () =>
      new StoreUnavailableError(`The store gave no answer within ${storeTimeoutMs} ms.`, undefined)
    const attempt = () => answered(operation(), storeTimeoutMs, late)
    return retrying(attempt, { ...STORE_PATIENCE, signal: stop, mayRetry, onRetry })
  }

  async function handBack(claim: Claim, { error, isOfRelay }: Failure): Promise<void> {
    const { collection } = claim
    if (hasCode(error, 'NOT_MIGRATED')) throw error
    if (hasCode(error, 'CLAIM_LOST')) return hooks.claimLost?.({ relay, collection, error })
    const postponed = postponements.get(collection) ?? 0
    const outcome = await abortable(
      outcomeOf({ error, isOfRelay }, claim, { ...settings, postponed, signal: stop }),
      stop,
    )
    if (outcome.kind === 'postponed') {
      postponements.set(collection, postponed + 1)
      claims.rest(outcome.retryInMs)
    }
    await patiently(() => abortable(progress.release(claim, outcome), stop))
    hooks.collectionFailed?.({ relay, collection, error, ...consequences(claim, outcome) })
  }

  async function* walkClaim(claim: Claim): AsyncGenerator<PageEvent, void, void> {
    const { collection, cursor, pages, imported } = claim
    const lease = keepLease(claim, progress, stop)
    let at = claim
    let held = true
    try {
      hooks.collectionStarted?.({ relay, collection, cursor, pages, imported })
      const parts = { ...settings, signal: lease.signal, patiently }
      for await (const event of walk(claim, parts)) {
        at = { ...claim, cursor: event.cursor, pages: event.pages, imported: event.imported, attempts: 0 }
        held = !event.completed
        postponements.delete(collection)
        if (event.completed) {
          hooks.collectionCompleted?.({ relay, collection, pages: at.pages, imported: at.imported })
        }
        yield event
      }
    } catch (error) {
      stop.throwIfAborted()
      await handBack(at, failureOf(error))
      held = false
    } finally {
      lease.stop()
      claims.wake()
      if (held) await within(RELEASE_MS, progress.release(claim))
    }
  }

  return {
    patiently,
    async *work() {
      for (let claim = await claims.next(); claim !== undefined; claim = await claims.next()) {
        yield* walkClaim(claim)
      }
    },
  }
}

function consequences(
  claim: Claim,
  outcome: ReleaseOutcome,
): { attempts: number; retryInMs?: number; restart: boolean } {
  if (outcome.kind === 'restart') return { attempts: claim.attempts, restart: true }
  const attempts = claim.attempts + (outcome.kind === 'failed' ? 1 : 0)
  return outcome.retryInMs === undefined
    ? { attempts, restart: false }
    : { attempts, retryInMs: outcome.retryInMs, restart: false }
}
