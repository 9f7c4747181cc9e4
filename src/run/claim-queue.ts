import type { Claim, ProgressStore } from '../contracts/progress-store.ts'
import { childController, sleep } from '../util/abort.ts'

/** How often a run that waits for other workers, or for a pause to end, looks again, in milliseconds. */
const POLL_MS = 500
/** The shortest wait between two looks, in milliseconds: two workers may be after the same collection. */
const SHORTEST_WAIT_MS = 10

/** Where the workers of a run get their work. */
export interface ClaimQueue {
  /** The next claim, or nothing when every collection is complete or failed, whichever worker walked it. */
  next(): Promise<Claim | undefined>
  /** The relay wants no request at all, for any collection: nothing is claimed for `ms` milliseconds. */
  holdOff(ms: number): void
  /** A claim was released or its collection completed: there may be work, or an end, to be found. */
  wake(): void
}

interface ClaimQueueParts {
  readonly relay: string
  /** Waits by itself while it is unavailable. */
  readonly progress: ProgressStore
  readonly leaseMs: number
  readonly signal: AbortSignal
}

export function createClaimQueue({ relay, progress, leaseMs, signal }: ClaimQueueParts): ClaimQueue {
  const run = crypto.randomUUID()
  let claims = 0
  let wakeUp = () => {}
  let heldOffUntil = 0

  async function waitForWork(ms: number): Promise<void> {
    const waiting = childController(signal)
    wakeUp = () => waiting.abort()
    // The consumer's wait for the next page keeps the process alive: without it, there is nobody to look for.
    await sleep(ms, waiting.signal, { keepsAlive: false }).catch(() => signal.throwIfAborted())
    waiting.abort()
  }

  async function take(): Promise<Claim | undefined> {
    for (;;) {
      const heldOffMs = heldOffUntil - performance.now()
      // Another owner for each claim: a database that forgot one in a crash gives its epoch out again.
      claims += 1
      const owner = `${run}/${claims}`
      const claim = heldOffMs > 0 ? undefined : await progress.claim({ relay, owner, leaseMs })
      if (claim !== undefined) return claim
      const { collections, dueInMs = 0 } = await progress.remaining(relay)
      if (collections === 0) return undefined
      await waitForWork(Math.min(Math.max(dueInMs, heldOffMs, SHORTEST_WAIT_MS), POLL_MS))
    }
  }

  // One worker asks at a time: while nothing is free, one of them looks and the others wait for it.
  let lastTake: Promise<unknown> = Promise.resolve()
  return {
    next() {
      const mine = lastTake.then(take)
      lastTake = mine.catch(() => {})
      return mine
    },
    holdOff(ms) {
      heldOffUntil = Math.max(heldOffUntil, performance.now() + ms)
    },
    wake: () => wakeUp(),
  }
}
