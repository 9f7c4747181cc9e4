import { type RawBuilder, sql } from 'kysely'
import type { ClaimKey } from '../contracts/progress-store.ts'
import { msUntil } from './json-row.ts'

/** Whether a row is a collection's, and not one that only keeps a pause of its relay. */
export const isCollection: RawBuilder<boolean> = sql`collection <> ''`

/** The collections of a relay. */
export function isOfRelay(relay: string): RawBuilder<boolean> {
  return sql`(source = ${relay} and ${isCollection})`
}

/** Whether the row is one of these; without a list, every row is. */
export function isNamed(collections: readonly string[] | undefined): RawBuilder<boolean> {
  return collections === undefined ? sql`true` : sql`collection = any (${[...collections]}::text[])`
}

/** The row of a claim, as long as the claim holds. */
export function isClaimed({ relay, collection, owner, epoch }: ClaimKey): RawBuilder<boolean> {
  return sql`(collection = ${collection} and source = ${relay} and epoch = ${epoch} and owner = ${owner})`
}

/** Neither complete nor failed. */
export const isOpen: RawBuilder<boolean> = sql`(completed_at is null and not given_up)`

/** When it may be claimed; null for at once. */
const DUE_AT = sql`greatest(lease_ends_at, not_before)`

/** Not under a live lease, and due. */
export const isDue: RawBuilder<boolean> = sql`(coalesce(${DUE_AT}, '-infinity') <= clock_timestamp())`

/** How long until it may be claimed, in milliseconds. */
export const dueInMs: RawBuilder<unknown> = sql`(case when ${isDue} then 0 else ${msUntil(DUE_AT)} end)`

/** Under a live lease. */
export const isLeased: RawBuilder<boolean> = sql`(owner is not null and coalesce(lease_ends_at > clock_timestamp(), false))`

/** Pages of the walk are committed. Another program's row may have a cursor alone. */
export const hasPages: RawBuilder<boolean> = sql`(page_count > 0 or cursor <> '' or completed_at is not null)`

/**
 * It may hold pages that were read before that moment, or a worker may be about to commit such; and it has not failed.
 */
export function mayHoldPagesOf(before: RawBuilder<Date>): RawBuilder<boolean> {
  const isHeld = sql`(${hasPages} or owner is not null)`
  return sql`(${isHeld} and not given_up and coalesce(began_at, completed_at, '-infinity') < ${before})`
}

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
