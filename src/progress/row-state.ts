import type { CollectionProgress, CollectionState } from '../contracts/collection-progress.ts'
import type { ProgressRow } from '../contracts/progress-rows.ts'
import type { Claim, ClaimKey, HeldClaim, PageProgress } from '../contracts/progress-store.ts'
import { anchorFrom } from '../util/anchor-text.ts'
import { flagsFrom } from '../util/flags.ts'

/** Whether it is a collection's, and not one that only keeps a pause of its relay. */
export function isCollection(row: ProgressRow): boolean {
  return row.collection !== ''
}

/** Whether there is work left in it. */
export function isOpen(row: ProgressRow): boolean {
  return isCollection(row) && row.completedAt === undefined && !row.failed
}

/** Whether pages of the walk are committed. Another program's row may have a cursor alone. */
export function hasPages({ pages, cursor, completedAt }: ProgressRow): boolean {
  return pages > 0 || cursor !== undefined || completedAt !== undefined
}

/** Whether it may hold pages that were read before that time, or a worker may be about to commit such. */
export function mayHoldPagesOf(row: ProgressRow, before: number): boolean {
  const holdsPages = hasPages(row) || row.owner !== undefined
  return holdsPages && (row.beganAt ?? row.completedAt ?? Number.NEGATIVE_INFINITY) < before
}

/** Whether an operator cancelled it: then it is failed, and is tried again only where it is named. */
export function isCancelled(row: ProgressRow): boolean {
  return row.failed && flagsFrom(row.flags).includes('cancelled')
}

/** How long the relay of these rows wants no request, in milliseconds. */
export function relayPauseMs(rows: readonly ProgressRow[], now: number): number {
  return rows.map(({ relayPauseEndsAt = now }) => relayPauseEndsAt - now).reduce((a, b) => Math.max(a, b), 0)
}

/** How long until it can be claimed, in milliseconds. */
export function dueInMs(row: ProgressRow, now: number): number {
  return Math.max(0, (row.leaseEndsAt ?? now) - now, (row.notBefore ?? now) - now)
}

/** Whether a worker can take it. */
export function isFree(row: ProgressRow, now: number): boolean {
  return isOpen(row) && dueInMs(row, now) === 0
}

/** Whether a worker holds it. */
export function isRunning(row: ProgressRow, now: number): boolean {
  return row.owner !== undefined && row.leaseEndsAt !== undefined && row.leaseEndsAt > now
}

/** The claim under whose lease it is. */
export function heldClaimOf(row: ProgressRow, now: number): HeldClaim | undefined {
  const { relay, collection, owner, epoch, leaseEndsAt = now } = row
  return owner === undefined || !isRunning(row, now)
    ? undefined
    : { relay, collection, owner, epoch, leaseLeftMs: leaseEndsAt - now }
}

/** Whether it is pending, and no worker is to take it for a time. */
export function isSetAside(row: ProgressRow, now: number): boolean {
  return isOpen(row) && !isRunning(row, now) && (row.notBefore ?? now) > now
}

/** The order of work: the biggest first, then by name. */
export function byWork(a: ProgressRow, b: ProgressRow): number {
  return sizeOf(b) - sizeOf(a) || compare(a.collection, b.collection)
}

function sizeOf({ estimatedRepos = 0, imported }: ProgressRow): number {
  return Math.max(estimatedRepos, imported)
}

/** The order of lists. */
export function byName(a: ProgressRow, b: ProgressRow): number {
  return compare(a.relay, b.relay) || compare(a.collection, b.collection)
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** Whether the claim is the newest of this row, and its worker holds it still. A complete row is held by none. */
export function isHeldBy(row: ProgressRow | undefined, claim: ClaimKey): row is ProgressRow {
  return row !== undefined && row.epoch === claim.epoch && row.owner === claim.owner
}

/** Where a row is for a commit: before its pages, after them by a commit of our own, or no longer ours. */
export type CommitPlace = 'before' | 'after' | 'lost'

/** After a commit whose answer was lost, the row is just its pages further, with its cursor. */
export function commitPlace(
  row: ProgressRow | undefined,
  claim: Claim,
  { pages, cursor }: PageProgress,
): CommitPlace {
  if (row?.epoch !== claim.epoch) return 'lost'
  const isHeld = row.owner === claim.owner
  if (isHeld && row.pages === claim.pages) return 'before'
  const isFurther = row.pages === claim.pages + pages && row.cursor === cursor
  return isFurther && (isHeld || row.completedAt !== undefined) ? 'after' : 'lost'
}

/** The claim on the page that the row is at. */
export function claimOf(row: ProgressRow, owner: string, leaseMs: number): Claim {
  const { relay, collection, epoch, cursor, pages, imported, invalid, loopGuard, attempts, restarts } = row
  const walked = { cursor, pages, imported, invalid, loopGuard, anchor: anchorFrom(row.anchor) }
  return { relay, collection, owner, leaseMs, epoch, ...walked, attempts, restarts }
}

/** The row as `list` shows it. */
export function progressOf(row: ProgressRow, now: number): CollectionProgress {
  const { relay, collection, cursor, pages, imported, invalid } = row
  const { estimatedRepos, attempts, lastError, beganAt, completedAt } = row
  return {
    relay,
    collection,
    state: stateOf(row, now),
    cursor,
    pages,
    imported,
    invalid,
    estimatedRepos,
    attempts,
    lastError,
    beganAt: beganAt === undefined ? undefined : new Date(beganAt),
    completedAt: completedAt === undefined ? undefined : new Date(completedAt),
    flags: flagsFrom(row.flags),
    ...dueTimes(row, now),
  }
}

/** Until when a collection is held or set aside, as far as that matters in its state. */
function dueTimes(
  row: ProgressRow,
  now: number,
): Pick<CollectionProgress, 'retryInMs' | 'leaseLeftMs' | 'owner'> {
  if (!isOpen(row)) return {}
  if (isRunning(row, now)) return { leaseLeftMs: (row.leaseEndsAt ?? now) - now, owner: row.owner }
  const retryInMs = dueInMs(row, now)
  return retryInMs > 0 ? { retryInMs } : {}
}

function stateOf(row: ProgressRow, now: number): CollectionState {
  if (row.completedAt !== undefined) return 'complete'
  if (row.failed) return 'failed'
  return isRunning(row, now) ? 'running' : 'pending'
}
