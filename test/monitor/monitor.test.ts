import { describe, expect, it } from 'vitest'
import { createBackfiller, createMonitor, knownCollections, relayLister } from '../../src/index.ts'
import { memoryIndexSink } from '../../src/memory/memory-index-sink.ts'
import { memoryProgressStore } from '../../src/memory/memory-store.ts'
import { workOf } from '../../src/monitor/work.ts'
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
      imported: 14,
      invalid: 1,
      work: { expected: 19 },
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
      imported: 20,
      added: 17,
      invalid: 2,
      // It ended with less than expected, so no more is expected of it.
      work: { expected: 25 },
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
    expect(monitor.snapshot()).toMatchObject({ imported: 0, invalid: 0, collections: { pending: 1 } })
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
  /** A monitor whose run has read half of 10,000 in ten pages, one a second. */
  function halfRead(estimate?: number, ...others: [nsid: string, estimatedRepos?: number][]) {
    const { monitor, pass } = onClock()
    monitor.handle(known(estimate === undefined ? [A] : [A, estimate], ...others))
    monitor.handle(started(A))
    for (let i = 1; i <= 10; i += 1) {
      pass(1_000)
      monitor.handle(page(A, i * 500, { dids: 500, pages: i, cursor: `c${i}` }))
    }
    return { monitor, pass }
  }

  it('follows from the requests that are left and their pace', () => {
    const { work, timeLeft, importedPerSecond } = halfRead(10_000).monitor.snapshot()
    expect(work).toEqual({
      requestsDone: 10,
      requestsLeft: 10,
      fraction: 0.5,
      expected: 10_000,
      sizes: 'known',
    })
    expect(timeLeft).toEqual({ ms: 10_000, atLeast: false })
    expect(importedPerSecond).toBeGreaterThan(490)
    expect(importedPerSecond).toBeLessThan(560)
  })

  it('counts a request for the smallest collection, also where a directory leaves it out', () => {
    const { work, timeLeft } = halfRead(10_000, [B, 3], [C]).monitor.snapshot()
    expect(work).toMatchObject({ requestsDone: 10, requestsLeft: 12, expected: 10_003 })
    // One worker, as far as the monitor has seen.
    expect(timeLeft).toEqual({ ms: 12_000, atLeast: false })
  })

  it('is not told without sizes, and neither is a fraction', () => {
    const { work, timeLeft } = halfRead(undefined, [B], [C, 5]).monitor.snapshot()
    expect(work).toEqual({ requestsDone: 10, requestsLeft: 3, sizes: 'unknown' })
    expect(timeLeft).toBeUndefined()
  })

  it('is at least what is told where a collection is larger than was estimated, and there is no fraction', () => {
    const { work, timeLeft } = halfRead(2_000, [B, 2_000]).monitor.snapshot()
    expect(work).toEqual({ requestsDone: 10, requestsLeft: 5, sizes: 'tooLow' })
    expect(timeLeft).toEqual({ ms: 5_000, atLeast: true })
  })

  it('is not told, as nothing is, where collections are much smaller than was estimated', () => {
    const { monitor } = halfRead(500_000, [B, 500_000])
    monitor.handle(page(A, 5_001, { dids: 1, pages: 11, completed: true }))
    monitor.handle(started(B))
    const { work, timeLeft } = monitor.snapshot()
    expect(work).toMatchObject({ sizes: 'tooHigh', fraction: undefined })
    expect(timeLeft).toBeUndefined()
  })

  it('is not told before there is a pace, nor when nothing is left to do', () => {
    const { monitor, pass } = onClock()
    const nothing = { timeLeft: undefined, importedPerSecond: undefined }
    expect(monitor.snapshot()).toMatchObject({ ...nothing, work: { fraction: undefined } })
    monitor.handle(known([A, 10]))
    monitor.handle(started(A))
    expect(monitor.snapshot()).toMatchObject({ timeLeft: undefined, work: { fraction: 0 } })
    pass(2_000)
    monitor.handle(page(A, 10, { dids: 10, completed: true }))
    pass(2_000)
    expect(monitor.snapshot()).toMatchObject({ timeLeft: undefined, work: { fraction: 1 } })
  })

  it('is as long as the longest walk takes by itself', () => {
    const { monitor, pass } = onClock()
    monitor.handle(known([A, 100_000], [B, 10_000]))
    for (const name of [A, B]) monitor.handle(started(name))
    for (let i = 1; i <= 10; i += 1) {
      pass(1_000)
      for (const name of [A, B]) monitor.handle(page(name, i * 500, { pages: i, cursor: `c${i}` }))
    }
    expect(monitor.snapshot().timeLeft).toEqual({ ms: 190_000, atLeast: false })
  })

  it('counts what other workers did, but not what earlier runs did', async () => {
    const { monitor, pass } = onClock()
    const rows = (pages: number) => async () => [
      row(A, { imported: 5_000, pages: 5, estimatedRepos: 20_000 }),
      row(B, { state: 'running', imported: pages * 1_000, pages, estimatedRepos: 20_000 }),
    ]
    await monitor.refresh(rows(5))
    monitor.handle(started(A, 5_000, 5))
    for (let pages = 6; pages <= 10; pages += 1) {
      pass(2_000)
      monitor.handle(page(A, pages * 1_000, { dids: 1_000, pages, cursor: 'c' }))
    }
    await monitor.refresh(async () => (await rows(10)()).slice(1))
    const { ms = 0 } = monitor.snapshot().timeLeft ?? {}
    expect(ms / 1000).toBeGreaterThan(19)
    expect(ms / 1000).toBeLessThan(27)
  })

  it('has the wait of a collection that is set aside in it, and of a pause', () => {
    const { monitor } = halfRead(10_000, [B, 1_000])
    monitor.handle(started(B))
    monitor.handle(failed(B, new Error('busy'), 60_000))
    expect(monitor.snapshot().timeLeft).toEqual({ ms: 62_000, atLeast: false })
    monitor.handle({ type: 'paused', relay: SOURCE, waitMs: 5_000 })
    expect(monitor.snapshot().timeLeft).toEqual({ ms: 67_000, atLeast: false })
  })

  it('does not count a wait as slowness', () => {
    const { monitor, pass } = halfRead(10_000)
    monitor.handle({ type: 'paused', relay: SOURCE, waitMs: 60_000 })
    pass(60_000)
    expect(monitor.snapshot().timeLeft).toEqual({ ms: 10_000, atLeast: false })
    const outage = { relay: SOURCE, error: new Error('down'), attempt: 1, waitMs: 30_000 }
    monitor.handle({ type: 'storeUnavailable', ...outage })
    expect(monitor.snapshot().timeLeft).toBeUndefined()
    pass(30_000)
    monitor.handle({ type: 'storeAvailable', relay: SOURCE, unavailableMs: 30_000 })
    expect(monitor.snapshot().timeLeft).toEqual({ ms: 10_000, atLeast: false })
  })
})

