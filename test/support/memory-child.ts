/**
 * A backfill into memory, in a process that is started with `--expose-gc` and says in the end how much memory it took at most
 * beyond what it had at the beginning, in bytes.
 */
import { createBackfiller, IncompleteError, knownCollections, relayLister } from '../../src/index.ts'
import { memoryIndexSink } from '../../src/memory/memory-index-sink.ts'
import { memoryProgressStore } from '../../src/memory/memory-store.ts'

export interface MemoryChildOptions {
  relayUrl: string
  collections: readonly string[]
  concurrency: number
  maxBodyBytes: number
}

const options = JSON.parse(process.argv[2] ?? '') as MemoryChildOptions

function used(): number {
  // Buffers that the first collection frees are counted until the second.
  globalThis.gc?.()
  globalThis.gc?.()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

const lister = relayLister(options.relayUrl, { maxBodyBytes: options.maxBodyBytes })
const backfiller = createBackfiller({
  relay: lister,
  collections: [knownCollections(options.collections)],
  store: { sink: memoryIndexSink(), progress: memoryProgressStore() },
  concurrency: options.concurrency,
  retry: { retries: 0 },
  maxAttempts: 1,
})
// The first request loads the client itself.
await lister.check?.()
const before = used()
let peak = before
const sampling = setInterval(() => {
  peak = Math.max(peak, used())
}, 60)
const failures = await backfiller.run().then(
  () => [],
  (error: unknown) => {
    if (error instanceof IncompleteError) return error.failures
    throw error
  },
)
clearInterval(sampling)
console.log(JSON.stringify({ failures, peak: peak - before }))
