import { type Kysely, sql } from 'kysely'
import type { Claim, PageProgress } from '../contracts/progress-store.ts'
import { ClaimLostError } from '../errors.ts'
import { CommitUnansweredError, toStoreError } from './database-errors.ts'
import { jsonRow, rowOf } from './json-row.ts'
import { committedColumns } from './progress-changes.ts'
import { isClaimed, isOfRelay } from './progress-conditions.ts'
import type { BackfillDatabase } from './schema.ts'
import { inTransaction, namingErrors, retryingConflicts, statement } from './transaction.ts'

type Tables = Kysely<BackfillDatabase>
type Write = (transaction?: unknown) => Promise<void>

/** After that many unanswered commits in a row, none of which happened, it is the database that is not well. */
const MAX_UNANSWERED = 3

/** Commits pages: {@link ProgressStore.advance}. */
export async function advancePage(
  tables: Tables,
  claim: Claim,
  page: PageProgress,
  write?: Write,
): Promise<Claim> {
  for (let tries = 1; ; tries += 1) {
    const outcome = await retryingConflicts(() => commitPage(tables, claim, page, write))
    if (outcome === 'committed') return nextClaim(claim, page)
    const place = await statement(() => readPlace(tables, claim, page))
    if (place === 'after') return nextClaim(claim, page)
    if (place === 'lost' || outcome === 'fenced') throw new ClaimLostError(claim)
    if (tries === MAX_UNANSWERED) throw toStoreError(outcome)
  }
}

/** Thrown to roll the transaction back when the claim does not hold. */
const FENCED = Symbol('fenced')

/**
 * The row first: its lock makes a stale worker, and a second commit of the same page, wait and then find the fence
 * closed before anything is written.
 */
async function commitPage(
  tables: Tables,
  claim: Claim,
  page: PageProgress,
  write: Write | undefined,
): Promise<'committed' | 'fenced' | CommitUnansweredError> {
  try {
    await inTransaction(tables, async (transaction) => {
      const { numUpdatedRows } = await namingErrors(() =>
        savePage(transaction, claim, page).executeTakeFirstOrThrow(),
      )
      if (numUpdatedRows === 0n) throw FENCED
      await write?.(transaction)
    })
    return 'committed'
  } catch (error) {
    if (error === FENCED) return 'fenced'
    if (error instanceof CommitUnansweredError) return error
    throw error
  }
}

function savePage(tables: Tables, claim: Claim, page: PageProgress) {
  return tables
    .updateTable('backfill_progress')
    .set(committedColumns(claim, page))
    .where(isClaimed(claim))
    .where('page_count', '=', claim.pages)
}

/** What of a row tells whether a commit happened. */
interface Place {
  epoch: number
  page_count: number
  owned: boolean
  completed: boolean
  same_cursor: boolean
}

/**
 * Where the row is: before these pages, after them by our own commit, or taken from us. Cursors are compared as stored.
 */
async function readPlace(
  tables: Tables,
  claim: Claim,
  page: PageProgress,
): Promise<'before' | 'after' | 'lost'> {
  const found = await tables
    .selectFrom('backfill_progress')
    .select(
      jsonRow<Place>({
        epoch: sql.ref('epoch'),
        page_count: sql.ref('page_count'),
        owned: sql`coalesce(owner = ${claim.owner}, false)`,
        completed: sql`completed_at is not null`,
        same_cursor: sql`cursor = ${page.cursor ?? ''}`,
      }),
    )
    .where('collection', '=', claim.collection)
    .where(isOfRelay(claim.relay))
    .executeTakeFirst()
  if (found === undefined) return 'lost'
  const row = rowOf(found)
  if (Number(row.epoch) !== claim.epoch) return 'lost'
  const pages = Number(row.page_count) - claim.pages
  if (pages === 0 && row.owned) return 'before'
  const ours = row.completed ? page.cursor === undefined : page.cursor !== undefined && row.owned
  return pages === page.pages && row.same_cursor && ours ? 'after' : 'lost'
}

function nextClaim(claim: Claim, page: PageProgress): Claim {
  return {
    ...claim,
    cursor: page.cursor,
    pages: claim.pages + page.pages,
    imported: claim.imported + page.imported,
    invalid: claim.invalid + page.invalid,
    loopGuard: page.loopGuard,
    anchor: page.cursor === undefined ? undefined : page.anchor,
    attempts: 0,
  }
}
