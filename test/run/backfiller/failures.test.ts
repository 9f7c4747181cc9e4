import { describe, expect, it } from 'vitest'
import { IncompleteError, knownCollections, RelayError, StoreUnavailableError } from '../../../src/index.ts'
import { memoryIndexSink } from '../../../src/memory/memory-index-sink.ts'
import { memoryProgressStore } from '../../../src/memory/memory-store.ts'
import { A, B, C, setUp } from '../../support/backfill-set-up.ts'
import { listenTo } from '../../support/listen-to.ts'
import { pagesOf, scriptedLister } from '../../support/scripted-lister.ts'

describe('failures', () => {
  const refused = () =>
    new RelayError('RELAY_STATUS', 'relay.test: 400 InvalidRequest: no such thing', {
      relay: 'relay.test',
      status: 400,
    })
  const passing = () =>
    new RelayError('RELAY_STATUS', 'relay.test: 502', { relay: 'relay.test', status: 502, retryable: true })

  it('of one collection leave the others alone and are listed at the end, each with its reason', async () => {
    const lister = scriptedLister({
      [A]: pagesOf(A, 2),
      [B]: () => Promise.reject(refused()),
      [C]: pagesOf(C, 2),
    })
    const { start, sink } = setUp(lister)
    const error = await start()
      .run()
      .catch((error: unknown) => error)
    expect(error).toBeInstanceOf(IncompleteError)
    expect(error).toMatchObject({
      failures: [{ collection: B, attempts: 1, lastError: 'relay.test: 400 InvalidRequest: no such thing' }],
    })
    expect(lister.requests.filter(({ collection }) => collection === B)).toHaveLength(1)
    expect([sink.pairs.get(A)?.size, sink.pairs.get(C)?.size]).toEqual([4, 4])
  })

  it('are tried again by the next run', async () => {
    let broken = true
    const lister = scriptedLister({
      [A]: () => (broken ? Promise.reject(refused()) : { dids: ['did:web:x'] }),
    })
    const { start } = setUp(lister, { collections: [knownCollections([A])] })
    await expect(start().run()).rejects.toBeInstanceOf(IncompleteError)
    broken = false
    expect(await start().run()).toMatchObject({ completed: 1, added: 1 })
  })

  it('that may pass are retried in place, and each retry is told', async () => {
    let failures = 2
    const lister = scriptedLister({
      [A]: () => (failures-- > 0 ? Promise.reject(passing()) : { dids: ['did:web:x'] }),
    })
    const attempts: number[] = []
    const { start } = setUp(lister, {
      collections: [knownCollections([A])],
      onEvent: listenTo({
        retry: ({ attempt }) => attempts.push(attempt),
        collectionFailed: () => attempts.push(-1),
      }),
    })
    await start().run()
    expect(attempts).toEqual([1, 2])
  })

  it('that do not pass are tried maxAttempts times with growing pauses, then given up', async () => {
    const pauses: (number | undefined)[] = []
    const lister = scriptedLister({ [A]: () => Promise.reject(passing()) })
    const { start } = setUp(lister, {
      collections: [knownCollections([A])],
      maxAttempts: 3,
      onEvent: listenTo({ collectionFailed: ({ retryInMs }) => pauses.push(retryInMs) }),
    })
    await expect(start().run()).rejects.toMatchObject({ failures: [{ attempts: 3 }] })
    expect(lister.requests).toHaveLength(9)
    expect(pauses).toEqual([expect.any(Number), expect.any(Number), undefined])
    expect(pauses[1]).toBeGreaterThan(pauses[0] ?? Number.POSITIVE_INFINITY)
  })

  /** A sink that fails `failures` times, and then works. */
  function failingSink(failures: number, error: Error) {
    const inner = memoryIndexSink()
    let left = failures
    const add: typeof inner.add = (...parameters) =>
      left-- > 0 ? Promise.reject(error) : inner.add(...parameters)
    return { pairs: inner.pairs, add }
  }

  it('of the sink are retried in place, with the cursor where it is', async () => {
    const lister = scriptedLister({ [A]: pagesOf(A, 2) })
    const sink = failingSink(2, new Error('disk on fire'))
    const retries: unknown[] = []
    const { start } = setUp(lister, {
      collections: [knownCollections([A])],
      sink,
      onEvent: listenTo({
        retry: ({ error }) => retries.push(error),
        collectionFailed: ({ error }) => retries.push(['failed', error]),
      }),
    })
    expect(await start().run()).toMatchObject({ pages: 2, imported: 4, added: 4 })
    expect(retries).toEqual([new Error('disk on fire'), new Error('disk on fire')])
    expect(lister.requests.map(({ cursor }) => cursor)).toEqual([undefined, '1', undefined])
  })

  it('of the sink that do not pass release the collection, and the page is fetched again', async () => {
    const lister = scriptedLister({ [A]: pagesOf(A, 1) })
    const sink = failingSink(3, new Error('disk on fire'))
    const failed: unknown[] = []
    const { start } = setUp(lister, {
      collections: [knownCollections([A])],
      sink,
      onEvent: listenTo({ collectionFailed: ({ error, attempts }) => failed.push([error, attempts]) }),
    })
    expect(await start().run()).toMatchObject({ pages: 1, added: 2 })
    expect(failed).toEqual([[new Error('disk on fire'), 1]])
    expect(lister.requests).toHaveLength(2)
  })

  it('count in a row: a page that is committed in between begins the count anew', async () => {
    const pages = pagesOf(A, 4)
    const asked = new Map<string | undefined, number>()
    const lister = scriptedLister({
      [A]: ({ cursor }) => {
        const times = (asked.get(cursor) ?? 0) + 1
        asked.set(cursor, times)
        return times <= 3 ? Promise.reject(passing()) : (pages[Number(cursor ?? 0)] ?? { dids: [] })
      },
    })
    const counts: number[] = []
    const { start } = setUp(lister, {
      collections: [knownCollections([A])],
      maxAttempts: 2,
      onEvent: listenTo({ collectionFailed: ({ attempts }) => counts.push(attempts) }),
    })
    expect(await start().run()).toMatchObject({ pages: 4, completed: 1 })
    expect(counts).toEqual([1, 1, 1, 1])
  })

  it('of a store that will be back pause the run and use up no attempts', async () => {
    const inner = memoryProgressStore()
    let failures = 2
    const progress = {
      ...inner,
      advance: (...parameters: Parameters<typeof inner.advance>) =>
        failures-- > 0
          ? Promise.reject(new StoreUnavailableError('restarting', undefined))
          : inner.advance(...parameters),
    }
    const told: number[] = []
    const { start } = setUp(scriptedLister({ [A]: pagesOf(A, 2) }), {
      collections: [knownCollections([A])],
      progress,
      maxAttempts: 1,
      onEvent: listenTo({ storeUnavailable: ({ attempt }) => told.push(attempt) }),
    })
    expect(await start().run()).toMatchObject({ pages: 2 })
    expect(told).toEqual([1, 2])
  })

  it('of a store at the very end are waited for as well', async () => {
    const inner = memoryProgressStore()
    let failures = 1
    const list: typeof inner.list = (filter) =>
      failures-- > 0 ? Promise.reject(new StoreUnavailableError('restarting', undefined)) : inner.list(filter)
    const told: number[] = []
    const { start } = setUp(scriptedLister({}), {
      progress: { ...inner, list },
      onEvent: listenTo({ storeUnavailable: ({ attempt }) => told.push(attempt) }),
    })
    expect(await start().run()).toMatchObject({ completed: 3 })
    expect(told).toEqual([1])
  })

  it('a relay that asks for a long wait rests: no other collection is claimed, and the store is asked seldom', async () => {
    const inner = memoryProgressStore()
    let looks = 0
    const claimed: string[] = []
    const progress: typeof inner = {
      ...inner,
      remaining(source) {
        looks += 1
        return inner.remaining(source)
      },
    }
    const busy = (retryAfterMs: number) =>
      new RelayError('RELAY_STATUS', '429', {
        relay: 'relay.test',
        status: 429,
        retryable: true,
        retryAfterMs,
      })
    let asked = 0
    const times: number[] = []
    const answer = () => {
      times.push(performance.now())
      return asked++ === 0 ? Promise.reject(busy(1200)) : { dids: [] }
    }
    const { start } = setUp(scriptedLister({ [A]: answer, [B]: answer, [C]: answer }), {
      progress,
      concurrency: 1,
      onEvent: listenTo({ collectionStarted: ({ collection }) => claimed.push(collection) }),
    })
    await start().run()
    expect(claimed).toHaveLength(4)
    expect((times[1] ?? 0) - (times[0] ?? 0)).toBeGreaterThanOrEqual(1200)
    expect(looks).toBeLessThan(10)
  })

  it('a relay that asks for a long wait at the check is waited for', async () => {
    const busy = new RelayError('RELAY_STATUS', '503', {
      relay: 'relay.test',
      status: 503,
      retryable: true,
      retryAfterMs: 30,
    })
    let checks = 0
    const lister = {
      ...scriptedLister({}),
      check: async () => (checks++ === 0 ? Promise.reject(busy) : undefined),
    }
    const { start } = setUp(lister)
    expect(await start().run()).toMatchObject({ completed: 3 })
    expect(checks).toBe(2)
  })

  it('a relay that asks for a longer wait than maxDelayMs frees the collection, not counted as an attempt', async () => {
    const busy = new RelayError('RELAY_STATUS', '429', {
      relay: 'relay.test',
      status: 429,
      retryable: true,
      retryAfterMs: 40,
    })
    let asked = 0
    const times: number[] = []
    const lister = scriptedLister({
      [A]: () => {
        times.push(performance.now())
        return asked++ === 0 ? Promise.reject(busy) : { dids: [] }
      },
    })
    const { start } = setUp(lister, { collections: [knownCollections([A])], maxAttempts: 1 })
    await start().run()
    expect(times).toHaveLength(2)
    expect((times[1] ?? 0) - (times[0] ?? 0)).toBeGreaterThanOrEqual(40)
  })
})
