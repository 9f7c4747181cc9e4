import type { Emit } from '../contracts/events.ts'
import type { Claim, PageProgress, ProgressStore } from '../contracts/progress-store.ts'
import { ClaimLostError } from '../errors.ts'
import { settledWithin } from '../util/abort.ts'
import { createClaimQueue } from './claim-queue.ts'
import { keepLease } from './lease.ts'
import { RELEASE_MS } from './patient-store.ts'

/** The right to do a work that one process does at a time, and how far that is. */
export interface WorkClaim {
  /** Aborts when the right is lost, and when it is released. */
  readonly signal: AbortSignal
  /** Where the work goes on, as it was saved; absent at the beginning of a work that is always the same. */
  readonly cursor: string | undefined
  /** @throws ClaimLostError when it may be lost by the time alone, as after the process was stopped for long */
  mustBeHeld(): void
  /** Saves how far the work is, as {@link ProgressStore.advance}. Without a cursor it is done, and begins anew the next time. */
  advance(change: PageProgress, write?: (transaction?: unknown) => Promise<void>): Promise<void>
  /** Lets another process go on. */
  release(): Promise<void>
}

interface WorkParts {
  /** The scope of the work, and what its one row is called in it. */
  readonly scope: string
  readonly row: string
  readonly progress: ProgressStore
  /** @default 60_000 */
  readonly leaseMs?: number | undefined
  readonly signal: AbortSignal
  readonly emit: Emit
  /**
   * What is saved before the first step, so that another process sees what the work is about.
   *
   * @default nothing: the work of a row is always the same
   */
  readonly start?: string | undefined
  /** Whether the work can go on from there; else it begins anew. @default true */
  isUsable?(cursor: string): boolean
}

/** How long a silent process keeps its claim, in milliseconds, where nothing else is said. */
const LEASE_MS = 60_000

/**
 * Waits until no other process does the work.
 *
 * @returns nothing when another process has done it to its end meanwhile
 */
export async function claimWork(parts: WorkParts): Promise<WorkClaim | undefined> {
  const claim = await claimRow(parts)
  if (claim === undefined) return undefined
  const { start } = parts
  const work = workOf(claim, parts)
  if (claim.cursor !== undefined || start === undefined) return work
  try {
    await work.advance({ pages: 1, cursor: start, imported: 0, invalid: 0 })
    return work
  } catch (error) {
    await work.release()
    throw error
  }
}

/** Its row, which goes on from where the work can go on, or begins anew. */
async function claimRow(parts: WorkParts): Promise<Claim | undefined> {
  const { scope, row, progress, start, leaseMs = LEASE_MS, signal, emit, isUsable = () => true } = parts
  const isUnusable = (cursor: string | undefined) => cursor !== undefined && !isUsable(cursor)
  // Of work that is claimed and has nothing saved yet, nothing is known.
  const mayBeOther = (cursor: string | undefined) =>
    isUnusable(cursor) || (cursor === undefined && start !== undefined)
  const [before] = await progress.list({ relay: scope })
  if (before?.state === 'complete') await progress.reset(scope)
  else await progress.register(scope, [{ nsid: row }])
  const queue = createClaimQueue({ relay: scope, progress, leaseMs, signal, emit })
  let claim = await queue.next()
  // Another process has done what it was at, which was something else: a file that has changed since, say.
  if (claim === undefined && before?.state === 'running' && mayBeOther(before.cursor)) {
    await progress.reset(scope)
    claim = await queue.next()
  }
  while (claim !== undefined && isUnusable(claim.cursor)) {
    await progress.release(claim)
    await progress.reset(scope)
    claim = await queue.next()
  }
  return claim
}

function workOf(claim: Claim, { progress, signal, start }: WorkParts): WorkClaim {
  let held = claim
  const lease = keepLease(held, progress, signal)
  return {
    signal: lease.signal,
    cursor: claim.cursor ?? start,
    mustBeHeld() {
      if (!lease.isHeld()) throw new ClaimLostError(held)
    },
    async advance(change, write) {
      held = await progress.advance(held, change, write)
    },
    async release() {
      lease.letGo()
      await settledWithin(RELEASE_MS, progress.release(held))
    },
  }
}
