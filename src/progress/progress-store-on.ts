import type { KnownCollection } from '../contracts/collection-source.ts'
import type { ProgressRow, ProgressRows } from '../contracts/progress-rows.ts'
import type {
  Claim,
  ClaimKey,
  ClaimRequest,
  PageProgress,
  ProgressStore,
  RegisterOptions,
  ReleaseOutcome,
  Remaining,
} from '../contracts/progress-store.ts'
import { ClaimLostError, InvalidOptionError } from '../errors.ts'
import { mustHave } from '../util/validate-options.ts'
import {
  advancedRow,
  cancelledRow,
  claimedRow,
  newRow,
  registeredRow,
  releasedRow,
  resetRow,
  retriedRow,
} from './row-changes.ts'
import {
  byName,
  byWork,
  claimOf,
  commitPlace,
  dueInMs,
  heldClaimOf,
  isCancelled,
  isFree,
  isHeldBy,
  isOpen,
  isRunning,
  isSetAside,
  progressOf,
  relayPauseMs,
} from './row-state.ts'
import { type RowChange, type RowTable, withRows } from './row-table.ts'

/** How many rows are written side by side where each write stands for itself. */
const WRITES_AT_ONCE = 16

/**
 * Makes a progress store of a table of versioned rows. The table compares and saves rows. The store does the rest:
 * claims, leases on the table's clock, epochs, attempts, the order of work, and commits whose answer was lost.
 *
 * A claim, and each look for work, reads all rows of the relay: with the 1,287 of the network, measured on a busy
 * machine, some 15 ms on SQLite and 0.2 ms in memory. A page reads one row and writes it.
 *
 * @throws InvalidOptionError when a method is missing, or `database` is named without `transaction`
 */
export function progressStoreOn(rows: ProgressRows): ProgressStore {
  for (const method of ['list', 'read', 'write', 'now'])
    mustHave('rows', rows, method, 'ProgressRows, with list, read, write and now')
  if (rows.database !== undefined && rows.transaction === undefined)
    throw new InvalidOptionError('rows.transaction', 'given where rows.database is', undefined)
  const atOnce = rows.transaction === undefined ? WRITES_AT_ONCE : 1
  return {
    database: rows.database,
    register: (relay, collections, options = {}) =>
      withRows(rows, (table) => register(table, { relay, collections, options, atOnce })),
    retryFailed: (relay, collections) =>
      changeNamed(rows, relay, collections, atOnce, (row, now) =>
        mayRetry(row, now, collections !== undefined) ? retriedRow(row) : undefined,
      ),
    reset: (relay, collections) =>
      changeNamed(rows, relay, collections, atOnce, (row, now) =>
        isRunning(row, now) ? undefined : resetRow(row),
      ),
    cancel: (relay, collections) => changeNamed(rows, relay, collections, atOnce, cancelledRow),
    claim: (request) => withRows(rows, (table) => claim(table, request)),
    advance: (held, page, write) => advance(rows, held, page, write),
    renew: (held, leaseMs) => withRows(rows, (table) => renew(table, held, leaseMs)),
    release: (held, outcome) => withRows(rows, (table) => release(table, held, outcome)),
    pauseRelay: (relay, ms) => withRows(rows, (table) => pauseRelay(table, relay, ms)),
    remaining: (relay, { collections } = {}) =>
      withRows(rows, (table) => remaining(table, relay, collections)),
    list: ({ relay } = {}) => withRows(rows, (table) => list(table, relay)),
  }
}

interface RegisterCall {
  readonly relay: string
  readonly collections: readonly KnownCollection[]
  readonly options: RegisterOptions
  readonly atOnce: number
}

async function register(
  table: RowTable,
  { relay, collections, options, atOnce }: RegisterCall,
): Promise<void> {
  const { refreshAfterMs = Number.POSITIVE_INFINITY, keepFailed = false, keepOthers = false } = options
  const readBefore = options.refreshBefore?.getTime() ?? Number.NEGATIVE_INFINITY
  const estimates = new Map<string, number | undefined>()
  for (const { nsid, estimatedRepos } of collections)
    estimates.set(nsid, estimatedRepos ?? estimates.get(nsid))
  const stored = new Map((await table.list(relay)).map((row) => [row.collection, row]))
  const completedBefore = (await table.now()) - refreshAfterMs
  // In one order everywhere, so that two transactions which lock the same rows wait for each other and do not deadlock.
  const names = [...new Set([...(keepOthers ? [] : stored.keys()), ...estimates.keys()])].sort()
  await forEach(names, atOnce, async (collection) => {
    const estimatedRepos = estimates.get(collection)
    await table.change({ relay, collection }, stored.get(collection), (row) => {
      if (row === undefined) return newRow(relay, collection, estimatedRepos)
      return registeredRow(row, { estimatedRepos, completedBefore, readBefore, keepFailed })
    })
  })
}

/** Changes the rows of a relay with these names, or all of them. @returns how many it changed */
function changeNamed(
  rows: ProgressRows,
  relay: string,
  collections: readonly string[] | undefined,
  atOnce: number,
  change: (row: ProgressRow, now: number) => ProgressRow | undefined,
): Promise<number> {
  const isMeant = named(collections)
  return withRows(rows, async (table) => {
    const stored = (await table.list(relay)).filter(isMeant)
    const now = await table.now()
    let count = 0
    await forEach(stored.toSorted(byName), atOnce, async (known) => {
      const { changed } = await table.change(known, known, (row) => row && change(row, now))
      if (changed) count += 1
    })
    return count
  })
}

