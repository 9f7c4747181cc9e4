/**
 * What the columns of `backfill_progress` mean, and what each step changes in them. Some names are those of zlay, the
 * relay in Zig, whose table this is; everywhere else the library's words hold. `source` is the relay, `rejected_count`
 * counts the entries that are invalid, and `given_up` says that the collection failed.
 */
import { type RawBuilder, sql, type UpdateObject } from 'kysely'
import type { CollectionFlag, CollectionProgress } from '../contracts/collection-progress.ts'
import type {
  Claim,
  ClaimKey,
  ClaimRequest,
  PageProgress,
  ReleaseOutcome,
  Remaining,
} from '../contracts/progress-store.ts'
import { anchorFrom, anchorText } from '../util/anchor-text.ts'
import { CANCELLED, flagsFrom } from '../util/flags.ts'
import { epochMs, jsonRow, msUntil } from './json-row.ts'
import { type BackfillDatabase, fromNow, plus } from './schema.ts'

/** Values for the columns, or SQL that computes them. */
type Changes = UpdateObject<BackfillDatabase, 'backfill_progress'>

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
  /** Milliseconds since 1970. */
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

/** Neither complete nor failed. */
export const isOpen: RawBuilder<boolean> = sql`(completed_at is null and not given_up)`

/** When it may be claimed; null for at once. */
const DUE_AT = sql`greatest(lease_ends_at, not_before)`

/** Not under a live lease, and due. */
export const isDue: RawBuilder<boolean> = sql`(coalesce(${DUE_AT}, '-infinity') <= clock_timestamp())`

/** How long until it may be claimed, in milliseconds. */
const dueInMs: RawBuilder<unknown> = sql`(case when ${isDue} then 0 else ${msUntil(DUE_AT)} end)`

/** Under a live lease. */
export const isLeased: RawBuilder<boolean> = sql`(owner is not null and coalesce(lease_ends_at > clock_timestamp(), false))`

/** An operator cancelled it: it is tried again only where it is named. */
const isCancelled = sql<boolean>`(given_up and coalesce('cancelled' = any (string_to_array(flags, ' ')), false))`

/** Failed, and tried again by the next run. */
export const isFailed: RawBuilder<boolean> = sql`(given_up and not ${isCancelled})`

/** Neither complete nor cancelled. */
export const mayCancel: RawBuilder<boolean> = sql`(completed_at is null and not ${isCancelled})`

/** Failed, or pending and not to be claimed for a time. */
export const isFailedOrSetAside: RawBuilder<boolean> = sql`(
  given_up or (completed_at is null and not ${isLeased} and coalesce(not_before > clock_timestamp(), false))
)`

export const PROGRESS_ROW: ReturnType<typeof jsonRow<ProgressRow>> = jsonRow<ProgressRow>({
  ...WALK_COLUMNS,
  source: sql.ref('source'),
  estimated_repos: sql.ref('estimated_repos'),
  last_error: sql.ref('last_error'),
  flags: sql.ref('flags'),
  given_up: sql.ref('given_up'),
  completed: sql`completed_at is not null`,
  completed_at: epochMs(sql.ref('completed_at')),
  leased: isLeased,
  owner: sql.ref('owner'),
  lease_left: msUntil(sql.ref('lease_ends_at')),
  due_in: dueInMs,
})

/** Whether a row is a collection's, and not one that only keeps a pause of its relay. */
export const isCollection: RawBuilder<boolean> = sql`collection <> ''`

/** The collections of a relay. */
export function isOfRelay(relay: string): RawBuilder<boolean> {
  return sql`(source = ${relay} and ${isCollection})`
}

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

/** Whether the row is one of these; without a list, every row is. */
export function isNamed(collections: readonly string[] | undefined): RawBuilder<boolean> {
  return collections === undefined ? sql`true` : sql`collection = any (${[...collections]}::text[])`
}

