import { describe, expect, it } from 'vitest'
import {
  type BackfillOptions,
  type CollectionSource,
  createBackfiller,
  DiscoveryError,
  IncompleteError,
  knownCollections,
  memoryIndexSink,
  memoryProgressStore,
  type PageEvent,
  RelayError,
  type RepoLister,
  StoreUnavailableError,
} from '../src/index.ts'
import { didsOf, gate, pagesOf, scriptedLister } from './support/scripted-lister.ts'

const A = 'com.example.a'
const B = 'com.example.b'
const C = 'com.example.c'
/** Pauses short enough for tests; what they are relative to each other stays. */
const quick = { retries: 2, minDelayMs: 1, maxDelayMs: 5 }

function setUp(lister: RepoLister, options: Partial<BackfillOptions> = {}) {
  const sink = memoryIndexSink()
  const progress = memoryProgressStore()
  const sources = [knownCollections([A, B, C])]
  const all: BackfillOptions = { lister, sources, sink, progress, retry: quick, ...options }
  return {
    sink,
    progress,
    options: all,
    start: (more: Partial<BackfillOptions> = {}) => createBackfiller({ ...all, ...more }),
  }
}

async function collect(pages: AsyncIterable<PageEvent>): Promise<PageEvent[]> {
  const events: PageEvent[] = []
  for await (const page of pages) events.push(page)
  return events
}

