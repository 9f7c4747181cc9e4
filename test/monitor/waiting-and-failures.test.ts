import { describe, expect, it } from 'vitest'
import { failed, known, onClock, page, row, SOURCE, started } from './steps.ts'

const A = 'com.example.a'
const B = 'com.example.b'

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
