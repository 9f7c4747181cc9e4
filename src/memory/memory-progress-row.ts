import type { Claim, CollectionProgress } from '../contracts/progress-store.ts'

/** What the memory store keeps of one collection on one source. */
export interface Row {
  readonly relay: string
  readonly collection: string
  cursor: string | undefined
  pages: number
  imported: number
  invalid: number
  estimatedRepos: number | undefined
  attempts: number
  restarts: number
  lastError: string | undefined
  loopGuard: string | undefined
  givenUp: boolean
  completedAt: Date | undefined
  owner: string | undefined
  epoch: number
  /** When the lease ends and when it may be tried again, on the clock of `performance.now()`. */
  leaseEnd: number
  notBefore: number
}

/** Whether there is work left in it, for whomever. */
export function isOpen(row: Row): boolean {
  return row.completedAt === undefined && !row.givenUp
}

/** How long until it can be claimed, in milliseconds. */
export function dueIn(row: Row): number {
  return Math.max(0, row.leaseEnd - performance.now(), row.notBefore - performance.now())
}

/** Whether a worker holds it. */
export function isLeased(row: Row): boolean {
  return row.owner !== undefined && row.leaseEnd > performance.now()
}

/** The part of a row that a walk fills. */
export function fromTheStart(): Pick<
  Row,
  'cursor' | 'pages' | 'imported' | 'invalid' | 'loopGuard' | 'completedAt'
> {
  return {
    cursor: undefined,
    pages: 0,
    imported: 0,
    invalid: 0,
    loopGuard: undefined,
    completedAt: undefined,
  }
}

/** A row that was given up, for the next claim to go on. */
export function tryAgain(row: Row): void {
  Object.assign(row, { givenUp: false, attempts: 0, restarts: 0, notBefore: 0 })
}

/** A row as for a new walk, which no claim of an earlier one can change. */
export function beginAgain(row: Row): void {
  const estimatedRepos =
    row.imported > 0 ? Math.max(row.estimatedRepos ?? 0, row.imported) : row.estimatedRepos
  tryAgain(row)
  Object.assign(row, fromTheStart(), { estimatedRepos, lastError: undefined })
  Object.assign(row, { owner: undefined, epoch: row.epoch + 1, leaseEnd: 0 })
}

/** A row that nobody has walked. */
export function newRow(relay: string, collection: string, estimatedRepos: number | undefined): Row {
  const unclaimed = { owner: undefined, epoch: 0, leaseEnd: 0, notBefore: 0 }
  const untried = { attempts: 0, restarts: 0, lastError: undefined, givenUp: false }
  return { relay, collection, estimatedRepos, ...fromTheStart(), ...untried, ...unclaimed }
}

/** The claim on the page that the row is at. */
export function claimOf(row: Row, owner: string, leaseMs: number): Claim {
  const { relay, collection, epoch, cursor, pages, imported, invalid, loopGuard, attempts, restarts } = row
  const walked = { cursor, pages, imported, invalid, loopGuard }
  return { relay, collection, owner, leaseMs, epoch, ...walked, attempts, restarts }
}

/** The row as everybody may see it. */
export function progressOf(row: Row): CollectionProgress {
  const {
    relay,
    collection,
    cursor,
    pages,
    imported,
    invalid,
    estimatedRepos,
    attempts,
    lastError,
    completedAt,
  } = row
  const state = completedAt ? 'complete' : row.givenUp ? 'failed' : isLeased(row) ? 'running' : 'pending'
  return {
    relay,
    collection,
    state,
    cursor,
    pages,
    imported,
    invalid,
    estimatedRepos,
    attempts,
    lastError,
    completedAt,
  }
}
