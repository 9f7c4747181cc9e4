import type { FeedStore } from '../contracts/feed-store.ts'
import type { CollectionIndex } from '../contracts/opened-store.ts'
import type { ProgressStore } from '../contracts/progress-store.ts'
import { progressStoreOn } from '../progress/progress-store-on.ts'
import { memoryFeedStore } from './memory-feed-store.ts'
import { memoryIndex } from './memory-index.ts'
import { type MemoryIndexSink, memoryIndexSink } from './memory-index-sink.ts'
import { memoryProgressRows } from './memory-progress-rows.ts'

/** An index and the progress of its walks, in memory. */
export interface MemoryStore {
  readonly sink: MemoryIndexSink
  readonly progress: ProgressStore
  /** What the sink has written, to be read and kept up to date. */
  readonly index: CollectionIndex
  /** What a live feed keeps beside the pairs. */
  readonly feed: FeedStore
}

/**
 * A store that keeps everything in memory: for tests, for examples, for one run of one process. Nothing is left when
 * the process ends.
 */
export function memoryStore(): MemoryStore {
  const pairs = new Map<string, Set<string>>()
  const feed = memoryFeedStore(pairs)
  const sink = memoryIndexSink(pairs, feed.gone)
  return { sink, progress: memoryProgressStore(), index: memoryIndex(pairs), feed }
}

/** The progress store of {@link memoryStore} by itself. */
export function memoryProgressStore(): ProgressStore {
  return progressStoreOn(memoryProgressRows())
}
