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

const LOOK_EVERY_BYTES = 1_048_576

function used(): number {
  // Buffers that the first collection frees are counted until the second.
  globalThis.gc?.()
  globalThis.gc?.()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

let before = Number.POSITIVE_INFINITY
let peak = 0

/** Looks at the memory after each mebibyte of each body, so that no peak is missed, however fast a body comes. */
const fetchMeasured: typeof fetch = async (...request) => {
  const response = await fetch(...request)
  let sinceLook = 0
  const look = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      sinceLook += chunk.byteLength
      if (sinceLook >= LOOK_EVERY_BYTES) {
        sinceLook = 0
        peak = Math.max(peak, used() - before)
      }
      controller.enqueue(chunk)
    },
  })
  return new Response(response.body?.pipeThrough(look), response)
}

const { maxBodyBytes } = options
const lister = relayLister(options.relayUrl, { maxBodyBytes, fetch: fetchMeasured })
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
before = used()
const failures = await backfiller.run().then(
  () => [],
  (error: unknown) => {
    if (error instanceof IncompleteError) return error.failures
    throw error
  },
)
console.log(JSON.stringify({ failures, peak }))
