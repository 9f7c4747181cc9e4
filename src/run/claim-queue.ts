import type { ClaimHolder, Emit } from '../contracts/events.ts'
import type { Claim, HeldClaim, ProgressStore } from '../contracts/progress-store.ts'
import { childController, sleep } from '../util/abort.ts'
import { createClaimOwners, createEndedProcesses, holderOf } from './claim-owner.ts'

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
  readonly emit: Emit
  /** The collections that are wanted, as far as they are known by now. Absent or undefined: any of the relay's. */
  collections?(): readonly string[] | undefined
}

export function createClaimQueue(parts: ClaimQueueParts): ClaimQueue {
  const { relay, progress, leaseMs, signal, emit } = parts
  const owners = createClaimOwners()
  const ended = createEndedProcesses()
  const tellHolders = createHolderNews((holders) => emit({ type: 'waiting', relay, holders }))
  let looked = false
  let wakeUp = () => {}
  let heldOffUntil = 0

  /** Releases what processes of this host held that have ended. @returns whether there were such */
  async function releaseEnded(claims: readonly HeldClaim[] = []): Promise<boolean> {
    const left = ended.claimsOf(claims)
    await Promise.all(left.map((claim) => progress.release(claim)))
    return left.length > 0
  }

  async function waitForWork(ms: number): Promise<void> {
    const waiting = childController(signal)
    wakeUp = () => waiting.abort()
    // The consumer's wait for the next page keeps the process alive: without it, there is nobody to look for.
    await sleep(ms, waiting.signal, { keepsAlive: false }).catch(() => signal.throwIfAborted())
    waiting.abort()
  }

  async function claimNext(): Promise<Claim | undefined> {
    if (performance.now() < heldOffUntil) return undefined
    return progress.claim({ relay, owner: owners.next(), leaseMs, collections: parts.collections?.() })
  }

  const remaining = () => progress.remaining(relay, { collections: parts.collections?.() })

  async function take(): Promise<Claim | undefined> {
    // What a process held that was killed a moment ago is often the biggest, and so the first to begin with.
    if (!looked) await releaseEnded((await remaining()).claims)
    looked = true
    for (;;) {
      const claim = await claimNext()
      const left = claim === undefined ? await remaining() : undefined
      const { collections = 0, dueInMs = 0, claims = [] } = left ?? {}
      if (await releaseEnded(claims)) continue
      tellHolders(claims.some(owners.isOwn) ? [] : claims)
      if (claim !== undefined || collections === 0) return claim
      const dueMs = Math.max(dueInMs, heldOffUntil - performance.now(), SHORTEST_WAIT_MS)
      await waitForWork(Math.min(dueMs, POLL_MS))
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

/** Tells who holds these claims, when that is not what was told last. */
function createHolderNews(
  tell: (holders: readonly ClaimHolder[]) => void,
): (claims: readonly HeldClaim[]) => void {
  let told = '[]'
  return (claims) => {
    const holders = Array.from(Map.groupBy(claims, holderOf), ([holder, held]) => ({
      holder,
      collections: held.length,
      leaseLeftMs: Math.max(...held.map(({ leaseLeftMs }) => leaseLeftMs)),
    }))
    const news = JSON.stringify(holders.map(({ holder, collections }) => [holder, collections]))
    if (news === told) return
    told = news
    tell(holders)
  }
}
