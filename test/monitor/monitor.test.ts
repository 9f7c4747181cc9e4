import { describe, expect, it } from 'vitest'
import { createBackfiller, createMonitor, knownCollections, relayLister } from '../../src/index.ts'
import { memoryIndexSink } from '../../src/memory/memory-index-sink.ts'
import { memoryProgressStore } from '../../src/memory/memory-store.ts'
import { startRelay } from '../../src/testing/index.ts'
import { failed, known, onClock, page, row, started } from './steps.ts'

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

  it('what was cancelled stays failed when a run begins, which tries the other failed ones again', async () => {
    const { monitor } = onClock()
    await monitor.refresh(async () => [
      row(A, { state: 'failed', flags: ['cancelled'] }),
      row(B, { state: 'failed', attempts: 5 }),
    ])
    monitor.handle(known([A], [B]))
    expect(monitor.collections()).toMatchObject([{ state: 'failed' }, { state: 'pending', attempts: 0 }])
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