describe('the fraction', () => {
  it('falls only when work is added, and that is told', async () => {
    const { monitor, pass } = onClock()
    monitor.handle(known([A, 1_000], [B, 1_000]))
    monitor.handle(started(A))
    monitor.handle(page(A, 500, { pages: 1, cursor: 'c' }))
    expect(monitor.snapshot()).toMatchObject({ work: { fraction: 0.25 }, addedWork: undefined })
    // Pages are smaller than they seemed, so that more are left: no work was added.
    monitor.handle(page(A, 600, { pages: 2, cursor: 'c' }))
    expect(monitor.snapshot()).toMatchObject({ work: { requestsDone: 2 }, addedWork: undefined })
    pass(10_000)
    await monitor.refresh(async () => [row(C, { estimatedRepos: 3_000 })])
    const { work, addedWork } = monitor.snapshot()
    expect(work.fraction).toBeCloseTo(2 / 18)
    expect(addedWork).toEqual({ at: 1_010_000, requests: 10, collections: 1 })
  })

  it('is 1 when everything is complete, and less while a collection has failed', () => {
    const { monitor } = onClock()
    monitor.handle(known([A, 1], [B, 1]))
    for (const name of [A, B]) monitor.handle(started(name))
    monitor.handle(page(A, 1, { completed: true }))
    monitor.handle(failed(B, new Error('gone')))
    expect(monitor.snapshot()).toMatchObject({ work: { fraction: 0.5 }, timeLeft: undefined })
  })

  it('is the same for the rows that a run left behind', () => {
    const rows = [
      row(A, { state: 'complete', imported: 4_100, pages: 3, estimatedRepos: 4_000 }),
      row(B, { imported: 6_000, pages: 3, estimatedRepos: 10_000, cursor: 'c' }),
      // Taken over from the Zig relay, which keeps no pages.
      row(C, { state: 'complete', imported: 8_000 }),
    ]
    expect(workOf(rows)).toMatchObject({ requestsDone: 11, requestsLeft: 3, sizes: 'known' })
  })
})