describe('a run', () => {
  it('brings every pair into the index and tells each page once it is durable', async () => {
    const lister = scriptedLister({ [A]: pagesOf(A, 3), [B]: pagesOf(B, 1), [C]: [] })
    const { sink, start } = setUp(lister)
    const backfiller = start()
    for await (const page of backfiller) {
      const held = sink.pairs.get(page.collection)
      expect(page.dids.every((did) => held?.has(did))).toBe(true)
    }
    expect([...(sink.pairs.get(A) ?? [])]).toEqual(didsOf(pagesOf(A, 3)))
    expect([...(sink.pairs.get(B) ?? [])]).toEqual(didsOf(pagesOf(B, 1)))
    const status = await backfiller.status()
    expect(status).toMatchObject({ total: 3, completed: 3, pending: 0, walking: 0, failed: 0, imported: 8 })
    expect(await backfiller.run()).toMatchObject({
      completed: 3,
      pages: 5,
      imported: 8,
      added: 8,
      rejected: 0,
    })
  })

  it('numbers the pages, sums up, and marks the last one', async () => {
    const lister = scriptedLister({ [A]: pagesOf(A, 2, 3) })
    const { start } = setUp(lister, { sources: [knownCollections([A])] })
    expect(await collect(start())).toEqual([
      expect.objectContaining({
        page: 1,
        imported: 3,
        added: 3,
        cursor: '1',
        completed: false,
        source: 'relay.test',
      }),
      expect.objectContaining({ page: 2, imported: 6, added: 3, cursor: undefined, completed: true }),
    ])
  })

  it('asks nobody for anything before the first next()', async () => {
    const lister = scriptedLister({ [A]: pagesOf(A, 1) })
    const { start, progress } = setUp(lister)
    const backfiller = start()
    expect(await backfiller.status()).toMatchObject({ total: 0 })
    expect(lister.requests).toEqual([])
    await backfiller.next()
    expect(lister.requests.length).toBeGreaterThan(0)
    await backfiller.return()
    expect((await progress.list()).length).toBe(3)
  })

  it('counts a DID that comes twice once', async () => {
    const [first, second] = pagesOf(A, 2)
    const lister = scriptedLister({
      [A]: [
        { ...first, dids: ['did:web:x', 'did:web:x'] },
        { ...second, dids: ['did:web:x'] },
      ] as never,
    })
    const { start } = setUp(lister, { sources: [knownCollections([A])] })
    expect((await collect(start())).map(({ added }) => added)).toEqual([1, 0])
  })

  it('walks the biggest collection first', async () => {
    const started: string[] = []
    const { start } = setUp(scriptedLister({}), {
      concurrency: 1,
      sources: [knownCollections([A, { nsid: B, estimatedRepos: 5 }, { nsid: C, estimatedRepos: 900 }])],
      hooks: { collectionStarted: ({ collection }) => started.push(collection) },
    })
    await start().run()
    expect(started).toEqual([C, B, A])
  })

  it('walks as many collections at once as it may, and no more', async () => {
    const gates = { [A]: gate(), [B]: gate(), [C]: gate() }
    const parked = (collection: keyof typeof gates) => async () => {
      await gates[collection].wait()
      return { dids: [] }
    }
    const lister = scriptedLister({ [A]: parked(A), [B]: parked(B), [C]: parked(C) })
    const { start } = setUp(lister, { concurrency: 2 })
    const run = start().run()
    await Promise.all([gates[A].reached, gates[B].reached])
    expect(lister.requests.map(({ collection }) => collection)).toEqual([A, B])
    gates[B].pass()
    await gates[C].reached
    gates[A].pass()
    gates[C].pass()
    expect(await run).toMatchObject({ completed: 3 })
  })

  it('fetches the next page while the last one commits', async () => {
    const commit = gate()
    const second = gate()
    const pages = pagesOf(A, 2)
    const lister = scriptedLister({
      [A]: async ({ cursor }) => {
        if (cursor === '1') second.wait()
        return pages[Number(cursor ?? 0)] ?? { dids: [] }
      },
    })
    const sink = memoryIndexSink()
    const slowSink = {
      async add(...parameters: Parameters<typeof sink.add>) {
        await commit.wait()
        return sink.add(...parameters)
      },
    }
    const { start } = setUp(lister, { sources: [knownCollections([A])], sink: slowSink })
    const run = start().run()
    await Promise.all([commit.reached, second.reached])
    expect(sink.pairs.size).toBe(0)
    commit.pass()
    expect(await run).toMatchObject({ pages: 2, added: 4 })
  })

  it('commits the pages together that came while it committed, and tells each of them', async () => {
    const first = gate()
    const pages = pagesOf(A, 6)
    const last = gate()
    const lister = scriptedLister({
      [A]: ({ cursor = '0' }) => {
        if (cursor === '3') last.wait()
        // The DIDs of the second page come again on the third.
        return { ...pages[Number(cursor)], dids: pages[cursor === '2' ? 1 : Number(cursor)]?.dids ?? [] }
      },
    })
    const sink = memoryIndexSink()
    const slowSink = {
      async add(...parameters: Parameters<typeof sink.add>) {
        await first.wait()
        return sink.add(...parameters)
      },
    }
    const commits: number[] = []
    const { start } = setUp(lister, {
      sources: [knownCollections([A])],
      sink: slowSink,
      pagesAhead: 3,
      hooks: { committed: ({ pages }) => commits.push(pages) },
    })
    const events = collect(start())
    await last.reached
    first.pass()
    expect(
      (await events).map(({ page, imported, added, cursor }) => [page, imported, added, cursor]),
    ).toEqual([
      [1, 2, 2, '1'],
      [2, 4, 2, '2'],
      [3, 6, 0, '3'],
      [4, 8, 2, '4'],
      [5, 10, 2, '5'],
      [6, 12, 2, undefined],
    ])
    expect(commits.slice(0, 2)).toEqual([1, 3])
  })

  it('waits for a slow consumer: twice pagesAhead for each collection and no further', async () => {
    const lister = scriptedLister({ [A]: pagesOf(A, 50) })
    const renewals = gate()
    const progress = memoryProgressStore()
    let renewed = 0
    const counting = {
      ...progress,
      renew: (...parameters: Parameters<typeof progress.renew>) => {
        renewed += 1
        if (renewed === 4) void renewals.wait()
        return progress.renew(...parameters)
      },
    }
    const sources = [knownCollections([A])]
    const { start } = setUp(lister, { sources, progress: counting, leaseMs: 100, pagesAhead: 2 })
    const backfiller = start()
    await backfiller.next()
    // Four renewals are longer than a lease: time enough for a run that does not wait, and the claim is still held.
    await renewals.reached
    expect(lister.requests.length).toBeLessThanOrEqual(1 + 2 * 2)
    expect(await backfiller.status()).toMatchObject({ walking: 1 })
    await backfiller.return()
  })

  it('can be used once', async () => {
    const { start } = setUp(scriptedLister({}))
    const backfiller = start()
    await backfiller.return()
    await expect(backfiller.run()).rejects.toThrow('one backfiller is one run')
  })

  it('checks the relay before it discovers or registers anything', async () => {
    const refusal = new RelayError('RELAY_UNSUITABLE', 'empty', { source: 'relay.test' })
    const lister = { ...scriptedLister({}), check: () => Promise.reject(refusal) }
    const { start, progress } = setUp(lister)
    await expect(start().run()).rejects.toBe(refusal)
    expect(await progress.list()).toEqual([])
  })

  it('walks complete collections again only when they are older than refreshAfterMs', async () => {
    const lister = scriptedLister({ [A]: pagesOf(A, 2) })
    const { start } = setUp(lister, { sources: [knownCollections([A])] })
    await start().run()
    expect(await start().run()).toMatchObject({ pages: 0 })
    expect(await start({ refreshAfterMs: 3_600_000 }).run()).toMatchObject({ pages: 0 })
    await new Promise((resolve) => setTimeout(resolve, 5))
    expect(await start({ refreshAfterMs: 1 }).run()).toMatchObject({ pages: 2, imported: 4, added: 0 })
  })

  it('ends with the error of a hook that throws', async () => {
    const bug = new Error('a bug in a hook')
    const { start, progress } = setUp(scriptedLister({ [A]: pagesOf(A, 3) }), {
      hooks: {
        collectionStarted: () => {
          throw bug
        },
      },
    })
    await expect(start().run()).rejects.toBe(bug)
    expect((await progress.list()).map(({ state }) => state)).toEqual(['pending', 'pending', 'pending'])
  })
})

