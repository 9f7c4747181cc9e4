import type { IndexBatch, IndexContext, IndexSink } from '../contracts/index-sink.ts'
import type { GoneInMemory } from './memory-feed-store.ts'

/** A sink that keeps the pairs in memory: for tests, for examples, for small collections. */
export interface MemoryIndexSink extends IndexSink {
  /** The DIDs by collection. */
  readonly pairs: ReadonlyMap<string, ReadonlySet<string>>
  add(batch: IndexBatch, context?: IndexContext): Promise<{ added: number }>
}

/** A sink that keeps the pairs in memory, where `pairs` shows them. Nothing is left when the process ends. */
export function memoryIndexSink(
  pairs: Map<string, Set<string>> = new Map(),
  gone?: GoneInMemory,
): MemoryIndexSink {
  return {
    pairs,
    async add({ collection, dids }, { signal } = {}) {
      signal?.throwIfAborted()
      const known = pairs.get(collection) ?? new Set()
      pairs.set(collection, known)
      const before = known.size
      for (const did of dids) if (!gone?.has(collection, did)) known.add(did)
      return { added: known.size - before }
    },
  }
}
