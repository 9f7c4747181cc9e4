import {
  type Backfiller,
  type BackfillOptions,
  createBackfiller,
  knownCollections,
  type MemoryIndexSink,
  memoryIndexSink,
  memoryProgressStore,
  type PageEvent,
  type ProgressStore,
  type RepoLister,
  type RetryPolicy,
} from '../../src/index.ts'

export const A = 'com.example.a'
export const B = 'com.example.b'
export const C = 'com.example.c'

/** Pauses short enough for tests; what they are relative to each other stays. */
export const quick: RetryPolicy = { retries: 2, minDelayMs: 1, maxDelayMs: 5 }

export interface SetUp {
  readonly sink: MemoryIndexSink
  readonly progress: ProgressStore
  readonly options: BackfillOptions
  /** A further run on the same stores. */
  start(more?: Partial<BackfillOptions>): Backfiller
}

/** Memory stores, and runs, which tell nothing where no listener is given, over the collections {@link A}, {@link B} and {@link C}. */
export function setUp(lister: RepoLister, options: Partial<BackfillOptions> = {}): SetUp {
  const sink = memoryIndexSink()
  const progress = memoryProgressStore()
  const sources = [knownCollections([A, B, C])]
  const all: BackfillOptions = {
    lister,
    sources,
    sink,
    progress,
    retry: quick,
    onEvent: () => {},
    ...options,
  }
  return { sink, progress, options: all, start: (more = {}) => createBackfiller({ ...all, ...more }) }
}

export async function collect(pages: AsyncIterable<PageEvent>): Promise<PageEvent[]> {
  const events: PageEvent[] = []
  for await (const page of pages) events.push(page)
  return events
}
