import { describe } from 'vitest'
import type { IndexBatch, IndexSink, ProgressStore } from '../../src/index.ts'
import { memoryIndexSink } from '../../src/memory/memory-index-sink.ts'
import { memoryProgressStore } from '../../src/memory/memory-store.ts'
import { type SharedDatabaseFixture, sharedDatabaseSuite } from '../../src/testing/index.ts'
import { type FaultRow, provesItself } from './broken.ts'

type Make = () => Promise<SharedDatabaseFixture>

interface Faults {
  /** What the progress store does, given one that does it right. */
  readonly progress?: (store: ProgressStore, plain: ProgressStore) => Partial<ProgressStore>
  /** What the sink does, given one that does it right. */
  readonly sink?: (sink: IndexSink) => Partial<IndexSink>
}

/** A database in memory whose transaction is the list of batches that its commit will write. */
function memoryDatabase({
  progress: breakStore = () => ({}),
  sink: breakSink = () => ({}),
}: Faults = {}): Make {
  return async () => {
    const index = memoryIndexSink()
    const plain = memoryProgressStore()
    const database = {}
    const sink: IndexSink = {
      database,
      async add(batch, { transaction } = {}) {
        if (!Array.isArray(transaction)) return index.add(batch)
        transaction.push(batch)
        const known = index.pairs.get(batch.collection)
        return { added: [...new Set(batch.dids)].filter((did) => !known?.has(did)).length }
      },
    }
    const progress: ProgressStore = {
      ...plain,
      database,
      async advance(claim, page, write) {
        const transaction: IndexBatch[] = []
        const next = await plain.advance(claim, page, () => write?.(transaction) ?? Promise.resolve())
        for (const batch of transaction) await index.add(batch)
        return next
      },
    }
    return {
      sink: { ...sink, ...breakSink(sink) },
      progress: { ...progress, ...breakStore(progress, plain) },
      read: async (collection) => index.pairs.get(collection) ?? [],
    }
  }
}

const ROLLED_BACK = 'a write that fails takes the cursor, the pairs and a new collection back'
const TOGETHER = 'pairs and cursor are committed together'

const faults: FaultRow<Make>[] = [
  [
    'writes past the transaction',
    memoryDatabase({ sink: (sink) => ({ add: (batch) => sink.add(batch) }) }),
    ROLLED_BACK,
  ],
  ['hands over no transaction', memoryDatabase({ progress: (_, { advance }) => ({ advance }) }), ROLLED_BACK],
  [
    'never commits the pairs',
    memoryDatabase({
      progress: (_, { advance }) => ({
        advance: (claim, page, write) => advance(claim, page, () => write?.([]) ?? Promise.resolve()),
      }),
    }),
    TOGETHER,
  ],
  [
    'writes the pairs before it looks at the claim',
    memoryDatabase({
      progress: (_, { advance }) => ({
        async advance(claim, page, write) {
          await write?.(undefined)
          return advance(claim, page)
        },
      }),
    }),
    'a claim that is lost writes no pairs',
  ],
  [
    'moves the cursor when the pairs failed',
    memoryDatabase({
      progress: ({ advance }) => ({
        async advance(claim, page, write) {
          const next = await advance(claim, page)
          await advance(next, page, write)
          return next
        },
      }),
    }),
    ROLLED_BACK,
  ],
  [
    'names another database than its sink',
    memoryDatabase({ sink: () => ({ database: {} }) }),
    'both stores name the same database',
  ],
  [
    'writes nothing outside of a transaction',
    memoryDatabase({
      sink: (sink) => ({
        add: async (batch, context) =>
          context?.transaction === undefined ? { added: batch.dids.length } : sink.add(batch, context),
      }),
    }),
    'outside of a transaction the sink stands on its own',
  ],
]

describe('sharedDatabaseSuite', () => {
  provesItself(sharedDatabaseSuite, memoryDatabase(), faults)
})
