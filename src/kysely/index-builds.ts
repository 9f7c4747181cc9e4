import { type Kysely, type RawBuilder, sql } from 'kysely'
import { hasGivenUp, isLockTaken } from './database-errors.ts'
import { type BackfillDatabase, type SchemaOptions, tableName } from './schema.ts'
import { inTransaction, retryingConflicts } from './transaction.ts'

type Tables = Kysely<BackfillDatabase>

/** The table whose indexes are built. */
export const PAIRS_TABLE = 'collection_index_pair'

/** How often a call looks whether another one's build is done, in milliseconds. */
export const BUILD_POLL_MS = 500

/** A session that has timeouts of the library's own keeps them a second time, under names that begin so. */
export const HELD_PREFIX = 'collection_backfill.'

/**
 * Does something under the lock that a build holds until its end: what is unfinished while that lock is free never will be
 * finished.
 *
 * @returns false when the lock is not free: an index is being built, or the table vacuumed
 */
export async function whileNothingIsBuilt(
  db: Tables,
  options: SchemaOptions,
  body: (transaction: Tables) => Promise<void> = async () => {},
): Promise<boolean> {
  const table = tableName(PAIRS_TABLE, options)
  try {
    await retryingConflicts(() =>
      inTransaction(db, async (transaction) => {
        await sql`lock table ${table} in share update exclusive mode nowait`.execute(transaction)
        await body(transaction)
      }),
    )
    return true
  } catch (error) {
    if (isLockTaken(error)) return false
    throw error
  }
}

/**
 * A build takes longer than any statement of a backfill, and waits for every transaction on the table to end. The
 * connection goes back to its pool with the timeouts that it had.
 */
export async function withoutTimeouts(
  db: Tables,
  body: (connection: Tables) => Promise<void>,
): Promise<void> {
  await db.connection().execute(async (connection) => {
    await setTimeouts(sql`'0'`).execute(connection)
    try {
      await body(connection)
    } finally {
      // A connection that gave up on a build does not go back before the server is done with it.
      let error: unknown
      do {
        error = await setTimeouts(HELD)
          .execute(connection)
          .then(
            () => undefined,
            (reason: unknown) => reason,
          )
      } while (hasGivenUp(error))
    }
  })
}

/** The timeout that the connection had: one of the library's own, or the one that it began with. */
const HELD = sql<string>`coalesce(nullif(current_setting(${sql.lit(HELD_PREFIX)} || name, true), ''), reset_val)`

function setTimeouts(value: RawBuilder<string>): RawBuilder<unknown> {
  return sql`
    select set_config(name, ${value}, false) from pg_catalog.pg_settings
    where name in ('statement_timeout', 'lock_timeout') and ${HELD} <> '0'
  `
}
