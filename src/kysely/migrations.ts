import type { DatabaseConnection, Kysely } from 'kysely'
import { sql } from 'kysely'
import { Migrator } from 'kysely/migration'
import { InvalidOptionError } from '../errors.ts'
import { isConflict, isCreatedAlready } from './database-errors.ts'
import { type JsonRow, jsonRow, rowOf } from './json-row.ts'
import { migratorKysely } from './migration-lock.ts'
import { createTables } from './migrations/0001-tables.ts'
import { catalogName, type SchemaOptions, tableName } from './schema.ts'
import { inTransaction, namingErrors, retryingConflicts, statement } from './transaction.ts'

const MIGRATIONS = { '0001-tables': createTables }

/** What ran is kept here. */
const TABLE = 'backfill_migration'

/**
 * Creates the backfill's tables, or brings those of an earlier version up to date, in one transaction. Safe to call
 * at every start and from several processes at once. When there is nothing to do it only looks, so that a user who may
 * only read, a read-only session and a hot standby can go on.
 *
 * It takes over a `backfill_progress` table that another relay's backfill left, rows and cursors kept. What it ran is
 * kept in `backfill_migration` and `backfill_migration_lock`, so it lives beside migrations of your own.
 *
 * @throws InvalidOptionError when no schema is given and the connection's search path names none
 * @throws StoreUnavailableError when the database cannot be used at the moment
 * @throws BackfillError with the code `STORE_NOT_PERMITTED` when the user may not do it, otherwise the database's own
 * error
 */
export async function migrateToLatest<Database>(
  db: Kysely<Database>,
  options: SchemaOptions = {},
): Promise<void> {
  const schema = options.schema ?? (await statement(() => currentSchema(db)))
  if (await statement(() => isMigrated(db, schema))) return
  const mayRetry = (error: unknown) => isConflict(error) || isCreatedAlready(error)
  await namingErrors(() =>
    retryingConflicts(() => inTransaction(db, (transaction) => migrate(transaction, schema)), mayRetry),
  )
}

/** Whether a migration of the backfill's tables ever ran there. Only looks. */
export async function hasTables<Database>(
  db: Kysely<Database>,
  options: SchemaOptions = {},
): Promise<boolean> {
  return statement(async () => {
    const schema = options.schema ?? (await currentSchema(db))
    const { exists } = await migrationTable(db, schema)
    return exists
  })
}

interface MigrationTable {
  exists: boolean
  readable: boolean | null
}

async function migrationTable<Database>(db: Kysely<Database>, schema: string): Promise<MigrationTable> {
  const table = sql`to_regclass(${catalogName(TABLE, { schema })})`
  const look = jsonRow<MigrationTable>({
    exists: sql`${table} is not null`,
    readable: sql`has_table_privilege(${table}, 'select')`,
  })
  const { rows } = await sql<JsonRow<MigrationTable>>`select ${look}`.execute(db.withoutPlugins())
  return rows[0] ? rowOf(rows[0]) : { exists: false, readable: null }
}

async function isMigrated<Database>(db: Kysely<Database>, schema: string): Promise<boolean> {
  const plain = db.withoutPlugins()
  const { exists, readable } = await migrationTable(db, schema)
  if (!exists) return false
  // A user who may not read it can migrate nothing either, but may well read and write the other tables.
  if (!readable) return true
  const name = jsonRow<{ name: string }>({ name: sql.ref('name') })
  const { rows } = await sql<JsonRow<{ name: string }>>`
    select ${name} from ${tableName(TABLE, { schema })} order by name
  `.execute(plain)
  // One of a later version is for the migrator to refuse.
  return rows.map((row) => rowOf(row).name).join() === Object.keys(MIGRATIONS).join()
}

async function migrate<Database>(db: Kysely<Database>, schema: string): Promise<void> {
  await db.getExecutor().provideConnection(async (connection) => {
    const { watched, firstError } = watching(connection)
    const migrator = new Migrator({
      db: migratorKysely(watched),
      provider: {
        getMigrations: async () =>
          Object.fromEntries(
            Object.entries(MIGRATIONS).map(([name, up]) => [
              name,
              { up: (tables: Kysely<unknown>) => up(tables, schema) },
            ]),
          ),
      },
      migrationTableName: TABLE,
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

interface SearchPath {
  /** The first that exists and that the user may use. */
  schema: string | null
  search_path: string
}

async function currentSchema<Database>(db: Kysely<Database>): Promise<string> {
  const path = jsonRow<SearchPath>({
    schema: sql`current_schema()`,
    search_path: sql`current_setting('search_path')`,
  })
  const { rows } = await sql<JsonRow<SearchPath>>`select ${path}`.execute(db.withoutPlugins())
  const { schema, search_path } = rows[0] ? rowOf(rows[0]) : { schema: null, search_path: '' }
  if (schema !== null) return schema
  throw new InvalidOptionError(
    'schema',
    '',
    undefined,
    `The option schema must name the schema of the backfill's tables, as in { schema: 'public' }: the connection's search_path (${search_path}) ` +
      'names none that exists and that this user may use.',
  )
}
