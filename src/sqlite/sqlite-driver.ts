import { BackfillError } from '../errors.ts'

/** What SQLite keeps. Whole numbers come back as numbers. */
export type SqlValue = string | number | Uint8Array | null

export type SqlRow = Readonly<Record<string, SqlValue>>

/** A connection of `node:sqlite` or `bun:sqlite`. All its calls are synchronous; statements are prepared once. */
export interface Connection {
  /** Runs statements without parameters. */
  exec(sql: string): void
  /** @returns how many rows it changed */
  run(sql: string, ...parameters: SqlValue[]): number
  get(sql: string, ...parameters: SqlValue[]): SqlRow | undefined
  all(sql: string, ...parameters: SqlValue[]): readonly SqlRow[]
  close(): void
}

/** How a file is opened; `write` makes one that is missing. */
export type ConnectionMode = 'read' | 'write'

/** Opens a connection; throws the driver's own errors. */
export type Connect = (file: string, mode: ConnectionMode) => Connection

/** What the two drivers have in common. */
interface DriverStatement {
  run(...parameters: SqlValue[]): { changes: number | bigint }
  get(...parameters: SqlValue[]): unknown
  all(...parameters: SqlValue[]): unknown[]
}

interface DriverDatabase {
  exec(sql: string): void
  prepare(sql: string): DriverStatement
  close(): void
}

type DriverClass = new (file: string, options: object) => DriverDatabase

/** The SQLite that the runtime brings. @throws BackfillError with the code `NOT_INSTALLED` where it brings none */
export async function loadDriver(): Promise<Connect> {
  try {
    const { DatabaseSync } = await import('node:sqlite')
    return (file, mode) =>
      connectionOn(new (DatabaseSync as unknown as DriverClass)(file, { readOnly: mode === 'read' }))
  } catch (error) {
    const bun = await loadBun()
    if (bun !== undefined) return bun
    const message =
      'openSqlite needs the SQLite that comes with Node 22.13 or later, with Bun, or with Deno 2.2 or later.'
    throw new BackfillError('NOT_INSTALLED', message, { cause: error })
  }
}

async function loadBun(): Promise<Connect | undefined> {
  // Hidden from the compiler and from bundlers, which do not know it.
  const name = 'bun:sqlite'
  try {
    const { Database } = (await import(name)) as { Database: DriverClass }
    return (file, mode) =>
      connectionOn(
        new Database(file, mode === 'read' ? { readonly: true } : { readwrite: true, create: true }),
      )
  } catch {
    return undefined
  }
}

function connectionOn(database: DriverDatabase): Connection {
  const prepared = new Map<string, DriverStatement>()
  const statement = (sql: string) => {
    const known = prepared.get(sql)
    if (known !== undefined) return known
    const made = database.prepare(sql)
    prepared.set(sql, made)
    return made
  }
  return {
    exec: (sql) => database.exec(sql),
    run: (sql, ...parameters) => Number(statement(sql).run(...parameters).changes),
    // Bun gives null where there is no row.
    get: (sql, ...parameters) =>
      (statement(sql).get(...parameters) as SqlRow | null | undefined) ?? undefined,
    all: (sql, ...parameters) => statement(sql).all(...parameters) as SqlRow[],
    close: () => database.close(),
  }
}

/** Ends a transaction without its changes. */
export function rollBack(connection: Connection): void {
  try {
    connection.exec('rollback')
  } catch {
    // SQLite has rolled back by itself, as it does when the disk is full.
  }
}
