import type { Emit } from '../contracts/events.ts'
import type { Claim, ProgressStore } from '../contracts/progress-store.ts'
import { ClaimLostError } from '../errors.ts'
import { createClaimQueue } from '../run/claim-queue.ts'
import { keepLease } from '../run/lease.ts'
import { RELEASE_MS } from '../run/patient-store.ts'
import { settledWithin } from '../util/abort.ts'
import { workScope } from '../util/scopes.ts'

/** Up to where accounts were looked up: a pair of the index. */
export interface LookedUpTo {
  readonly collection: string
  readonly did: string
}

/** The right to prune by a relay, and how far that is. */
export interface PruneClaim {
  /** Aborts when the right is lost. */
  readonly signal: AbortSignal
  /** @throws ClaimLostError when it may be lost by the time alone, as after the process was stopped for long */
  mustBeHeld(): void
  /** Where an earlier prune that broke off had come to. */
  readonly lookedUpTo: LookedUpTo | undefined
  save(place: LookedUpTo): Promise<void>
  /** The prune is done: the next one begins anew. */
  complete(): Promise<void>
  /** The prune is over, done or not. */
  release(): Promise<void>
}

/** The one thing that is claimed of a scope: see `work-scopes`. */
const ACCOUNTS = 'accounts'

interface ClaimParts {
  readonly relay: string
  readonly progress: ProgressStore
  readonly leaseMs: number
  readonly signal: AbortSignal
  readonly emit: Emit
}

/**
 * Waits for the right to prune by a relay, one process at a time.
 *
 * @returns nothing when another process has done it meanwhile
 */
export async function claimPrune({
  relay,
  progress,
  leaseMs,
  signal,
  emit,
}: ClaimParts): Promise<PruneClaim | undefined> {
  const scope = workScope('prune', relay)
  const [before] = await progress.list({ relay: scope })
  if (before === undefined) await progress.register(scope, [{ nsid: ACCOUNTS }])
  else if (before.state === 'complete') await progress.reset(scope)
  const first = await createClaimQueue({ relay: scope, progress, leaseMs, signal, emit }).next()
  if (first === undefined) return undefined
  let claim: Claim = first
  const lease = keepLease(claim, progress, signal)
  const advance = async (cursor: string | undefined) => {
    claim = await progress.advance(claim, { pages: 1, cursor, imported: 0, invalid: 0 })
  }
  return {
    signal: lease.signal,
    mustBeHeld() {
      if (!lease.isHeld()) throw new ClaimLostError(claim)
    },
    lookedUpTo: placeOf(first.cursor),
    save: ({ collection, did }) => advance(`${collection} ${did}`),
    complete: () => advance(undefined),
    async release() {
      lease.letGo()
      await settledWithin(RELEASE_MS, progress.release(claim))
    },
  }
}

function placeOf(cursor: string | undefined): LookedUpTo | undefined {
  const [collection, did] = cursor?.split(' ') ?? []
  return collection === undefined || did === undefined ? undefined : { collection, did }
}
