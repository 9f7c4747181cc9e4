import {
  type Backfiller,
  type BackfillOptions,
  type BackfillStore,
  createBackfiller,
  knownCollections,
  type PageEvent,
  type ProgressStore,
  type RepoLister,
  type RetryPolicy,
} from '../../src/index.ts'
import { type MemoryIndexSink, memoryIndexSink } from '../../src/memory/memory-index-sink.ts'
import { memoryProgressStore } from '../../src/memory/memory-store.ts'

export const A = 'com.example.a'
export const B = 'com.example.b'
export const C = 'com.example.c'

/** Pauses short enough for tests; what they are relative to each other stays. */
export const quick: RetryPolicy = { retries: 2, minDelayMs: 1, maxDelayMs: 5 }

/** Options of a run, and a sink or a progress store in the place of the one that its store has. */
export type MoreOptions = Partial<BackfillOptions> & Partial<Pick<BackfillStore, 'sink' | 'progress'>>

/** The options with what is given besides. */
export function withMore(options: BackfillOptions, more: MoreOptions = {}): BackfillOptions {
  const { sink = options.store.sink, progress = options.store.progress, ...others } = more
  return { ...options, store: { ...options.store, sink, progress }, ...others }
}

export interface SetUp {
  readonly sink: MemoryIndexSink
  readonly progress: ProgressStore
  readonly options: BackfillOptions
  /** A further run on the same stores. */
  start(more?: MoreOptions): Backfiller
}

/** Memory stores, and runs, which tell nothing where no listener is given, over the collections {@link A}, {@link B} and {@link C}. */
export function setUp(lister: RepoLister, options: MoreOptions = {}): SetUp {
  const sink = memoryIndexSink()
  const progress = memoryProgressStore()
  const sources = [knownCollections([A, B, C])]
  const usual = {
    relay: lister,
    collections: sources,
    store: { sink, progress },
    retry: quick,
    onEvent: () => {},
  }
  const all = withMore(usual, options)
  return { sink, progress, options: all, start: (more) => createBackfiller(withMore(all, more)) }
}

export async function collect(pages: AsyncIterable<PageEvent>): Promise<PageEvent[]> {
  const events: PageEvent[] = []
  for await (const page of pages) events.push(page)
  return events
}
