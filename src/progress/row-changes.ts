import type { ProgressRow } from '../contracts/progress-rows.ts'
import type { PageProgress, ReleaseOutcome } from '../contracts/progress-store.ts'
import { anchorText } from '../util/anchor-text.ts'
import { CANCELLED, withFlags, withoutFlag } from '../util/flags.ts'
import { keptError } from '../util/text.ts'
import { hasPages, isCancelled, mayHoldPagesOf } from './row-state.ts'

/** What a walk fills, as it is before the first page. */
const UNWALKED = {
  cursor: undefined,
  pages: 0,
  imported: 0,
  invalid: 0,
  loopGuard: undefined,
  anchor: undefined,
  beganAt: undefined,
  completedAt: undefined,
} as const

const UNTRIED = { failed: false, attempts: 0, restarts: 0, notBefore: undefined } as const
const UNCLAIMED = { owner: undefined, leaseEndsAt: undefined } as const

/** A row that is not stored yet. */
export function newRow(relay: string, collection: string, estimatedRepos: number | undefined): ProgressRow {
  return { relay, collection, version: 0, epoch: 0, ...UNWALKED, ...UNTRIED, estimatedRepos }
}

/** How a registration changes a row that exists. */
export interface Registration {
  readonly estimatedRepos: number | undefined
  /** What was completed before that time is walked again. */
  readonly completedBefore: number
  /** What may hold pages that were read before that time is walked again. */
  readonly readBefore: number
  readonly keepFailed: boolean
}

/** @returns undefined when the row says all that already */
export function registeredRow(row: ProgressRow, registration: Registration): ProgressRow | undefined {
  const { completedBefore, readBefore, keepFailed, estimatedRepos } = registration
  let next = row.failed && !isCancelled(row) && !keepFailed ? retriedRow(row) : row
  const isOld = next.completedAt !== undefined && next.completedAt < completedBefore
  if (isOld || (!next.failed && mayHoldPagesOf(next, readBefore))) next = resetRow(next)
  if (estimatedRepos !== undefined && estimatedRepos !== next.estimatedRepos)
    next = { ...next, estimatedRepos }
  return next === row ? undefined : next
}

/** A failed row, for the next claim to go on. */
export function retriedRow(row: ProgressRow): ProgressRow {
  return { ...row, ...UNTRIED, flags: withoutFlag(row.flags, 'cancelled') }
}

/** A row that no worker takes until it is asked for. @returns undefined for one that is complete, or cancelled already */
export function cancelledRow(row: ProgressRow): ProgressRow | undefined {
  if (row.completedAt !== undefined || isCancelled(row)) return undefined
  const cancelled = { failed: true, notBefore: undefined, lastError: CANCELLED } as const
  return {
    ...row,
    ...UNCLAIMED,
    ...cancelled,
    flags: withFlags(row.flags, ['cancelled']),
    epoch: row.epoch + 1,
  }
}

/** A row as for a new walk, which no claim of an earlier one can change. */
export function resetRow(row: ProgressRow): ProgressRow {
  const estimatedRepos =
    row.imported > 0 ? Math.max(row.estimatedRepos ?? 0, row.imported) : row.estimatedRepos
  const anew = { ...UNWALKED, ...UNTRIED, ...UNCLAIMED, lastError: undefined, flags: undefined }
  return { ...row, ...anew, estimatedRepos, epoch: row.epoch + 1 }
}

/** A row that a worker takes. Before its first page, the walk begins with it. */
export function claimedRow(
  row: ProgressRow,
  owner: string,
  { now, leaseMs }: { now: number; leaseMs: number },
): ProgressRow {
  const beganAt = hasPages(row) ? row.beganAt : now
  return { ...row, owner, beganAt, leaseEndsAt: now + leaseMs, epoch: row.epoch + 1 }
}

/** A row with more pages. */
export function advancedRow(
  row: ProgressRow,
  page: PageProgress,
  time: { now: number; leaseMs: number },
): ProgressRow {
  const walked = {
    cursor: page.cursor,
    pages: row.pages + page.pages,
    imported: row.imported + page.imported,
    invalid: row.invalid + page.invalid,
    loopGuard: page.loopGuard,
    anchor: page.cursor === undefined ? undefined : anchorText(page.anchor),
    flags: withFlags(row.flags, page.flags),
  }
  const succeeded = { attempts: 0, lastError: undefined, notBefore: undefined }
  const held =
    page.cursor === undefined
      ? { ...UNCLAIMED, completedAt: time.now }
      : { leaseEndsAt: time.now + time.leaseMs }
  return { ...row, ...walked, ...succeeded, ...held }
}

/** A row whose worker releases its claim. */
export function releasedRow(row: ProgressRow, outcome: ReleaseOutcome | undefined, now: number): ProgressRow {
  const free = { ...row, ...UNCLAIMED }
  if (outcome === undefined) return free
  const failure = { ...free, lastError: keptError(outcome.error) }
  if (outcome.kind === 'postponed') return { ...failure, notBefore: now + outcome.retryInMs }
  const flagged = { ...failure, flags: withFlags(row.flags, outcome.flags) }
  if (outcome.kind === 'restart') return { ...flagged, ...UNWALKED, restarts: row.restarts + 1 }
  const { retryInMs } = outcome
  const attempts = row.attempts + 1
  return { ...flagged, attempts, notBefore: now + (retryInMs ?? 0), failed: retryInMs === undefined }
}
