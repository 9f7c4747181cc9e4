import type { ProgressRow, ProgressRows } from '../contracts/progress-rows.ts'
import type { ProgressStore } from '../contracts/progress-store.ts'
import { progressStoreOn } from '../progress/progress-store-on.ts'
import type { SqliteDatabase, SqliteTransaction } from './sqlite-database.ts'
import type { Connection } from './sqlite-driver.ts'

/** The progress of walks in the same file as the pairs. What only looks waits for no writer, and needs no right to write. */
export function sqliteProgress(database: SqliteDatabase): ProgressStore {
  const store = progressStoreOn(transactionalRows(database))
  const looking = progressStoreOn(committedRows(database))
  return { ...store, remaining: looking.remaining, list: looking.list }
}

function transactionalRows(database: SqliteDatabase): ProgressRows {
  const mirror = createMirror()
  const inside = (transaction: unknown) => transaction as SqliteTransaction
  return {
    database,
    async transaction(body) {
      try {
        return await database.transaction(body)
      } catch (error) {
        // It may have seen rows of the transaction that was rolled back.
        mirror.forget()
        throw error
      }
    },
    list: async (relay, transaction) => mirror.rows(inside(transaction).connection, relay),
    read: async (relay, collection, transaction) =>
      readRow(inside(transaction).connection, relay, collection),
    async write(row, transaction) {
      const { connection, completed } = inside(transaction)
      const saved = writeRow(connection, row)
      if (saved && row.completedAt !== undefined) completed.push(row.collection)
      return saved
    },
    // One clock for all: they are on one machine.
    now: () => Date.now(),
  }
}

function committedRows(database: SqliteDatabase): ProgressRows {
  const mirror = createMirror()
  return {
    list: (relay) => database.read((connection) => mirror.rows(connection, relay)),
    read: (relay, collection) => database.read((connection) => readRow(connection, relay, collection)),
    async write() {
      throw new TypeError('These rows are only read.')
    },
    now: () => Date.now(),
  }
}

/**
 * The rows as they were last seen. Each look reads only those that have changed since then: workers look often, and a
 * network of today has some 1,300 rows.
 */
interface Mirror {
  rows(connection: Connection, relay: string | undefined): readonly ProgressRow[]
  forget(): void
}

function createMirror(): Mirror {
  const relays = new Map<string, Map<string, ProgressRow>>()
  let seen = 0
  return {
    rows(connection, relay) {
      for (const { changed, row } of connection.all(CHANGED_SINCE, seen)) {
        const known = parsed(row)
        const ofRelay = relays.get(known.relay) ?? new Map<string, ProgressRow>()
        relays.set(known.relay, ofRelay.set(known.collection, known))
        seen = Number(changed)
      }
      const wanted = relay === undefined ? [...relays.values()] : [relays.get(relay) ?? new Map()]
      return wanted.flatMap((rows) => [...rows.values()])
    },
    forget() {
      relays.clear()
      seen = 0
    },
  }
}

function readRow(connection: Connection, relay: string, collection: string): ProgressRow | undefined {
  const found = connection.get(READ, relay, collection)
  return found && parsed(found.row)
}

function writeRow(connection: Connection, row: ProgressRow): boolean {
  const text = JSON.stringify(row)
  const changed = Number(connection.get(NEXT_CHANGE)?.progress_changes)
  if (row.version === 1) return connection.run(INSERT, row.relay, row.collection, changed, text) > 0
  return connection.run(UPDATE, row.relay, row.collection, changed, text, row.version) > 0
}

function parsed(text: unknown): ProgressRow {
  return JSON.parse(String(text))
}

const CHANGED_SINCE = 'select changed, row from backfill_progress where changed > ?1 order by changed'
const READ = 'select row from backfill_progress where relay = ?1 and collection = ?2'
const NEXT_CHANGE =
  'update collection_index_state set progress_changes = progress_changes + 1 returning progress_changes'
const INSERT = `
  insert into backfill_progress (relay, collection, version, changed, row) values (?1, ?2, 1, ?3, ?4)
  on conflict do nothing`
const UPDATE = `
  update backfill_progress set version = ?5, changed = ?3, row = ?4
  where relay = ?1 and collection = ?2 and version = ?5 - 1`
