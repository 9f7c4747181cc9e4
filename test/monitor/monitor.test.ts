import { describe, expect, it } from 'vitest'
import { createBackfiller, createMonitor, knownCollections, relayLister } from '../../src/index.ts'
import { memoryIndexSink } from '../../src/memory/memory-index-sink.ts'
import { memoryProgressStore } from '../../src/memory/memory-store.ts'
import { startRelay } from '../../src/testing/index.ts'
import { failed, known, onClock, page, row, SOURCE, started } from './steps.ts'

const A = 'com.example.a'
const B = 'com.example.b'
const C = 'com.example.c'

describe('the sums', () => {
  it('go on from what earlier runs have done', async () => {
    const { monitor } = onClock()
    await monitor.refresh(async () => [
      row(A, { state: 'complete', imported: 10, estimatedRepos: 12, invalid: 1 }),
      row(B, { imported: 4, estimatedRepos: 8 }),
      row(C, { state: 'failed', attempts: 5, lastError: 'gone', estimatedRepos: 1 }),
    ])
    expect(monitor.snapshot()).toMatchObject({
      collections: { total: 3, complete: 1, running: 0, pending: 1, retrying: 0, failed: 1 },
      pairs: 14,
      invalid: 1,
      expectedPairs: 19,
      added: 0,
      requests: 0,
    })
  })

  it('count each page once, and what it brought', () => {
    const { monitor } = onClock()
    monitor.handle(known([A, 30], [B, 5]))
    monitor.handle(started(A))
    monitor.handle(page(A, 10, { dids: 10, added: 7, invalid: 2, cursor: 'c1' }))
    monitor.handle(page(A, 20, { dids: 10, added: 10, invalid: 2, pages: 2, completed: true }))
    expect(monitor.snapshot()).toMatchObject({
      collections: { total: 2, complete: 1, running: 0, pending: 1 },
      pairs: 20,
      added: 17,
      invalid: 2,
      // It ended with less than expected, so no more is expected of it.
      expectedPairs: 25,
    })
    expect(monitor.collections()).toMatchObject([
      { collection: A, state: 'complete', pages: 2, imported: 20, cursor: undefined },
      { collection: B, state: 'pending', estimatedRepos: 5 },
    ])
  })

  it('a failure is one that waits or one that is given up, until the collection is complete after all', () => {
    const { monitor } = onClock()
    monitor.handle(known([A], [B]))
    for (const name of [A, B]) monitor.handle(started(name))
    monitor.handle(failed(A, new Error('busy'), 5_000))
    monitor.handle(failed(B, new Error('gone')))
    expect(monitor.snapshot().collections).toMatchObject({ pending: 1, retrying: 1, failed: 1 })
    monitor.handle(started(A))
    monitor.handle(page(A, 5, { completed: true }))
    expect(monitor.snapshot().collections).toMatchObject({ complete: 1, retrying: 0, failed: 1 })
    monitor.handle(known([A], [B]))
    expect(monitor.snapshot().collections).toMatchObject({ complete: 1, pending: 1, failed: 0 })
  })

  it('a walk that begins again at the first page takes back what it had brought', () => {
    const { monitor } = onClock()
    monitor.handle(started(A))
    monitor.handle(page(A, 10, { dids: 10, invalid: 3, cursor: 'c1' }))
    monitor.handle({ ...failed(A, new Error('cursor refused')), restart: true })
    expect(monitor.snapshot()).toMatchObject({ pairs: 0, invalid: 0, collections: { pending: 1 } })
  })
})

describe('refresh', () => {
  it('takes over what other workers did, and leaves what changed here while it was read', async () => {
    const { monitor } = onClock()
    monitor.handle(known([A, 100], [B, 100]))
    monitor.handle(started(A))
    const reading = Promise.withResolvers<void>()
    const refreshed = monitor.refresh(async () => {
      await reading.promise
      return [
        row(A, { state: 'running', imported: 10 }),
        row(B, { state: 'running', imported: 60, estimatedRepos: 100 }),
      ]
    })
    monitor.handle(page(A, 20, { completed: true }))
    reading.resolve()
    await refreshed
    expect(monitor.collections()).toMatchObject([
      { collection: A, state: 'complete', imported: 20 },
      { collection: B, state: 'running', imported: 60 },
    ])
  })

  it('hands on why it could not be read', async () => {
    const { monitor } = onClock()
    const error = new Error('database down')
    await expect(monitor.refresh(() => Promise.reject(error))).rejects.toBe(error)
  })
})

