import type { ProgressRow, ProgressRows } from '../../src/index.ts'

interface Snapshot {
  readonly rows: Map<string, ProgressRow>
  readonly written: ProgressRow[]
  /** What else is to happen when the transaction commits. */
  readonly effects: (() => void)[]
}

/** Tables of rows on one database of snapshots, as MySQL has them: a transaction reads what was there when it began. */
export interface SnapshotDatabase {
  /** A table as another process opens it. */
  open(): ProgressRows
  /** For a sink: runs with the commit of the transaction. */
  onCommit(transaction: unknown, effect: () => void): void
  /** How many transactions were run again, since another one had changed their rows. */
  readonly repeats: number
}

export function snapshotDatabase(now: () => number = Date.now): SnapshotDatabase {
  const table = new Map<string, ProgressRow>()
  const database = {}
  const key = ({ relay, collection }: Pick<ProgressRow, 'relay' | 'collection'>) => `${relay} ${collection}`
  const follows = (row: ProgressRow) => (table.get(key(row))?.version ?? 0) === row.version - 1
  const opened = (transaction: unknown) => transaction as Snapshot
  let repeats = 0

  async function transaction<T>(body: (transaction: unknown) => Promise<T>): Promise<T> {
    for (;;) {
      const snapshot: Snapshot = { rows: new Map(table), written: [], effects: [] }
      const result = await body(snapshot)
      if (snapshot.written.every(follows)) {
        for (const row of snapshot.written) table.set(key(row), row)
        for (const effect of snapshot.effects) effect()
        return result
      }
      repeats += 1
    }
  }

  return {
    open: () => ({
      database,
      transaction,
      now,
      list: async (relay, transaction) =>
        [...opened(transaction).rows.values()].filter((row) => relay === undefined || row.relay === relay),
      read: async (relay, collection, transaction) =>
        opened(transaction).rows.get(key({ relay, collection })),
      async write(row, transaction) {
        // Compared with what is committed, which the reads of this transaction do not show.
        if (!follows(row)) return false
        opened(transaction).rows.set(key(row), row)
        opened(transaction).written.push(row)
        return true
      },
    }),
    onCommit: (transaction, effect) => opened(transaction).effects.push(effect),
    get repeats() {
      return repeats
    },
  }
}