describe('hooks', () => {
  it('may be the methods of a class', async () => {
    class Log {
      readonly started: string[] = []
      collectionStarted({ collection }: { collection: string }) {
        this.started.push(collection)
      }
    }
    const hooks = new Log()
    const { start } = setUp(scriptedLister({}), { hooks })
    await start().run()
    expect(hooks.started).toEqual([A, B, C])
  })

  it('tell each request with its outcome, and each commit before its page events', async () => {
    const refusal = new Error('refused once')
    const told: unknown[] = []
    const lister = scriptedLister({
      [A]: ({ cursor }) => {
        if (lister.requests.length === 1) throw refusal
        return pagesOf(A, 2)[Number(cursor ?? 0)] ?? { dids: [] }
      },
    })
    const { start } = setUp(lister, {
      sources: [knownCollections([A])],
      hooks: {
        requested: ({ durationMs, ...request }) => told.push([request, durationMs >= 0]),
        committed: ({ durationMs, ...commit }) => told.push([commit, durationMs >= 0]),
      },
    })
    for await (const { page } of start()) told.push(page)
    const of = { source: 'relay.test', collection: A }
    expect(told.slice(0, 2)).toEqual([
      [{ ...of, cursor: undefined, error: refusal }, true],
      [{ ...of, cursor: undefined, repos: 2 }, true],
    ])
    expect(told).toContainEqual([{ ...of, cursor: '1', repos: 2 }, true])
    const commits = told.filter((each) => JSON.stringify(each).includes('"pages"'))
    expect(commits).toEqual([
      [{ ...of, pages: 1, dids: 2, added: 2 }, true],
      [{ ...of, pages: 1, dids: 2, added: 2 }, true],
    ])
    expect(told.indexOf(commits[0])).toBeLessThan(told.indexOf(1))
    expect(told.indexOf(commits[1])).toBeLessThan(told.indexOf(2))
  })

  it('that are async and reject end the run with that error', async () => {
    const bug = new Error('a bug in a hook')
    const never = gate<{ dids: string[] }>()
    const { start } = setUp(scriptedLister({ [A]: () => never.wait() }), {
      hooks: { collectionStarted: async () => Promise.reject(bug) },
    })
    await expect(start().run()).rejects.toBe(bug)
  })
})