describe('the time that is left', () => {
  it('follows from the estimates and the speed', () => {
    const { monitor, pass } = onClock()
    monitor.handle(known([A, 10_000]))
    monitor.handle(started(A))
    for (let i = 1; i <= 10; i += 1) {
      pass(1_000)
      monitor.handle(page(A, i * 500, { dids: 500, cursor: `c${i}` }))
    }
    // Half of 10,000 in ten seconds, and the little that a collection costs beside its pairs.
    const { leftMs = 0, pairsPerSecond, fraction } = monitor.snapshot()
    expect(leftMs / 1000).toBeGreaterThan(9)
    expect(leftMs / 1000).toBeLessThan(12)
    expect(pairsPerSecond).toBeGreaterThan(490)
    expect(pairsPerSecond).toBeLessThan(560)
    expect(fraction).toBeCloseTo(0.5, 1)
  })

  it('is not known without estimates: then the collections are what can be counted', () => {
    const { monitor, pass } = onClock()
    monitor.handle(known([A], [B], [C, 5]))
    monitor.handle(started(A))
    pass(2_000)
    monitor.handle(page(A, 500, { dids: 500, completed: true }))
    const { leftMs, expectedPairs, fraction } = monitor.snapshot()
    expect({ leftMs, expectedPairs }).toEqual({ leftMs: undefined, expectedPairs: undefined })
    expect(fraction).toBeCloseTo(1 / 3)
  })

  it('where most collections have an estimate, those without are taken for small', () => {
    const { monitor } = onClock()
    monitor.handle(known([A, 100], [B, 50], [C]))
    expect(monitor.snapshot().expectedPairs).toBe(150)
  })

  it('is not told before there is a speed, nor when nothing is left to do', () => {
    const { monitor, pass } = onClock()
    expect(monitor.snapshot()).toMatchObject({ fraction: 0, leftMs: undefined, pairsPerSecond: undefined })
    monitor.handle(known([A, 10]))
    monitor.handle(started(A))
    expect(monitor.snapshot().leftMs).toBeUndefined()
    pass(2_000)
    monitor.handle(page(A, 10, { dids: 10, completed: true }))
    pass(2_000)
    expect(monitor.snapshot()).toMatchObject({ fraction: 1, leftMs: undefined })
  })

  it('counts what other workers did, but not what earlier runs did', async () => {
    const { monitor, pass } = onClock()
    await monitor.refresh(async () => [
      row(A, { imported: 5_000, estimatedRepos: 20_000 }),
      row(B, { estimatedRepos: 20_000 }),
    ])
    monitor.handle(started(A, 5_000, 3))
    monitor.handle(page(A, 6_000, { dids: 1_000, cursor: 'c' }))
    pass(10_000)
    monitor.handle(page(A, 7_000, { dids: 1_000, cursor: 'c' }))
    const alone = monitor.snapshot().leftMs ?? 0
    await monitor.refresh(async () => [row(B, { state: 'running', imported: 2_000, estimatedRepos: 20_000 })])
    const together = monitor.snapshot().leftMs ?? 0
    expect(alone / 1000).toBeCloseTo(33_600 / 200, -1)
    expect(together).toBeLessThan(alone * 0.55)
  })
})

describe('what goes wrong', () => {
  it('is told with the words of the server, its time, and when it is tried again', () => {
    const { monitor, pass } = onClock()
    monitor.handle({
      type: 'sourceFailed',
      relay: SOURCE,
      source: 'lexicon.garden',
      error: new Error('not a list'),
    })
    pass(1_000)
    monitor.handle(started(A))
    monitor.handle(failed(A, new Error('relay.example answered 403: Not for you'), 60_000))
    monitor.handle({ type: 'claimLost', relay: SOURCE, collection: B, error: new Error('lost') })
    expect(monitor.snapshot().failures).toEqual([
      { at: 1_000_000, kind: 'source', subject: 'lexicon.garden', message: 'not a list', times: 1 },
      {
        at: 1_001_000,
        kind: 'collection',
        subject: A,
        message: 'relay.example answered 403: Not for you',
        retryInMs: 60_000,
        times: 1,
      },
      { at: 1_001_000, kind: 'claim-lost', subject: B, message: 'lost', times: 1 },
    ])
  })

  it('the same again and again is one entry, and no more than a hundred are kept', () => {
    const { monitor, pass } = onClock()
    for (let i = 0; i < 150; i += 1) monitor.handle(failed(`com.example.n${i}`, new Error('gone')))
    for (let i = 1; i <= 3; i += 1) {
      pass(100)
      monitor.handle({
        type: 'storeUnavailable',
        relay: SOURCE,
        error: new Error('down'),
        attempt: i,
        waitMs: 500,
      })
    }
    const { failures, failureCount } = monitor.snapshot()
    expect(failures).toHaveLength(100)
    expect(failures.at(-1)).toMatchObject({ kind: 'store', message: 'down', times: 3, at: 1_000_300 })
    expect(failureCount).toBe(153)
  })

  it('retries and failed requests are counted, and the last retry is told', () => {
    const { monitor } = onClock()
    monitor.handle({ type: 'requested', relay: SOURCE, collection: A, durationMs: 3, repos: 5 })
    monitor.handle({
      type: 'requested',
      relay: SOURCE,
      collection: A,
      durationMs: 3,
      error: new Error('503'),
    })
    monitor.handle({
      type: 'retry',
      relay: SOURCE,
      collection: A,
      attempt: 1,
      waitMs: 1_500,
      error: new Error('503'),
    })
    monitor.handle({
      type: 'retry',
      relay: SOURCE,
      source: 'lexicon.garden',
      attempt: 2,
      waitMs: 10,
      error: 'odd',
    })
    expect(monitor.snapshot()).toMatchObject({
      requests: 2,
      failedRequests: 1,
      retries: 2,
      lastRetry: { subject: 'lexicon.garden', message: 'odd', attempt: 2, waitMs: 10, at: 1_000_000 },
    })
  })

  it('a pause that the relay asks for is told until it is over', () => {
    const { monitor, pass } = onClock()
    monitor.handle({ type: 'paused', relay: SOURCE, waitMs: 3_000, error: new Error('429 slow down') })
    pass(1_000)
    expect(monitor.snapshot()).toMatchObject({
      pause: { leftMs: 2_000, message: '429 slow down' },
      pauses: 1,
    })
    monitor.handle({ type: 'paused', relay: SOURCE, waitMs: 5_000 })
    expect(monitor.snapshot().pause).toEqual({ leftMs: 5_000, message: undefined })
    pass(5_000)
    expect(monitor.snapshot()).toMatchObject({ pause: undefined, pauses: 2 })
  })
})

