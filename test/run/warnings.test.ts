import { afterEach, describe, expect, it, vi } from 'vitest'
import type { BackfillEvent } from '../../src/index.ts'
import { warnOnce } from '../../src/run/warnings.ts'
import { A, setUp } from '../support/backfill-set-up.ts'
import { pagesOf, scriptedLister } from '../support/scripted-lister.ts'

const relay = 'relay.test'
const error = new Error('connection refused')
const retry: BackfillEvent = { type: 'retry', relay, collection: A, error, attempt: 1, waitMs: 50 }
const failure = {
  type: 'collectionFailed',
  relay,
  collection: A,
  error,
  attempts: 1,
  restart: false,
} as const

afterEach(() => {
  vi.unstubAllGlobals()
  vi.restoreAllMocks()
})

describe('what fails where no listener is given', () => {
  it.each<[BackfillEvent, string, RegExp]>([
    [retry, 'BACKFILL_RETRY', /com\.example\.a failed: connection refused\. .* 50 ms/],
    [
      { type: 'retry', relay, source: 'garden', error, attempt: 1, waitMs: 50 },
      'BACKFILL_RETRY',
      /the source garden failed/,
    ],
    [{ type: 'paused', relay, waitMs: 61_000, error }, 'BACKFILL_PAUSED', /61 s: connection refused/],
    [{ type: 'paused', relay, waitMs: 2000 }, 'BACKFILL_PAUSED', / 2 s\./],
    [
      { type: 'sourceFailed', relay, source: 'garden', error },
      'BACKFILL_FAILED',
      /garden failed: connection/,
    ],
    [
      { type: 'indexMissing', relay, collections: [A] },
      'BACKFILL_INDEX_MISSING',
      /1 collection that was imported is missing from the index and read again: com\.example\.a\./,
    ],
    [failure, 'BACKFILL_FAILED', /com\.example\.a failed: connection refused\. Only/],
    [{ ...failure, retryInMs: 60_000 }, 'BACKFILL_FAILED', /tried again in 60 s/],
    [{ ...failure, restart: true }, 'BACKFILL_FAILED', /begins again/],
    [
      { type: 'storeUnavailable', relay, error, attempt: 1, waitMs: 500 },
      'BACKFILL_STORE_UNAVAILABLE',
      /store.*connection refused.*500 ms/,
    ],
  ])('is a warning that names the relay, what failed and what follows: %o', (event, code, message) => {
    const warn = vi.fn()
    warnOnce(warn)(event)
    expect(warn.mock.calls).toEqual([[expect.stringMatching(message), code]])
    expect(warn.mock.calls[0]?.[0]).toMatch(/^relay\.test: .*onEvent/)
  })

  it('is told once for each kind and run', () => {
    const warn = vi.fn()
    const listener = warnOnce(warn)
    for (const event of [retry, retry, failure, { ...retry, attempt: 2 }, failure]) listener(event)
    expect(warn.mock.calls.map(([, code]) => code)).toEqual(['BACKFILL_RETRY', 'BACKFILL_FAILED'])
    warnOnce(warn)(retry)
    expect(warn).toHaveBeenCalledTimes(3)
  })

  it('is a line on the console where there is no process, as in browsers', () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
    vi.stubGlobal('process', undefined)
    warnOnce()(retry)
    vi.unstubAllGlobals()
    expect(warn.mock.calls).toEqual([[expect.stringMatching(/^BackfillWarning \[BACKFILL_RETRY\]: relay/)]])
  })
})

describe('a sink that rejects for ever', () => {
  const sink = { add: () => Promise.reject(new Error('quota exceeded')) }
  const lister = scriptedLister({ [A]: pagesOf(A, 1) })

  it('is a process warning with its first retry when no listener is given', async () => {
    const warned = Promise.withResolvers<void>()
    const emit = vi.spyOn(process, 'emitWarning').mockImplementation(() => warned.resolve())
    const run = setUp(lister, { sink, maxAttempts: 1, onEvent: undefined })
      .start()
      .run()
      .catch(() => {})
    await warned.promise
    expect(emit.mock.calls[0]).toEqual([
      expect.stringMatching(/com\.example\.a failed: quota exceeded/),
      { type: 'BackfillWarning', code: 'BACKFILL_RETRY' },
    ])
    await run
    const retries = emit.mock.calls.filter(([, options]) => Object(options).code === 'BACKFILL_RETRY')
    expect(retries).toHaveLength(1)
  })

  it('is no warning for a listener, which is told by its events', async () => {
    const emit = vi.spyOn(process, 'emitWarning')
    const told: string[] = []
    const onEvent = ({ type }: BackfillEvent) => told.push(type)
    await setUp(lister, { sink, onEvent, maxAttempts: 1 })
      .start()
      .run()
      .catch(() => {})
    expect(told).toContain('retry')
    expect(emit).not.toHaveBeenCalled()
  })
})
