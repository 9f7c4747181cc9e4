import { type RawBuilder, sql, type UpdateObject } from 'kysely'
import type { CollectionFlag } from '../contracts/collection-progress.ts'
import type { Claim, ClaimRequest, PageProgress, ReleaseOutcome } from '../contracts/progress-store.ts'
import { anchorText } from '../util/anchor-text.ts'
import { CANCELLED } from '../util/flags.ts'
import { keptError } from '../util/text.ts'
import { hasPages } from './progress-conditions.ts'
import { type BackfillDatabase, fromNow, plus } from './schema.ts'

/** Values for the columns, or SQL that computes them. */
type Changes = UpdateObject<BackfillDatabase, 'backfill_progress'>

/** What a walk fills, as it was before the first page. */
const FROM_THE_START = {
  cursor: '',
  page_count: 0,
  imported_count: 0,
  rejected_count: 0,
  loop_guard: null,
  anchor: null,
  began_at: null,
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

/** A worker takes it. Before its first page, the walk begins with that: in whole milliseconds, as it is listed. */
export function claimedColumns({ owner, leaseMs }: ClaimRequest): Changes {
  const began = sql<Date>`case when ${hasPages} then began_at else date_trunc('milliseconds', clock_timestamp()) end`
  return { owner, epoch: plus('epoch', 1), began_at: began, lease_ends_at: fromNow(leaseMs) }
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

/** What a release changes in the row of its claim. */
export function releasedColumns(outcome: ReleaseOutcome | undefined): Changes {
  return { owner: null, lease_ends_at: null, ...(outcome && outcomeColumns(outcome)) }
}

function outcomeColumns(outcome: ReleaseOutcome): Changes {
  const failed = { last_error: keptError(outcome.error) }
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
