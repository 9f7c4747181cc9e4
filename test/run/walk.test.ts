import { afterEach, expect, it, vi } from 'vitest'
import { createBackfiller, type IndexSink, knownCollections, relayLister } from '../../src/index.ts'
import { memoryProgressStore } from '../../src/memory/memory-store.ts'
import { gate } from '../support/scripted-lister.ts'

const A = 'com.example.a'

afterEach(() => {
  vi.useRealTimers()
})

it('asks for the next page once it has read one: no commit, no consumer and no timer lies between', async () => {
  // No timer fires in this test, so whoever waited for one would wait for ever.
  vi.useFakeTimers({ toFake: ['setTimeout', 'setInterval', 'setImmediate'] })
  const pagesAhead = 4
  const asked: (string | null)[] = []
  const full = gate()
  const fetch = async (input: RequestInfo | URL): Promise<Response> => {
    const cursor = new URL(input instanceof Request ? input.url : input).searchParams.get('cursor')
    if (asked.push(cursor) === 1 + pagesAhead) void full.wait()
    const n = Number(cursor ?? 0)
    return Response.json({ repos: [{ did: `did:web:n${n}.example` }], cursor: String(n + 1) })
  }
  const stuck: IndexSink = { add: () => new Promise(() => {}) }
  const stop = new AbortController()
  const backfiller = createBackfiller({
    relay: { ...relayLister('relay.test', { fetch }), check: async () => {} },
    collections: [knownCollections([A])],
    store: { sink: stuck, progress: memoryProgressStore() },
    pagesAhead,
    signal: stop.signal,
  })
  const first = backfiller.next().catch((error: unknown) => error)
  // One page is being committed and does not come to an end; behind it there is room for so many.
  await full.reached
  expect(asked).toEqual([null, '1', '2', '3', '4'])

  vi.useRealTimers()
  stop.abort('seen enough')
  expect(await first).toBe('seen enough')
})