describe('discovery', () => {
  const failing: CollectionSource = {
    name: 'broken',
    // biome-ignore lint/correctness/useYield: a source that fails before it gives anything
    async *collections() {
      throw new Error('no answer')
    },
  }

  it('uses the other sources when one fails, and tells', async () => {
    const failed: unknown[] = []
    const { start } = setUp(scriptedLister({ [A]: pagesOf(A, 1) }), {
      sources: [failing, knownCollections([A])],
      hooks: { sourceFailed: (context) => failed.push(context) },
    })
    expect(await start().run()).toMatchObject({ completed: 1 })
    expect(failed).toEqual([{ name: 'broken', error: new Error('no answer') }])
    expect(await start().run()).toMatchObject({ failedSources: ['broken'] })
  })

  it('is an error when no source gives anything and nothing is registered', async () => {
    const { start } = setUp(scriptedLister({}), { sources: [failing] })
    const error = await start()
      .run()
      .catch((error: unknown) => error)
    expect(error).toBeInstanceOf(DiscoveryError)
    expect(error).toMatchObject({ message: expect.stringContaining('broken: no answer') })
  })

  it('asks a live source again at its end, until it knows nothing new, and walks what it then knows', async () => {
    const lister = scriptedLister({ [A]: pagesOf(A, 2), [B]: pagesOf(B, 2), [C]: pagesOf(C, 1) })
    const known = [A]
    let asked = 0
    const live: CollectionSource = {
      name: 'live',
      live: true,
      async *collections() {
        asked += 1
        for (const nsid of known) yield { nsid }
      },
    }
    const still = { ...live, name: 'asked once', live: false }
    const { sink, start } = setUp(lister, { sources: [live, still] })
    const backfiller = start()
    for await (const { collection, completed } of backfiller) {
      if (collection === A && completed) known.push(B)
      if (collection === B && completed) known.push(C)
    }
    expect([...sink.pairs.keys()]).toEqual([A, B, C])
    // At the beginning both; then the live one alone, after each of the three.
    expect(asked).toBe(2 + 3)
    expect(await backfiller.run()).toMatchObject({ completed: 3, failedSources: [] })
  })

  it('what a live source brings does not have a collection tried again that was given up', async () => {
    const lister = scriptedLister({
      [A]: () => Promise.reject(new RelayError('RELAY_STATUS', 'no', { source: 'relay.test', status: 404 })),
      [B]: pagesOf(B, 1),
      [C]: pagesOf(C, 1),
    })
    const known = [A, B]
    const live: CollectionSource = {
      name: 'live',
      live: true,
      async *collections() {
        for (const nsid of known) yield { nsid }
      },
    }
    const failed: string[] = []
    const { sink, start } = setUp(lister, {
      sources: [live],
      hooks: {
        collectionFailed: ({ collection }) => failed.push(collection),
        collectionCompleted: () => known.push(C),
      },
    })
    await expect(start().run()).rejects.toMatchObject({ failures: [{ collection: A, attempts: 1 }] })
    expect(sink.pairs.get(C)?.size).toBe(2)
    expect(failed).toEqual([A])
  })

  it('a live source that fails at the end is told, and named in the summary', async () => {
    let asked = 0
    const fault = new Error('broken')
    const live: CollectionSource = {
      name: 'live',
      live: true,
      async *collections() {
        asked += 1
        if (asked > 1) throw fault
        yield { nsid: A }
      },
    }
    const told: unknown[] = []
    const { start } = setUp(scriptedLister({ [A]: pagesOf(A, 1) }), {
      sources: [live],
      hooks: { sourceFailed: (context) => told.push(context) },
    })
    expect(await start().run()).toMatchObject({ completed: 1, failedSources: ['live'] })
    expect(told).toEqual([{ name: 'live', error: fault }])
  })

  it('goes on with what is registered when every source fails', async () => {
    const { start } = setUp(scriptedLister({ [A]: pagesOf(A, 6) }), { sources: [knownCollections([A])] })
    const first = start()
    await first.next()
    await first.return()
    expect(await start({ sources: [failing] }).run()).toMatchObject({ completed: 1 })
  })
})