describe('what the whole run waits for', () => {
  it('is told until it is over', () => {
    const { monitor, pass } = onClock()
    const waiting = () => monitor.snapshot().waiting
    monitor.handle(known([A], [B]))
    monitor.handle({ type: 'paused', relay: SOURCE, waitMs: 3_000, error: new Error('429 slow down') })
    expect(waiting()).toEqual({ reason: 'relay', until: 1_003_000, message: '429 slow down' })
    pass(1_000)
    monitor.handle({ type: 'paused', relay: SOURCE, waitMs: 5_000 })
    expect(waiting()).toEqual({ reason: 'relay', until: 1_006_000, message: undefined })
    pass(5_000)
    expect(waiting()).toBeUndefined()
    expect(monitor.snapshot().pauses).toBe(2)

    for (const attempt of [1, 2]) {
      const error = new Error('down')
      monitor.handle({ type: 'storeUnavailable', relay: SOURCE, error, attempt, waitMs: 500 * attempt })
      pass(100)
    }
    expect(waiting()).toEqual({ reason: 'database', since: 1_006_000, until: 1_007_100, message: 'down' })
    monitor.handle(started(A))
    expect(waiting()).toBeUndefined()
  })

  it('is a collection that is set aside, once nothing else is left', () => {
    const { monitor, pass } = onClock()
    monitor.handle(known([A], [B]))
    for (const name of [A, B]) monitor.handle(started(name))
    monitor.handle(failed(A, new Error('busy'), 5_000))
    const setAside = [{ collection: A, until: 1_005_000, message: 'busy' }]
    expect(monitor.snapshot()).toMatchObject({ setAside, waiting: undefined })
    monitor.handle(page(B, 1, { completed: true }))
    expect(monitor.snapshot().waiting).toEqual({
      reason: 'setAside',
      until: 1_005_000,
      collections: setAside,
    })
    expect(monitor.collection(A)).toMatchObject({ retryInMs: 5_000 })
    pass(5_000)
    expect(monitor.snapshot()).toMatchObject({ setAside: [], waiting: undefined })
  })

  it('is a claim of another worker', async () => {
    const { monitor, pass } = onClock()
    await monitor.refresh(async () => [row(B, { state: 'running', leaseLeftMs: 60_000, owner: 'x' })])
    monitor.handle(started(A))
    expect(monitor.snapshot().waiting).toBeUndefined()
    monitor.handle(page(A, 1, { completed: true }))
    pass(1_000)
    expect(monitor.snapshot().waiting).toEqual({
      reason: 'claims',
      until: 1_060_000,
      collections: [B],
      holders: [],
    })
    expect(monitor.collection(B)).toMatchObject({ leaseLeftMs: 59_000 })
  })
})

describe('what goes wrong', () => {
  it('is told of an index that lost collections, which are pending again', async () => {
    const { monitor } = onClock()
    const complete = { state: 'complete', pages: 2, imported: 20, completedAt: new Date(1_000) } as const
    await monitor.refresh(async () => [row(A, complete), row(B, { state: 'complete', imported: 3 })])
    monitor.handle({ type: 'indexMissing', relay: SOURCE, collections: [A] })
    expect(monitor.collection(A)).toEqual(row(A, { estimatedRepos: 20 }))
    expect(monitor.snapshot()).toMatchObject({
      collections: { pending: 1, complete: 1 },
      failures: [{ kind: 'index', message: expect.stringContaining(A), retryInMs: 0 }],
    })
  })

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
  const { collections, imported, added, requests, failedRequests, retries, pauses } = monitor.snapshot()
  expect({ collections, imported, added }).toEqual({
    collections: { total: 4, complete: 4, running: 0, pending: 0, retrying: 0, failed: 0 },
    imported: status.imported,
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
