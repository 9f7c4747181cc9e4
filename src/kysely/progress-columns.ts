import { type RawBuilder, sql } from 'kysely'
import type { CollectionProgress } from '../contracts/collection-progress.ts'
import type { Claim, ClaimRequest, Remaining } from '../contracts/progress-store.ts'
import { anchorFrom } from '../util/anchor-text.ts'
import { flagsFrom } from '../util/flags.ts'
import { epochMs, jsonRow, msUntil } from './json-row.ts'
import { dueInMs, isCollection, isLeased, isOpen } from './progress-conditions.ts'

/** What is read of a row, whether for a claim or for the list. */
interface WalkRow {
  collection: string
  cursor: string
  page_count: number
  imported_count: number
  rejected_count: number
  attempts: number
}

export interface ClaimRow extends WalkRow {
  loop_guard: string | null
  anchor: string | null
  restarts: number
  epoch: number
}

export interface ProgressRow extends WalkRow {
  source: string
  estimated_repos: number | null
  last_error: string | null
  flags: string | null
  given_up: boolean
  completed: boolean
  /** Milliseconds since 1970, as `completed_at`. */
  began_at: number | null
  completed_at: number | null
  leased: boolean
  owner: string | null
  /** Milliseconds from now, as `due_in`. */
  lease_left: number | null
  due_in: number | null
}

const WALK_COLUMNS = {
  collection: sql.ref('collection'),
  cursor: sql.ref('cursor'),
  page_count: sql.ref('page_count'),
  imported_count: sql.ref('imported_count'),
  rejected_count: sql.ref('rejected_count'),
  attempts: sql.ref('attempts'),
}

export const CLAIM_ROW: ReturnType<typeof jsonRow<ClaimRow>> = jsonRow<ClaimRow>({
  ...WALK_COLUMNS,
  loop_guard: sql.ref('loop_guard'),
  anchor: sql.ref('anchor'),
  restarts: sql.ref('restarts'),
  epoch: sql.ref('epoch'),
})

export function toClaim(row: ClaimRow, { relay, owner, leaseMs }: ClaimRequest): Claim {
  return {
    relay,
    collection: row.collection,
    owner,
    leaseMs,
    epoch: Number(row.epoch),
    cursor: row.cursor === '' ? undefined : row.cursor,
    pages: Number(row.page_count),
    imported: Number(row.imported_count),
    invalid: Number(row.rejected_count),
    loopGuard: row.loop_guard ?? undefined,
    anchor: anchorFrom(row.anchor),
    attempts: Number(row.attempts),
    restarts: Number(row.restarts),
  }
}

export function toProgress(row: ProgressRow): CollectionProgress {
  return {
    relay: row.source,
    collection: row.collection,
    state: row.completed ? 'complete' : row.given_up ? 'failed' : row.leased ? 'running' : 'pending',
    cursor: row.cursor === '' ? undefined : row.cursor,
    pages: Number(row.page_count),
    imported: Number(row.imported_count),
    invalid: Number(row.rejected_count),
    estimatedRepos: row.estimated_repos === null ? undefined : Number(row.estimated_repos),
    attempts: Number(row.attempts),
    lastError: row.last_error ?? undefined,
    beganAt: row.began_at === null ? undefined : new Date(Number(row.began_at)),
    completedAt: row.completed_at === null ? undefined : new Date(Number(row.completed_at)),
    flags: flagsFrom(row.flags),
    ...dueTimes(row),
  }
}

/** Until when a collection is held or set aside, as far as that matters in its state. */
function dueTimes(row: ProgressRow): Pick<CollectionProgress, 'retryInMs' | 'leaseLeftMs' | 'owner'> {
  if (row.completed || row.given_up) return {}
  if (row.leased) return { leaseLeftMs: Math.max(0, Number(row.lease_left)), owner: row.owner ?? undefined }
  const retryInMs = Number(row.due_in)
  return retryInMs > 0 ? { retryInMs } : {}
}

export const PROGRESS_ROW: ReturnType<typeof jsonRow<ProgressRow>> = jsonRow<ProgressRow>({
  ...WALK_COLUMNS,
  source: sql.ref('source'),
  estimated_repos: sql.ref('estimated_repos'),
  last_error: sql.ref('last_error'),
  flags: sql.ref('flags'),
  given_up: sql.ref('given_up'),
  completed: sql`completed_at is not null`,
  began_at: epochMs(sql.ref('began_at')),
  completed_at: epochMs(sql.ref('completed_at')),
  leased: isLeased,
  owner: sql.ref('owner'),
  lease_left: msUntil(sql.ref('lease_ends_at')),
  due_in: dueInMs,
})

export interface RemainingRow {
  collections: number
  due_in: number | null
  claims: readonly { collection: string; owner: string; epoch: number; lease_left: number }[] | null
  pause: number | null
}

const HELD_CLAIM = sql`json_build_object(
  'collection', collection, 'owner', owner, 'epoch', epoch, 'lease_left', ${msUntil(sql.ref('lease_ends_at'))}
)`

/** All rows of a relay as one. @param isMeant which collections are counted; a pause concerns all of them */
export function remainingRow(isMeant: RawBuilder<boolean>): ReturnType<typeof jsonRow<RemainingRow>> {
  const isOpenCollection = sql`(${isCollection} and ${isOpen} and ${isMeant})`
  return jsonRow<RemainingRow>({
    collections: sql`count(*) filter (where ${isOpenCollection})`,
    due_in: sql`min(${dueInMs}) filter (where ${isOpenCollection})`,
    claims: sql`
      json_agg(${HELD_CLAIM} order by collection collate "C") filter (where ${isOpenCollection} and ${isLeased})
    `,
    pause: msUntil(sql`max(relay_waits_until)`),
  })
}

export function toRemaining(relay: string, row: RemainingRow): Remaining {
  const pauseMs = Number(row.pause)
  const pause = pauseMs > 0 ? { relayPauseMs: pauseMs } : {}
  if (row.due_in === null) return { collections: 0, ...pause }
  const claims = row.claims?.map(({ collection, owner, epoch, lease_left: left }) => ({
    relay,
    collection,
    owner,
    epoch: Number(epoch),
    leaseLeftMs: Math.max(0, Number(left)),
  }))
  const dueInMs = Math.max(Number(row.due_in), pauseMs, 0)
  return { collections: Number(row.collections), dueInMs, ...(claims && { claims }), ...pause }
}
