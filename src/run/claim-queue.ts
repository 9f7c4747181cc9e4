import type { Claim } from '../contracts/progress-store.ts'
import { abortable, linkedController, sleep, within } from '../util/abort.ts'
import type { Settings } from './options.ts'

/** How often a run that waits for other workers, or for a pause to end, looks again, in milliseconds. */
const POLL_MS = 500
/** The shortest wait between two looks, in milliseconds: two workers may be after the same collection. */
const SHORTEST_NAP_MS = 10
/** How long handing a claim back may take when the run is over, in milliseconds; then the lease runs out by itself. */
export const RELEASE_MS = 300

/** Where the workers of a run get their work. */
export interface Claims {
  /** The next claim, or nothing when every collection is complete or given up, whoever walked it. */
  next(): Promise<Claim | undefined>
  /** The relay wants no request at all, for any collection: nothing is claimed for so long, in milliseconds. */
  rest(ms: number): void
  /** A claim was handed back or its collection completed: there may be work, or an end, to be found. */
  wake(): void
}

/** @param patiently runs a call to the store, waiting while it is unavailable */
export function createClaims(
  { lister: { relay }, progress, leaseMs }: Settings,
  stop: AbortSignal,
  patiently: <T>(operation: () => Promise<T>) => Promise<T>,
): Claims {
  const run = crypto.randomUUID()
  let claims = 0
  let wakeUp = () => {}
  let restUntil = 0

  async function take(): Promise<Claim | undefined> {
    let claiming: Promise<Claim | undefined> | undefined
    try {
      return await patiently(() => {
        // Another owner for each claim: a database that forgot one in a crash gives its epoch out again.
        claims += 1
        claiming = progress.claim({ relay, owner: `${run}/${claims}`, leaseMs })
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

  async function nap(ms: number): Promise<void> {
    const { controller, unlink } = linkedController(stop)
    wakeUp = () => controller.abort()
    await sleep(ms, controller.signal).catch(() => stop.throwIfAborted())
    unlink()
  }

  async function next(): Promise<Claim | undefined> {
    for (;;) {
      const restMs = restUntil - performance.now()
      const claim = restMs > 0 ? undefined : await take()
      if (claim !== undefined) return claim
      const { collections, dueInMs = 0 } = await patiently(() => abortable(progress.remaining(relay), stop))
      if (collections === 0) return undefined
      await nap(Math.min(Math.max(dueInMs, restMs, SHORTEST_NAP_MS), POLL_MS))
    }
  }

  // One worker asks at a time: while nothing is free, one of them looks and the others wait for it.
  let turn: Promise<unknown> = Promise.resolve()
  return {
    next() {
      const mine = turn.then(next)
      turn = mine.catch(() => {})
      return mine
    },
    rest(ms) {
      restUntil = Math.max(restUntil, performance.now() + ms)
    },
    wake: () => wakeUp(),
  }
}
