import { hasCode } from './errors.ts'
import type { PageEvent } from './events.ts'
import { outcomeOf } from './failure.ts'
import { keepLease } from './lease.ts'
import type { Settings } from './options.ts'
import type { Claim, ReleaseOutcome } from './progress-store.ts'
import { retrying } from './retry.ts'
import { abortable, linkedController, sleep, within } from './time.ts'
import { walk } from './walk.ts'

/** How often a run that waits for other workers, or for a pause to end, looks again. */
const POLL_MS = 500
/** How long handing a claim back may take when the run is over; after that the lease runs out by itself. */
const RELEASE_MS = 300
/** How a store that is unavailable is asked again: soon at first, then twice a minute, for as long as it takes. */
const STORE_PATIENCE = { retries: Number.POSITIVE_INFINITY, minDelayMs: 500, maxDelayMs: 30_000 }

/** What the workers of one run have in common. */
export interface Crew {
  /** Takes claims and yields their pages until nothing is left for anybody. */
  work(): AsyncGenerator<PageEvent, void, void>
  /** Runs a call to the stores, waiting while they are unavailable. */
  patiently<T>(operation: () => Promise<T>): Promise<T>
}

/** @param stop aborts when the run ends, for whatever reason */
export function createCrew(settings: Settings, stop: AbortSignal): Crew {
  const { lister, sink, progress, retry, leaseMs, hooks } = settings
  const { source } = lister
  const owner = crypto.randomUUID()
  let wakeUp = () => {}
  /** Until when the relay wants no request at all, for any collection. */
  let quietUntil = 0

  function patiently<T>(operation: () => Promise<T>): Promise<T> {
    const mayRetry = (error: unknown) => hasCode(error, 'STORE_UNAVAILABLE')
    const onRetry = hooks.storeUnavailable ?? (() => {})
    return retrying(operation, { ...STORE_PATIENCE, signal: stop, mayRetry, onRetry })
  }

  async function takeClaim(): Promise<Claim | undefined> {
    let claiming: Promise<Claim | undefined> | undefined
    try {
      return await patiently(() => {
        claiming = progress.claim({ source, owner, leaseMs })
        return abortable(claiming, stop)
      })
    } catch (error) {
      // The run is over, but the store may have granted the claim all the same.
      if (claiming)
        await within(
          RELEASE_MS,
          claiming.then((claim) => claim && progress.release(claim)),
        )
      throw error
    }
  }

  /** The next claim, or nothing when every collection is complete or given up, whoever walked it. */
  async function nextClaim(): Promise<Claim | undefined> {
    for (;;) {
      const claim = performance.now() < quietUntil ? undefined : await takeClaim()
      if (claim !== undefined) return claim
      const { collections, dueInMs = 0 } = await patiently(() => abortable(progress.remaining(source), stop))
      if (collections === 0) return undefined
      await nap(Math.min(Math.max(dueInMs, 10), POLL_MS))
    }
  }

  /** Waits until something may have changed: for other workers `ms`, for a walk of our own no longer than that takes. */
  async function nap(ms: number): Promise<void> {
    const { controller, unlink } = linkedController(stop)
    wakeUp = () => controller.abort()
    await sleep(ms, controller.signal).catch(() => stop.throwIfAborted())
    unlink()
  }

  async function handBack(claim: Claim, error: unknown): Promise<void> {
    const { collection } = claim
    if (hasCode(error, 'NOT_MIGRATED')) throw error
    if (hasCode(error, 'CLAIM_LOST')) return hooks.claimLost?.({ source, collection, error })
    const outcome = await abortable(outcomeOf(error, claim, { ...settings, signal: stop }), stop)
    await patiently(() => abortable(progress.release(claim, outcome), stop))
    if (outcome.kind === 'postponed') quietUntil = performance.now() + outcome.retryInMs
    hooks.collectionFailed?.({ source, collection, error, ...consequences(claim, outcome) })
  }

  async function* walkClaim(claim: Claim): AsyncGenerator<PageEvent, void, void> {
    const { collection, cursor, page, imported } = claim
    const lease = keepLease(claim, progress, stop)
    let at = claim
    let held = true
    try {
      hooks.collectionStarted?.({ source, collection, cursor, page, imported })
      const onRetry = hooks.retry ?? (() => {})
      for await (const event of walk(claim, {
        lister,
        sink,
        progress,
        retry,
        signal: lease.signal,
        onRetry,
        patiently,
      })) {
        at = { ...claim, cursor: event.cursor, page: event.page, imported: event.imported, attempts: 0 }
        held = !event.completed
        if (event.completed)
          hooks.collectionCompleted?.({ source, collection, page: at.page, imported: at.imported })
        yield event
      }
    } catch (error) {
      stop.throwIfAborted()
      await handBack(at, error)
      held = false
    } finally {
      lease.stop()
      wakeUp()
      if (held) await within(RELEASE_MS, progress.release(claim))
    }
  }

  // One worker asks at a time: while nothing is free, one of them looks and the others wait for it.
  let turn: Promise<unknown> = Promise.resolve()
  const inTurn = <T>(operation: () => Promise<T>): Promise<T> => {
    const mine = turn.then(operation)
    turn = mine.catch(() => {})
    return mine
  }

  return {
    patiently,
    async *work() {
      for (let claim = await inTurn(nextClaim); claim !== undefined; claim = await inTurn(nextClaim)) {
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
