import type { ProgressRow, ProgressRows } from '../contracts/progress-rows.ts'
import { isCollection } from './row-state.ts'

/** So often in a row a write is refused although the row has not changed, before the table is called broken. */
const MAX_STALE_READS = 10

/** What a change makes of a row; undefined to leave it as it is. */
export type RowChange = (row: ProgressRow | undefined) => ProgressRow | undefined

/** A row after a change: as it was saved, or as it is where the change left it alone. */
export interface ChangedRow {
  readonly row: ProgressRow | undefined
  readonly changed: boolean
}

/** The rows inside of one transaction, or without one. */
export interface RowTable {
  /** What `write` functions get. */
  readonly transaction: unknown
  /** The rows of collections. */
  list(relay: string | undefined): Promise<readonly ProgressRow[]>
  /** Those and the one that keeps a pause of the relay alone. */
  listAll(relay: string): Promise<readonly ProgressRow[]>
  read(relay: string, collection: string): Promise<ProgressRow | undefined>
  /**
   * Reads, changes and saves a row, again where another worker was faster.
   *
   * @param known the row as it was read a moment ago: read here when the save is refused
   */
  change(place: RowPlace, known: ProgressRow | undefined, change: RowChange): Promise<ChangedRow>
  now(): Promise<number>
}

/** Which row. */
export interface RowPlace {
  readonly relay: string
  readonly collection: string
}

/** Runs `body` on the rows, in a transaction where they have them. */
export async function withRows<T>(rows: ProgressRows, body: (table: RowTable) => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      if (rows.transaction === undefined) return await body(rowTable(rows, undefined))
      return await rows.transaction((transaction) => body(rowTable(rows, transaction)))
    } catch (error) {
      // A transaction that reads a snapshot never sees the row that it lost against; a new one does.
      if (!(error instanceof StaleReadError) || tries === MAX_STALE_READS) throw error
    }
  }
}

function rowTable(rows: ProgressRows, transaction: unknown): RowTable {
  const read = async (relay: string, collection: string) =>
    checked(await rows.read(relay, collection, transaction))

  async function write(row: ProgressRow): Promise<boolean> {
    const saved: unknown = await rows.write(row, transaction)
    if (typeof saved !== 'boolean')
      throw new TypeError(`ProgressRows.write must answer true or false, not ${String(saved)}.`)
    return saved
  }

  async function listAll(relay: string | undefined): Promise<readonly ProgressRow[]> {
    const all = await rows.list(relay, transaction)
    all.forEach(checked)
    return all
  }

  return {
    transaction,
    read,
    listAll,
    list: async (relay) => (await listAll(relay)).filter(isCollection),
    async change({ relay, collection }, known, change) {
      let before = known
      for (;;) {
        const after = change(before)
        if (after === undefined) return { row: before, changed: false }
        const next = { ...after, version: (before?.version ?? 0) + 1 }
        if (await write(next)) return { row: next, changed: true }
        const stored = await read(relay, collection)
        if (stored?.version === before?.version) throw new StaleReadError(next)
        before = stored
      }
    },
    async now() {
      const now = await rows.now(transaction)
      // Whole milliseconds, so that a table may keep them as integers.
      if (Number.isFinite(now)) return Math.floor(now)
      throw new TypeError(`ProgressRows.now must answer milliseconds, not ${String(now)}.`)
    },
  }
}

/** Drivers give big integers as strings: then a version could not be counted on. */
function checked<Row extends ProgressRow | undefined>(row: Row): Row {
  if (row === undefined || Number.isSafeInteger(row.version)) return row
  throw new TypeError(
    `ProgressRows must give rows as they were written; ${row.collection} has the version ${JSON.stringify(row.version)}.`,
  )
}

/** A write was refused, and yet the row is the one that it was to follow. */
class StaleReadError extends Error {
  constructor({ relay, collection, version }: ProgressRow) {
    super(
      `ProgressRows.write refused version ${version} of ${collection} on ${relay} although version ${version - 1} is stored. read and list must give the newest row, and write must save the one that follows it.`,
    )
  }
}