/** Whether a row is one of these; without a list, every row is. */
function named(collections: readonly string[] | undefined): (row: ProgressRow) => boolean {
  const names = collections && new Set(collections)
  return ({ collection }) => names?.has(collection) ?? true
}

/** Those that failed, and where they are named also those that were cancelled or set aside. */
function mayRetry(row: ProgressRow, now: number, isNamed: boolean): boolean {
  return isNamed ? row.failed || isSetAside(row, now) : row.failed && !isCancelled(row)
}

async function claim(
  table: RowTable,
  { relay, owner, leaseMs, collections }: ClaimRequest,
): Promise<Claim | undefined> {
  const isMeant = named(collections)
  const all = await table.listAll(relay)
  const now = await table.now()
  if (relayPauseMs(all, now) > 0) return undefined
  const take: RowChange = (row) =>
    row !== undefined && isFree(row, now) ? claimedRow(row, owner, { now, leaseMs }) : undefined
  for (const known of all.filter((row) => isMeant(row) && isFree(row, now)).sort(byWork)) {
    const { row, changed } = await table.change(known, known, take)
    if (changed && row !== undefined) return claimOf(row, owner, leaseMs)
  }
  return undefined
}

/**
 * In a transaction the row comes first: who is fenced off writes nothing. Without one, the pairs are durable before it.
 */
async function advance(
  rows: ProgressRows,
  claim: Claim,
  page: PageProgress,
  write: ((transaction?: unknown) => Promise<void>) | undefined,
): Promise<Claim> {
  const placeOf = (row: ProgressRow | undefined) => {
    const place = commitPlace(row, claim, page)
    if (place === 'lost') throw new ClaimLostError(claim)
    return place
  }
  const writesFirst = rows.transaction === undefined
  if (writesFirst && write !== undefined) {
    const stored = await withRows(rows, (table) => table.read(claim.relay, claim.collection))
    if (placeOf(stored) === 'before') await write()
  }
  return withRows(rows, async (table) => {
    const stored = await table.read(claim.relay, claim.collection)
    const time = { now: await table.now(), leaseMs: claim.leaseMs }
    const { row, changed } = await table.change(claim, stored, (row) =>
      placeOf(row) === 'before' && row !== undefined ? advancedRow(row, page, time) : undefined,
    )
    if (changed && !writesFirst) await write?.(table.transaction)
    if (row === undefined) throw new ClaimLostError(claim)
    return claimOf(row, claim.owner, claim.leaseMs)
  })
}

async function renew(table: RowTable, claim: Claim, leaseMs: number): Promise<Claim> {
  const stored = await table.read(claim.relay, claim.collection)
  const leaseEndsAt = (await table.now()) + leaseMs
  await table.change(claim, stored, (row) => {
    if (!isHeldBy(row, claim)) throw new ClaimLostError(claim)
    return { ...row, leaseEndsAt }
  })
  return { ...claim, leaseMs }
}

async function release(table: RowTable, claim: ClaimKey, outcome: ReleaseOutcome | undefined): Promise<void> {
  const stored = await table.read(claim.relay, claim.collection)
  const now = await table.now()
  await table.change(claim, stored, (row) =>
    isHeldBy(row, claim) ? releasedRow(row, outcome, now) : undefined,
  )
}

/** On the first row of the relay, for any of them will do, or on one that stands for no collection. */
async function pauseRelay(table: RowTable, relay: string, ms: number): Promise<void> {
  const [first] = (await table.listAll(relay)).toSorted(byName)
  const collection = first?.collection ?? ''
  const endsAt = (await table.now()) + Math.ceil(ms)
  await table.change({ relay, collection }, first, (row = newRow(relay, collection, undefined)) => ({
    ...row,
    relayPauseEndsAt: Math.max(row.relayPauseEndsAt ?? 0, endsAt),
  }))
}

async function remaining(
  table: RowTable,
  relay: string,
  collections: readonly string[] | undefined,
): Promise<Remaining> {
  const isMeant = named(collections)
  const all = await table.listAll(relay)
  const now = await table.now()
  const pauseMs = relayPauseMs(all, now)
  const pause = pauseMs > 0 ? { relayPauseMs: pauseMs } : {}
  const open = all.filter((row) => isMeant(row) && isOpen(row)).toSorted(byName)
  if (open.length === 0) return { collections: 0, ...pause }
  const firstMs = open.map((row) => dueInMs(row, now)).reduce((a, b) => Math.min(a, b))
  const claims = open.flatMap((row) => heldClaimOf(row, now) ?? [])
  const held = claims.length > 0 ? { claims } : {}
  return { collections: open.length, dueInMs: Math.max(firstMs, pauseMs), ...held, ...pause }
}

async function list(table: RowTable, relay: string | undefined) {
  const stored = await table.list(relay)
  const now = await table.now()
  return stored.toSorted(byName).map((row) => progressOf(row, now))
}

/** A group after the other, so that nothing more is begun once one has failed. */
async function forEach<T>(items: readonly T[], atOnce: number, body: (item: T) => Promise<void>) {
  for (let i = 0; i < items.length; i += atOnce) await Promise.all(items.slice(i, i + atOnce).map(body))
}