describe('failures', () => {
  const refused = () =>
    new RelayError('RELAY_STATUS', 'relay.test: 400 InvalidRequest: no such thing', {
      source: 'relay.test',
      status: 400,
    })
  const passing = () =>
    new RelayError('RELAY_STATUS', 'relay.test: 502', { source: 'relay.test', status: 502, retryable: true })

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
    const { start } = setUp(lister, { sources: [knownCollections([A])] })
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
      sources: [knownCollections([A])],
      hooks: { retry: ({ attempt }) => attempts.push(attempt), collectionFailed: () => attempts.push(-1) },
    })
    await start().run()
    expect(attempts).toEqual([1, 2])
  })

  it('that do not pass are tried maxAttempts times with growing pauses, then given up', async () => {
    const pauses: (number | undefined)[] = []
    const lister = scriptedLister({ [A]: () => Promise.reject(passing()) })
    const { start } = setUp(lister, {
      sources: [knownCollections([A])],
      maxAttempts: 3,
      hooks: { collectionFailed: ({ retryInMs }) => pauses.push(retryInMs) },
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
      sources: [knownCollections([A])],
      sink,
      hooks: {
        retry: ({ error }) => retries.push(error),
        collectionFailed: ({ error }) => retries.push(['failed', error]),
      },
    })
    expect(await start().run()).toMatchObject({ pages: 2, imported: 4, added: 4 })
    expect(retries).toEqual([new Error('disk on fire'), new Error('disk on fire')])
    expect(lister.requests).toHaveLength(2)
  })

  it('of the sink that do not pass release the collection, and the page is fetched again', async () => {
    const lister = scriptedLister({ [A]: pagesOf(A, 1) })
    const sink = failingSink(3, new Error('disk on fire'))
    const failed: unknown[] = []
    const { start } = setUp(lister, {
      sources: [knownCollections([A])],
      sink,
      hooks: { collectionFailed: ({ error, attempts }) => failed.push([error, attempts]) },
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
      sources: [knownCollections([A])],
      maxAttempts: 2,
      hooks: { collectionFailed: ({ attempts }) => counts.push(attempts) },
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
      sources: [knownCollections([A])],
      progress,
      maxAttempts: 1,
      hooks: { storeUnavailable: ({ attempt }) => told.push(attempt) },
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
      hooks: { storeUnavailable: ({ attempt }) => told.push(attempt) },
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
        source: 'relay.test',
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
      hooks: { collectionStarted: ({ collection }) => claimed.push(collection) },
    })
    await start().run()
    expect(claimed).toHaveLength(4)
    expect((times[1] ?? 0) - (times[0] ?? 0)).toBeGreaterThanOrEqual(1200)
    expect(looks).toBeLessThan(10)
  })

  it('a relay that asks for a long wait at the check is waited for', async () => {
    const busy = new RelayError('RELAY_STATUS', '503', {
      source: 'relay.test',
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
      source: 'relay.test',
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
    const { start } = setUp(lister, { sources: [knownCollections([A])], maxAttempts: 1 })
    await start().run()
    expect(times).toHaveLength(2)
    expect((times[1] ?? 0) - (times[0] ?? 0)).toBeGreaterThanOrEqual(40)
  })
})

