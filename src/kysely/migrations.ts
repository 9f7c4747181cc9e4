import type { DatabaseConnection, Kysely } from 'kysely'
import { sql } from 'kysely'
import { Migrator } from 'kysely/migration'
import { isConflict, isCreatedAlready } from './database-errors.ts'
import { migratorKysely } from './migration-lock.ts'
import { createTables } from './migrations/0001-tables.ts'
import type { SchemaOptions } from './schema.ts'
import { inTransaction, namingErrors, retryingConflicts } from './transaction.ts'

/**
 * Creates the backfill's tables, or brings those of an earlier version up to date, in one transaction. Safe to call
 * at every start and from several processes at once; does nothing when there is nothing to do.
 *
 * It takes over a `backfill_progress` table that another relay's backfill left, rows and cursors kept. What it ran is
 * kept in `backfill_migration` and `backfill_migration_lock`, so it lives beside migrations of your own.
 *
 * @throws StoreUnavailableError when the database cannot be used at the moment, otherwise the database's own error
 */
export async function migrateToLatest<Database>(
  db: Kysely<Database>,
  options: SchemaOptions = {},
): Promise<void> {
  const mayRetry = (error: unknown) => isConflict(error) || isCreatedAlready(error)
  await namingErrors(() =>
    retryingConflicts(() => inTransaction(db, (transaction) => migrate(transaction, options)), mayRetry),
  )
}

async function migrate<Database>(db: Kysely<Database>, options: SchemaOptions): Promise<void> {
  const schema = options.schema ?? (await currentSchema(db))
  await db.getExecutor().provideConnection(async (connection) => {
    const { watched, firstError } = watching(connection)
    const migrator = new Migrator({
      db: migratorKysely(watched),
      provider: {
        getMigrations: async () => ({ '0001-tables': { up: (tables) => createTables(tables, schema) } }),
      },
      migrationTableName: 'backfill_migration',
      migrationLockTableName: 'backfill_migration_lock',
      // Always named: without a schema, the migrator takes a table of that name in any schema for its own.
      migrationTableSchema: schema,
      // The surrounding transaction is the one.
      disableTransactions: true,
    })
    const { error } = await migrator.migrateToLatest()
    if (error !== undefined) throw firstError() ?? error
  })
}

/** After a failure the migrator asks further, and then tells of an aborted transaction instead of the reason. */
function watching(connection: DatabaseConnection): {
  watched: DatabaseConnection
  firstError: () => unknown
} {
  let first: unknown
  const watched: DatabaseConnection = {
    async executeQuery(query) {
      try {
        return await connection.executeQuery(query)
      } catch (error) {
        first ??= error
        throw error
      }
    },
    streamQuery: (query, chunkSize) => connection.streamQuery(query, chunkSize),
  }
  return { watched, firstError: () => first }
}

async function currentSchema<Database>(db: Kysely<Database>): Promise<string> {
  const { rows } = await sql<{ schema: string | null }>`select current_schema() as schema`.execute(
    db.withoutPlugins(),
  )
  return rows[0]?.schema ?? 'public'
}