/** The row of a claim, as long as the claim holds. */
export function isClaimed({ relay, collection, owner, epoch }: ClaimKey): RawBuilder<boolean> {
  return sql`(collection = ${collection} and source = ${relay} and epoch = ${epoch} and owner = ${owner})`
}

/** What a walk fills, as it was before the first page. */
const FROM_THE_START = {
  cursor: '',
  page_count: 0,
  imported_count: 0,
  rejected_count: 0,
  loop_guard: null,
  anchor: null,
  completed_at: null,
} as const

/** A failed collection keeps its place, and is tried as if it had never failed. */
export const UNTRIED: Changes = {
  given_up: false,
  attempts: 0,
  restarts: 0,
  not_before: null,
  flags: sql`nullif(array_to_string(array_remove(string_to_array(flags, ' '), 'cancelled'), ' '), '')`,
}

/** The epoch is raised, so that the worker that holds it changes nothing from now on. */
export const CANCELLED_COLUMNS: Changes = {
  given_up: true,
  not_before: null,
  last_error: CANCELLED,
  ...addedFlags(['cancelled']),
  owner: null,
  lease_ends_at: null,
  epoch: plus('epoch', 1),
}

/**
 * The epoch is raised and the owner forgotten: a claim of the earlier walk, whose lease ran out, can change nothing.
 */
export const BEGUN_AGAIN: Changes = {
  ...UNTRIED,
  ...FROM_THE_START,
  last_error: null,
  flags: null,
  owner: null,
  lease_ends_at: null,
  epoch: plus('epoch', 1),
  // What the earlier walk brought; greatest() passes over a null.
  estimated_repos: sql`greatest(estimated_repos, nullif(imported_count, 0))`,
}

/** What a commit of pages changes in the row of its claim. */
export function committedColumns(claim: Claim, page: PageProgress): Changes {
  const completed = page.cursor === undefined
  return {
    cursor: page.cursor ?? '',
    page_count: plus('page_count', page.pages),
    imported_count: plus('imported_count', page.imported),
    rejected_count: plus('rejected_count', page.invalid),
    loop_guard: page.loopGuard ?? null,
    anchor: completed ? null : (anchorText(page.anchor) ?? null),
    ...addedFlags(page.flags),
    attempts: 0,
    last_error: null,
    not_before: null,
    completed_at: completed ? fromNow(0) : null,
    owner: completed ? null : claim.owner,
    lease_ends_at: completed ? null : fromNow(claim.leaseMs),
  }
}

/** Stores keep this much of an error: {@link ReleaseOutcome}. */
const MAX_ERROR_LENGTH = 500

/** What a release changes in the row of its claim. */
export function releasedColumns(outcome: ReleaseOutcome | undefined): Changes {
  return { owner: null, lease_ends_at: null, ...(outcome && outcomeColumns(outcome)) }
}

function outcomeColumns(outcome: ReleaseOutcome): Changes {
  // Postgres text holds no NUL, and a server's message may.
  const failed = { last_error: outcome.error.replaceAll('\0', '').slice(0, MAX_ERROR_LENGTH) }
  if (outcome.kind === 'postponed') return { ...failed, not_before: fromNow(outcome.retryInMs) }
  const flagged = { ...failed, ...addedFlags(outcome.flags) }
  if (outcome.kind === 'restart') return { ...flagged, ...FROM_THE_START, restarts: plus('restarts', 1) }
  const { retryInMs } = outcome
  const attempts = plus('attempts', 1)
  return { ...flagged, attempts, not_before: fromNow(retryInMs ?? 0), given_up: retryInMs === undefined }
}

/** Each flag that is not there yet at the end of those that are. */
function addedFlags(flags: readonly CollectionFlag[] = []): Changes {
  if (flags.length === 0) return {}
  return {
    flags: flags.reduce<RawBuilder<string>>(
      (known, flag) => sql`
        case when ${flag} = any (string_to_array(${known}, ' ')) then ${known}
        else concat_ws(' ', ${known}, ${flag}::text) end`,
      sql.ref('flags'),
    ),
  }
}
