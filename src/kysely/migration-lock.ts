import {
  type DatabaseConnection,
  type DatabaseIntrospector,
  DummyDriver,
  Kysely,
  type MigrationLockOptions,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  sql,
} from 'kysely'

/**
 * A Kysely inside a transaction that is open on `connection`, for the migrator to work in.
 *
 * Kysely's own lock for Postgres is an advisory one that lasts as long as the session: some databases that speak
 * Postgres have none, and a pooler that shares connections loses it. Here it is the lock on one row, and ends with the
 * transaction.
 */
export function migratorKysely(connection: DatabaseConnection): Kysely<unknown> {
  return new Kysely({
    dialect: {
      createAdapter: () => new RowLockAdapter(),
      createDriver: () => new OpenConnectionDriver(connection),
      createQueryCompiler: () => new PostgresQueryCompiler(),
      createIntrospector: (db: Kysely<unknown>): DatabaseIntrospector => new PostgresIntrospector(db),
    },
  })
}

class RowLockAdapter extends PostgresAdapter {
  override async acquireMigrationLock(db: Kysely<unknown>, options: MigrationLockOptions): Promise<void> {
    const { lockTable, lockTableSchema, lockRowId } = options
    const table = lockTableSchema === undefined ? sql.id(lockTable) : sql.id(lockTableSchema, lockTable)
    await sql`select id from ${table} where id = ${lockRowId} for update`.execute(db)
  }

  override async releaseMigrationLock(): Promise<void> {}
}

class OpenConnectionDriver extends DummyDriver {
  readonly #connection: DatabaseConnection

  constructor(connection: DatabaseConnection) {
    super()
    this.#connection = connection
  }

  override async acquireConnection(): Promise<DatabaseConnection> {
    return this.#connection
  }
}
