import type { ProgressRow, ProgressRows } from '../contracts/progress-rows.ts'

/** Rows in a map. Several stores on the same rows are as several processes on one database. */
export function memoryProgressRows(): ProgressRows {
  const rows = new Map<string, ProgressRow>()
  const keyOf = (relay: string, collection: string) => `${relay} ${collection}`
  return {
    async list(relay) {
      return [...rows.values()].filter((row) => relay === undefined || row.relay === relay)
    },
    async read(relay, collection) {
      return rows.get(keyOf(relay, collection))
    },
    async write(row) {
      const key = keyOf(row.relay, row.collection)
      if ((rows.get(key)?.version ?? 0) !== row.version - 1) return false
      rows.set(key, row)
      return true
    },
    // Does not jump when the machine's clock is set.
    now: () => performance.timeOrigin + performance.now(),
  }
}
