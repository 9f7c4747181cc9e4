import type { Selectable } from 'kysely'
import type { Claim, ClaimRequest, CollectionProgress } from '../contracts/progress-store.ts'
import type { BackfillProgressTable } from './schema.ts'

type Row = Selectable<BackfillProgressTable>

type ClaimRow = Pick<
  Row,
  | 'collection'
  | 'cursor'
  | 'page_count'
  | 'imported_count'
  | 'rejected_count'
  | 'loop_guard'
  | 'attempts'
  | 'restarts'
  | 'epoch'
>

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
    attempts: row.attempts,
    restarts: row.restarts,
  }
}

export function toProgress(row: Row & { leased: boolean }): CollectionProgress {
  return {
    relay: row.source,
    collection: row.collection,
    state: row.completed_at ? 'complete' : row.given_up ? 'failed' : row.leased ? 'running' : 'pending',
    cursor: row.cursor === '' ? undefined : row.cursor,
    pages: Number(row.page_count),
    imported: Number(row.imported_count),
    invalid: Number(row.rejected_count),
    estimatedRepos: row.estimated_repos === null ? undefined : Number(row.estimated_repos),
    attempts: row.attempts,
    lastError: row.last_error ?? undefined,
    completedAt: row.completed_at ?? undefined,
  }
}
