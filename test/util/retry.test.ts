import { describe, expect, it } from 'vitest'
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
      expect(waitMs).toBeLessThanOrEqual(Math.ceil((bases[i] ?? 0) * 1.5))
    })
  })

  it('waits at least as long as the server asked', async () => {
    const { waits, value } = (await play([relayError(30)], { maxDelayMs: 50 })) as {
      waits: RetryContext[]
      value: string
    }
    expect(value).toBe('done')
    expect(waits[0]?.waitMs).toBeGreaterThanOrEqual(30)
  })

  it('is not made when the server asks for more than the longest pause', async () => {
    const error = relayError(1e12)
    expect(await play([error])).toEqual({ error, waits: [] })
  })

  it('gives the last error as it is, whatever it is', async () => {
    const errors = [new Error('first'), new TypeError('a TypeError is retried too'), 'a string']
    expect(await play(errors, { retries: 2 })).toMatchObject({ error: 'a string' })
  })
})
