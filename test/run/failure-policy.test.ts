import { describe, expect, it } from 'vitest'
import { type Claim, CursorLoopError, RelayError } from '../../src/index.ts'
import { blameRelay, failureOf, LONGEST_WAIT_MS, outcomeOf } from '../../src/run/failure-policy.ts'
import { scriptedLister } from '../support/scripted-lister.ts'

const A = 'com.example.a'
const HOUR_MS = 3_600_000
const claim: Claim = {
  relay: 'relay.test',
  collection: A,
  owner: 'worker',
  leaseMs: 60_000,
  epoch: 1,
  cursor: 'saved',
  pages: 4,
  imported: 8,
  attempts: 0,
  restarts: 0,
}
/** The first page is served. */
const lister = scriptedLister({ [A]: [{ dids: ['did:web:x'] }] })
const retry = { retries: 0, minDelayMs: 1000, maxDelayMs: 60_000 }
const parts = { lister, retry, maxAttempts: 5, postponed: 0, signal: new AbortController().signal }
const lastAttempt = { ...claim, attempts: 4 }

const relayError = (status: number | undefined, retryAfterMs?: number) =>
  new RelayError(status === undefined ? 'RELAY_TIMEOUT' : 'RELAY_STATUS', 'words', {
    relay: 'relay.test',
    status,
    retryable: true,
    retryAfterMs,
  })
const ofRelay = (error: unknown) => ({ error, isOfRelay: true })
const ofStore = (error: unknown) => ({ error, isOfRelay: false })

describe('a collection that failed', () => {
  it('is tried again after pauses that double, up to an hour', async () => {
    const pauses: number[] = []
    for (let attempts = 0; attempts < 60; attempts++) {
      const outcome = await outcomeOf(
        ofRelay(relayError(502)),
        { ...claim, attempts },
        { ...parts, maxAttempts: 100 },
      )
      pauses.push((outcome.kind === 'failed' && outcome.retryInMs) || 0)
    }
    pauses.forEach((pause, i) => {
      const least = Math.min(60_000 * 2 ** i, HOUR_MS)
      expect(pause).toBeGreaterThanOrEqual(least)
      expect(pause).toBeLessThanOrEqual(least * 1.5)
    })
  })

  it('is given up at the last attempt, and at once when another try is useless', async () => {
    expect(await outcomeOf(ofRelay(relayError(undefined)), lastAttempt, parts)).toEqual({
      kind: 'failed',
      error: 'words',
    })
    const loop = new CursorLoopError('relay.test', A, 'again')
    expect(await outcomeOf(ofRelay(loop), claim, parts)).toMatchObject({ kind: 'failed' })
    expect(await outcomeOf(ofRelay(loop), claim, parts)).not.toHaveProperty('retryInMs')
  })

  it('is set aside, not counted, for as long as the relay asks', async () => {
    const outcome = await outcomeOf(ofRelay(relayError(429, HOUR_MS)), lastAttempt, parts)
    expect(outcome).toMatchObject({ kind: 'postponed' })
    expect(outcome.kind === 'postponed' && outcome.retryInMs).toBeGreaterThanOrEqual(HOUR_MS)
  })

  it('is counted once the relay has only ever asked for waits, and still not tried before that', async () => {
    const outcome = await outcomeOf(ofRelay(relayError(503, HOUR_MS)), claim, { ...parts, postponed: 5 })
    expect(outcome).toMatchObject({ kind: 'failed' })
    expect(outcome.kind === 'failed' && outcome.retryInMs).toBeGreaterThanOrEqual(HOUR_MS)
  })

  it('is given up when the relay asks for more than a day', async () => {
    const outcome = await outcomeOf(ofRelay(relayError(429, LONGEST_WAIT_MS + 1)), claim, parts)
    expect(outcome).toEqual({ kind: 'failed', error: 'words' })
  })
})

describe('a saved cursor', () => {
  it.each([400, 410, 500])(
    'that the relay refuses with %d while it serves the first page is dropped',
    async (status) => {
      expect(await outcomeOf(ofRelay(relayError(status)), lastAttempt, parts)).toMatchObject({
        kind: 'restart',
      })
    },
  )

  it.each([
    ['a timeout', ofRelay(relayError(undefined))],
    ['a rate limit', ofRelay(relayError(429))],
    ['a page that is none', ofRelay(relayError(200))],
    [
      'a sink that failed with a status of its own',
      ofStore(Object.assign(new Error('words'), { status: 503 })),
    ],
  ])('is kept after %s', async (_, failure) => {
    expect(await outcomeOf(failure, lastAttempt, parts)).toEqual({ kind: 'failed', error: 'words' })
  })

  it('is kept when the first page fails too, and when it was dropped before', async () => {
    const down = { ...parts, lister: scriptedLister({ [A]: () => Promise.reject(relayError(500)) }) }
    expect(await outcomeOf(ofRelay(relayError(500)), lastAttempt, down)).toMatchObject({ kind: 'failed' })
    const before = { ...lastAttempt, restarts: 1 }
    expect(await outcomeOf(ofRelay(relayError(500)), before, parts)).toMatchObject({ kind: 'failed' })
  })
})

it('a sink that asks for a long wait postpones its collection alone: it counts as an attempt', async () => {
  const outcome = await outcomeOf(ofStore(relayError(503, HOUR_MS)), claim, parts)
  expect(outcome).toMatchObject({ kind: 'failed' })
  expect(outcome.kind === 'failed' && outcome.retryInMs).toBeGreaterThanOrEqual(HOUR_MS)
})

it('whose fault it was goes through a throw', () => {
  const error = new Error('words')
  let thrown: unknown
  try {
    blameRelay(error)
  } catch (marked) {
    thrown = marked
  }
  expect(failureOf(thrown)).toEqual({ error, isOfRelay: true })
  expect(failureOf(error)).toEqual({ error, isOfRelay: false })
})
