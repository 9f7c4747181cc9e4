// One transaction after the other on the SQLite of Node, whose one connection cannot have two.
import type { DatabaseSync, SQLInputValue } from 'node:sqlite'
import { StoreUnavailableError } from 'atproto-collection-backfill'

type Values = Record<string, SQLInputValue>

/** A database whose transactions stand in line. */
export interface SerialSqlite {
  /** Commits when `body` resolves, and leaves nothing behind when it rejects. */
  transaction<T>(body: () => T | Promise<T>): Promise<T>
  /** @returns how many rows changed */
  change(sql: string, values: Values): number
  /** Rows as SQLite gives them, except that what is null is absent. */
  select<Row>(sql: string, values: Values): Row[]
}

/** Busy, I/O error, full, cannot open: the same call may succeed later. https://www.sqlite.org/rescode.html */
const PASSING = [5, 10, 13, 14]

/** One connection has one transaction at a time, and whoever waits in the middle of it must not meet another's. */
export function serialSqlite(db: DatabaseSync): SerialSqlite {
  let line: Promise<unknown> = Promise.resolve()

  async function run<T>(body: () => T | Promise<T>): Promise<T> {
    try {
      db.exec('begin immediate')
      const result = await body()
      db.exec('commit')
      return result
    } catch (error) {
      // After some errors SQLite has rolled back by itself.
      if (db.isTransaction) db.exec('rollback')
      const code = error instanceof Error && 'errcode' in error ? Number(error.errcode) & 0xff : 0
      throw PASSING.includes(code) ? new StoreUnavailableError('SQLite cannot be used now.', error) : error
    }
  }

  return {
    transaction(body) {
      const mine = line.then(() => run(body))
      line = mine.catch(() => {})
      return mine
    },
    change: (sql, values) => Number(db.prepare(sql).run(values).changes),
    select: <Row>(sql: string, values: Values) =>
      db
        .prepare(sql)
        .all(values)
        .map((row) => Object.fromEntries(Object.entries(row).filter(([, value]) => value !== null)) as Row),
  }
}
