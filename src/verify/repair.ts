import type { IndexSink } from '../contracts/index-sink.ts'
import { askStore } from '../run/index-reading.ts'
import type { ListParts } from './lists.ts'
import type { Repair } from './verification-report.ts'

/** What a repair may do to the index: add what is missing, remove what is surplus, or both. */
export type RepairMode = 'add' | 'remove' | 'both'

/** Mends one collection of the index. */
export interface Mender {
  readonly adds: boolean
  readonly removes: boolean
  /** What it has changed so far. */
  readonly repaired: Repair
  /** What the relay lists. */
  add(relay: string, dids: readonly string[]): Promise<void>
  remove(dids: readonly string[]): Promise<void>
}

/** @param parts with an index that can remove, if the mode is to */
export function createMender(
  collection: string,
  parts: ListParts,
  { mode, sink }: { readonly mode: RepairMode; readonly sink: IndexSink },
): Mender {
  const { index, signal } = parts
  const repaired: Repair = { added: 0, removed: 0 }
  return {
    adds: mode !== 'remove',
    removes: mode !== 'add',
    repaired,
    async add(relay, dids) {
      if (dids.length === 0) return
      const batch = { relay, collection, dids }
      const outcome = await askStore(async () => sink.add(batch, { signal }), parts)
      repaired.added += outcome?.added ?? dids.length
    },
    async remove(dids) {
      if (dids.length === 0) return
      const outcome = await askStore(async () => index.remove?.(collection, dids, { signal }), parts)
      repaired.removed += outcome?.removed ?? 0
    },
  }
}