describe('cursors', () => {
  it('a run that is left goes on at the saved cursor', async () => {
    const lister = scriptedLister({ [A]: pagesOf(A, 6) })
    const { start, sink } = setUp(lister, { sources: [knownCollections([A])] })
    for await (const page of start()) {
      if (page.page === 3) break
    }
    const [row] = await start()
      .status()
      .then(({ collections }) => collections)
    const asked = lister.requests.length
    const summary = await start().run()
    expect(lister.requests.slice(asked).map(({ cursor }) => cursor)[0]).toBe(row?.cursor)
    expect(summary.pages).toBe(6 - (row?.page ?? 0))
    expect(sink.pairs.get(A)?.size).toBe(12)
    expect(await start().status()).toMatchObject({ imported: 12, completed: 1 })
  })

  const did = { dids: ['did:web:x'] }
  const next = (cursor: string | undefined) => (cursor === undefined ? 1 : Number(cursor) + 1)
  it.each([
    ['the same cursor for ever', () => ({ ...did, cursor: 'same' })],
    [
      'a cycle of two',
      ({ cursor }: { cursor?: string | undefined }) => ({ ...did, cursor: cursor === 'a' ? 'b' : 'a' }),
    ],
    [
      'a cycle of seven after five pages',
      ({ cursor }: { cursor?: string | undefined }) => ({
        ...did,
        cursor: String(next(cursor) < 12 ? next(cursor) : 5),
      }),
    ],
  ])('%s ends the collection in bounded requests, and only that', async (_, script) => {
    const lister = scriptedLister({ [A]: script, [B]: pagesOf(B, 3) })
    const { start, sink } = setUp(lister, { sources: [knownCollections([A, B])] })
    const error = await start()
      .run()
      .catch((error: unknown) => error)
    expect(error).toMatchObject({
      failures: [{ collection: A, lastError: expect.stringContaining('repeats the cursor') }],
    })
    expect(lister.requests.length).toBeLessThan(40)
    expect(sink.pairs.get(B)?.size).toBe(6)
  })

  it('a cycle is found across restarts', async () => {
    const lister = scriptedLister({ [A]: ({ cursor }) => ({ ...did, cursor: String(next(cursor) % 5) }) })
    const { start } = setUp(lister, { sources: [knownCollections([A])] })
    let outcome: unknown
    for (let runs = 0; runs < 20 && outcome === undefined; runs++) {
      const backfiller = start()
      outcome = await backfiller.next().then(
        () => undefined,
        (error: unknown) => error,
      )
      await backfiller.return()
    }
    expect(outcome).toMatchObject({
      failures: [{ lastError: expect.stringContaining('repeats the cursor') }],
    })
  })

  it('a page that is sent again once is asked for again and nothing is lost', async () => {
    const pages = pagesOf(A, 4)
    let repeats = 1
    const lister = scriptedLister({
      [A]: ({ cursor }) => pages[cursor === '2' && repeats-- > 0 ? 1 : Number(cursor ?? 0)] ?? { dids: [] },
    })
    const { start, sink } = setUp(lister, { sources: [knownCollections([A])] })
    expect(await start().run()).toMatchObject({ completed: 1, pages: 4 })
    expect([...(sink.pairs.get(A) ?? [])]).toEqual(didsOf(pages))
  })

  it('an empty page with a cursor is not the end; a hundred in a row are', async () => {
    const lister = scriptedLister({
      [A]: [{ dids: [], cursor: '1' }, { dids: ['did:web:x'], cursor: '2' }, { dids: [] }],
      [B]: ({ cursor }) => ({ dids: [], cursor: String(next(cursor)) }),
    })
    const { start, sink } = setUp(lister, { sources: [knownCollections([A, B])] })
    const error = await start()
      .run()
      .catch((error: unknown) => error)
    expect(error).toMatchObject({
      failures: [{ collection: B, lastError: expect.stringContaining('100 empty pages') }],
    })
    expect([...(sink.pairs.get(A) ?? [])]).toEqual(['did:web:x'])
  })

  it('that the relay refuses while it serves the first page make the collection begin again, once', async () => {
    const gone = () =>
      new RelayError('RELAY_STATUS', '500 DatabaseError', {
        source: 'relay.test',
        status: 500,
        retryable: true,
      })
    const pages = pagesOf(A, 3)
    let refusals = 6
    const lister = scriptedLister({
      [A]: ({ cursor }) =>
        cursor === '2' && refusals-- > 0
          ? Promise.reject(gone())
          : (pages[Number(cursor ?? 0)] ?? { dids: [] }),
    })
    const restarts: boolean[] = []
    const { start, sink } = setUp(lister, {
      sources: [knownCollections([A])],
      maxAttempts: 2,
      hooks: { collectionFailed: ({ restart }) => restarts.push(restart) },
    })
    await start().run()
    expect(restarts).toEqual([false, true])
    expect([...(sink.pairs.get(A) ?? [])]).toEqual(didsOf(pages))
    expect(await start().status()).toMatchObject({ imported: 6, completed: 1 })
  })

  it('that the relay refuses for ever fail the collection after one new beginning', async () => {
    const gone = () =>
      new RelayError('RELAY_STATUS', '500 DatabaseError', {
        source: 'relay.test',
        status: 500,
        retryable: true,
      })
    const lister = scriptedLister({
      [A]: ({ cursor }) => (cursor === undefined ? { ...did, cursor: '1' } : Promise.reject(gone())),
    })
    const { start } = setUp(lister, { sources: [knownCollections([A])], maxAttempts: 2 })
    await expect(start().run()).rejects.toMatchObject({
      failures: [{ collection: A, lastError: '500 DatabaseError' }],
    })
    expect(lister.requests.filter(({ cursor }) => cursor === '1').length).toBeLessThanOrEqual(12)
  })
})