describe('the walks', () => {
  it('each keeps its place, and the next one takes the place of one that has ended', () => {
    const { monitor } = onClock()
    monitor.handle(known([A, 5], [B, 5], [C, 5]))
    monitor.handle(started(A))
    monitor.handle(started(B))
    monitor.handle(page(A, 5, { completed: true }))
    expect(monitor.snapshot().walks).toEqual([
      { collection: A, imported: 5, estimatedRepos: 5, done: true },
      { collection: B, imported: 0, estimatedRepos: 5, done: false },
    ])
    monitor.handle(started(C))
    expect(monitor.snapshot().walks.map(({ collection }) => collection)).toEqual([C, B])
    monitor.handle(failed(C, new Error('gone')))
    expect(monitor.snapshot().walks.map(({ collection }) => collection)).toEqual([B])
  })
})

it('a snapshot takes no longer for 5,000 collections than for five', () => {
  const timeFor = (collections: number) => {
    const { monitor } = onClock()
    monitor.handle(known(...Array.from({ length: collections }, (_, i) => named(i))))
    const before = process.threadCpuUsage()
    for (let i = 0; i < 2_000; i += 1) monitor.snapshot()
    expect(monitor.snapshot().collections.total).toBe(collections)
    const cpu = process.threadCpuUsage(before)
    return (cpu.user + cpu.system) / 1_000
  }
  const named = (i: number): [string, number] => [`com.example.n${i}`, i]
  timeFor(5)
  // Looking at each row would take hundreds of times as long.
  expect(timeFor(5_000)).toBeLessThan(20 * timeFor(5) + 50)
})

it('follows a whole run, and agrees with its summary and its store', async () => {
  await using relay = await startRelay({
    collections: { 'app.bsky.actor.profile': 30, [A]: 45, [B]: 7, [C]: 0 },
    script: ({ collection, attempt }) =>
      collection === B && attempt === 1 ? { status: 429, headers: { 'retry-after': '0' } } : undefined,
  })
  const lister = relayLister(relay.url, { pageSize: 10 })
  const monitor = createMonitor({ relay: lister.relay })
  const backfiller = createBackfiller({
    relay: lister,
    collections: [knownCollections(['app.bsky.actor.profile', A, B, C])],
    store: { sink: memoryIndexSink(), progress: memoryProgressStore() },
    retry: { minDelayMs: 1, maxDelayMs: 5 },
    onEvent: monitor.handle,
  })
  await backfiller.run()
  const status = await backfiller.status()
  const { collections, pairs, added, requests, failedRequests, retries, pauses } = monitor.snapshot()
  expect({ collections, pairs, added }).toEqual({
    collections: { total: 4, complete: 4, running: 0, pending: 0, retrying: 0, failed: 0 },
    pairs: status.imported,
    added: 82,
  })
  // One request was the check before the run.
  expect(requests).toBe(relay.requests.length - 1)
  expect({ failedRequests, retries, pauses }).toEqual({ failedRequests: 1, retries: 1, pauses: 1 })
  const seen = monitor
    .collections()
    .map(({ collection, state, imported, pages }) => ({ collection, state, imported, pages }))
  const stored = status.collections.map(({ collection, state, imported, pages }) => ({
    collection,
    state,
    imported,
    pages,
  }))
  expect(seen).toEqual(expect.arrayContaining(stored))
})
