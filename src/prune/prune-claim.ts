import type { Emit } from '../contracts/events.ts'
import type { ProgressStore } from '../contracts/progress-store.ts'
import { claimWork, type WorkClaim } from '../run/work-claim.ts'
import { workScope } from '../util/scopes.ts'

/** Up to where accounts were looked up: a pair of the index. */
export interface LookedUpTo {
  readonly collection: string
  readonly did: string
}

/** The right to prune by a relay, and how far that is. */
export interface PruneClaim extends Pick<WorkClaim, 'signal' | 'mustBeHeld' | 'release'> {
  /** Where an earlier prune that broke off had come to. */
  readonly lookedUpTo: LookedUpTo | undefined
  save(place: LookedUpTo): Promise<void>
  /** The prune is done: the next one begins anew. */
  complete(): Promise<void>
}

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
  const work = await claimWork({ scope, row: 'accounts', progress, leaseMs, signal, emit })
  if (work === undefined) return undefined
  const advance = (cursor: string | undefined) => work.advance({ pages: 1, cursor, imported: 0, invalid: 0 })
  return {
    ...work,
    lookedUpTo: placeOf(work.cursor),
    save: ({ collection, did }) => advance(`${collection} ${did}`),
    complete: () => advance(undefined),
  }
}

function placeOf(cursor: string | undefined): LookedUpTo | undefined {
  const [collection, did] = cursor?.split(' ') ?? []
  return collection === undefined || did === undefined ? undefined : { collection, did }
}
