import { describe, expect, it, vi } from 'vitest'
import { RelayError } from '../../src/index.ts'
import { type RetryContext, retrying } from '../../src/util/retry.ts'

const relayError = (retryAfterMs?: number) =>
  new RelayError('RELAY_STATUS', '503', { relay: 'relay.test', retryable: true, retryAfterMs })

/** Fails with each of the errors in turn, then succeeds. */
async function play(
  errors: unknown[],
  policy: { retries?: number; minDelayMs?: number; maxDelayMs?: number } = {},
) {
  const left = [...errors]
  const waits: RetryContext[] = []
  const operation = async () => {
    if (left.length > 0) throw left.shift()
    return 'done'
  }
  const options = {
    retries: 5,
    minDelayMs: 1,
    maxDelayMs: 8,
    signal: new AbortController().signal,
    ...policy,
  }
  const outcome = await retrying(operation, {
    ...options,
    mayRetry: () => true,
    onRetry: (context) => waits.push(context),
  }).then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  )
  return { ...outcome, waits }
}

describe('a retry', () => {
  it('waits twice as long each time, up to the longest pause, with jitter on top and never below', async () => {
    const { waits } = await play(Array.from({ length: 5 }, () => relayError()))
    const bases = [1, 2, 4, 8, 8]
    expect(waits.map(({ attempt }) => attempt)).toEqual([1, 2, 3, 4, 5])
    waits.forEach(({ waitMs }, i) => {
      expect(waitMs).toBeGreaterThanOrEqual(bases[i] ?? 0)
      expect(waitMs).toBeLessThanOrEqual(Math.min(2 * (bases[i] ?? 0), 8))
    })
  })

  it('waits as long as the server asked, and its own pause after that', async () => {
    vi.useFakeTimers()
    try {
      const outcome = play([relayError(30_000)], { minDelayMs: 100, maxDelayMs: 60_000 })
      let isOver = false
      outcome.then(() => {
        isOver = true
      })
      await vi.advanceTimersByTimeAsync(30_099)
      expect(isOver).toBe(false)
      await vi.advanceTimersByTimeAsync(101)
      const { waits, ...rest } = await outcome
      expect(rest).toEqual({ value: 'done' })
      expect(waits).toHaveLength(1)
      expect(waits[0]?.waitMs).toBeGreaterThanOrEqual(30_100)
      expect(waits[0]?.waitMs).toBeLessThanOrEqual(30_200)
    } finally {
      vi.useRealTimers()
    }
  })

  it('is not made when the server asks for more than the longest pause', async () => {
    const error = relayError(1e12)
    expect(await play([error])).toEqual({ error, waits: [] })
  })

  it('gives the last error as it is, whatever it is', async () => {
    const errors = [new Error('first'), { code: 'second' }, 'a string']
    const { waits, ...outcome } = await play(errors, { retries: 2 })
    expect(outcome).toEqual({ error: 'a string' })
    expect(waits.map(({ error }) => error)).toEqual(errors.slice(0, 2))
  })

  it('is not made after a mistake in a program, also where mayRetry allows it', async () => {
    for (const mistake of [new TypeError('x is undefined'), new ReferenceError('x'), new RangeError('x')])
      expect(await play([mistake])).toEqual({ error: mistake, waits: [] })
  })

  it('is made after a broken network, of which fetch tells by a TypeError', async () => {
    const { value, waits } = (await play([new TypeError('fetch failed')])) as {
      value: string
      waits: RetryContext[]
    }
    expect([value, waits.length]).toEqual(['done', 1])
  })

  it.each([
    ['while the server’s wait lasts', relayError(50_000)],
    ['while its own pause lasts', relayError()],
  ])('ends at once with the caller’s own reason, %s', async (_, error) => {
    const caller = new AbortController()
    const stopped = retrying(() => Promise.reject(error), {
      ...{ retries: 5, minDelayMs: 50_000, maxDelayMs: 60_000, signal: caller.signal },
      mayRetry: () => true,
      onRetry: () => setImmediate(() => caller.abort('enough')),
    })
    await expect(stopped).rejects.toBe('enough')
  })
})