describe('several runs on one store', () => {
  it('share the collections, and each is walked once', async () => {
    const names = Array.from({ length: 12 }, (_, i) => `com.example.c${i}`)
    const lister = scriptedLister(Object.fromEntries(names.map((name) => [name, pagesOf(name, 3)])))
    const { start } = setUp(lister, { sources: [knownCollections(names)], concurrency: 2 })
    const summaries = await Promise.all([start().run(), start().run(), start().run()])
    expect(summaries.reduce((sum, { completed }) => sum + completed, 0)).toBe(12)
    expect(lister.requests).toHaveLength(36)
  })

  it('wait for what another one holds', async () => {
    const held = gate()
    const lister = scriptedLister({
      [A]: async () => {
        await held.wait()
        return { dids: ['did:web:x'] }
      },
    })
    const { start } = setUp(lister, { sources: [knownCollections([A])] })
    const holder = start().run()
    await held.reached
    const waiter = start()
    const waiting = waiter.run()
    held.pass()
    expect([await holder, await waiting]).toEqual([
      expect.objectContaining({ completed: 1 }),
      expect.objectContaining({ completed: 0 }),
    ])
  })

  it('a run whose end finds work that another one registered does it, too', async () => {
    const lister = scriptedLister({ [A]: pagesOf(A, 1) })
    const { start, progress } = setUp(lister, { sources: [knownCollections([A])] })
    const remaining = progress.remaining
    let registered = false
    progress.remaining = async (source) => {
      const left = await remaining(source)
      if (left.collections === 0 && !registered) {
        registered = true
        await progress.register(source, [{ nsid: B }])
      }
      return left
    }
    expect(await start().run()).toMatchObject({ completed: 2 })
    expect(registered).toBe(true)
  })

  it('a run that loses a claim says so, writes nothing for it and goes on with other work', async () => {
    const progress = memoryProgressStore()
    const lister = scriptedLister({ [A]: pagesOf(A, 3), [B]: pagesOf(B, 1) })
    const lost: string[] = []
    const failed: string[] = []
    let robbed = false
    const robbing = {
      ...progress,
      async advance(...[claim, page, write]: Parameters<typeof progress.advance>) {
        if (claim.collection === A && !robbed) {
          robbed = true
          await progress.release(claim)
          await progress.claim({ source: 'relay.test', owner: 'somebody else', leaseMs: 100 })
        }
        return progress.advance(claim, page, write)
      },
    }
    const { start } = setUp(lister, {
      sources: [knownCollections([A, B])],
      progress: robbing,
      concurrency: 1,
      hooks: {
        claimLost: ({ collection }) => lost.push(collection),
        collectionFailed: ({ collection }) => failed.push(collection),
      },
    })
    // The other one never comes back, so its lease runs out and the walk is taken over again.
    expect(await start().run()).toMatchObject({ completed: 2 })
    expect([lost, failed]).toEqual([[A], []])
  })
})
