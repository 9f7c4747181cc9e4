import { describe, expect, it } from 'vitest'
import {
  BackfillError,
  type Claim,
  CursorLoopError,
  CursorsChangedError,
  RelayError,
} from '../../src/index.ts'
import {
  endsRun,
  type Failure,
  type FailurePolicy,
  failureFrom,
  forgottenCursor,
  outcomeOf,
  throwAsRelayFailure,
} from '../../src/run/failure-policy.ts'
import { LONGEST_WAIT_MS } from '../../src/util/retry.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS

function relayError(status: number | undefined, retryAfterMs?: number): RelayError {
  const code = status === undefined ? 'RELAY_TIMEOUT' : 'RELAY_STATUS'
  return new RelayError(code, 'words', { relay: 'relay.test', status, retryable: true, retryAfterMs })
}

const ofRelay = (error: unknown): Failure => ({ error, isOfRelay: true })
const ofStore = (error: unknown): Failure => ({ error, isOfRelay: false })
const final = new BackfillError('RELAY_STATUS', 'words', { retryable: false })
const loop = new CursorLoopError('relay.test', 'com.example.a', 'again')

const POLICY: FailurePolicy = { maxAttempts: 5, maxDelayMs: MINUTE_MS, postponed: 0, cursorForgotten: false }

/** What becomes of a failure, after how many attempts, by which policy; and the least wait before the next one. */
const TABLE: [
  what: string,
  Failure,
  attempts: number,
  Partial<FailurePolicy>,
  kind: string,
  leastMs?: number,
][] = [
  ['a first fault', ofRelay(relayError(502)), 0, {}, 'failed', MINUTE_MS],
  ['a second one', ofRelay(relayError(502)), 1, {}, 'failed', 2 * MINUTE_MS],
  ['a fourth one', ofRelay(relayError(502)), 3, {}, 'failed', 8 * MINUTE_MS],
  ['the tenth of a hundred', ofRelay(relayError(502)), 9, { maxAttempts: 100 }, 'failed', HOUR_MS],
  ['the last attempt', ofRelay(relayError(502)), 4, {}, 'failed'],
  ['a forgotten cursor', ofRelay(relayError(500)), 0, { cursorForgotten: true }, 'restart'],
  ['an error that says it is final', ofRelay(final), 0, {}, 'failed'],
  ['a list that runs in circles', ofRelay(loop), 0, {}, 'failed'],
  ['a wait within the bound', ofRelay(relayError(429, 30_000)), 0, {}, 'failed', MINUTE_MS],
  ['a long wait', ofRelay(relayError(429, HOUR_MS)), 4, {}, 'postponed', HOUR_MS],
  ['nothing but long waits', ofRelay(relayError(503, HOUR_MS)), 0, { postponed: 5 }, 'failed', HOUR_MS],
  ['a wait of more than a day', ofRelay(relayError(429, LONGEST_WAIT_MS + 1)), 0, {}, 'failed'],
  ['a long wait that a sink asks for', ofStore(relayError(503, HOUR_MS)), 0, {}, 'failed', HOUR_MS],
  ['a sink that fails', ofStore(new Error('words')), 0, {}, 'failed', MINUTE_MS],
]

describe('what becomes of a failed walk', () => {
  it.each(TABLE)('%s', (_, failure, attempts, policy, kind, leastMs) => {
    const outcome = outcomeOf(failure, { attempts, restarts: 0 }, { ...POLICY, ...policy })
    expect(outcome).toMatchObject({ kind, error: expect.any(String) })
    const retryInMs = outcome.kind === 'restart' ? undefined : outcome.retryInMs
    if (leastMs === undefined) expect(retryInMs).toBeUndefined()
    else expect(retryInMs).toSatisfy((ms: number) => ms >= leastMs && ms <= 1.5 * leastMs)
  })

  it('is told in the error’s own words', () => {
    expect(outcomeOf(ofRelay(relayError(502)), { attempts: 4, restarts: 0 }, POLICY)).toEqual({
      kind: 'failed',
      error: 'words',
    })
  })
})

it.each([
  [0, 'restart'],
  [1, 'failed'],
])('cursors that changed their meaning after %i new beginnings: %s, and flagged', (restarts, kind) => {
  const changed = new CursorsChangedError('relay.test', 'com.example.a')
  const outcome = outcomeOf(ofRelay(changed), { attempts: 0, restarts }, POLICY)
  expect(outcome).toEqual({ kind, error: changed.message, flags: ['cursorsChanged'] })
})

describe('a cursor of the walk', () => {
  const claim: Claim = {
    relay: 'relay.test',
    collection: 'com.example.a',
    owner: 'worker',
    leaseMs: MINUTE_MS,
    epoch: 1,
    cursor: 'saved',
    pages: 4,
    imported: 8,
    invalid: 0,
    attempts: 4,
    restarts: 0,
  }
  const refusal = Object.assign(new Error('words'), { cursorRefused: true })

  it('was refused where the lister says so', () => {
    expect(forgottenCursor(ofRelay(refusal), claim)).toBe('saved')
  })

  it('is that of the anchor, where the error names it', () => {
    const details = { relay: 'relay.test', status: 500, cursor: 'first', cursorRefused: true }
    const ofAnchor = ofRelay(new RelayError('RELAY_STATUS', 'words', details))
    expect(forgottenCursor(ofAnchor, { ...claim, cursor: undefined })).toBe('first')
  })

  it.each([
    ['by an error that does not say so', ofRelay(new Error('words')), claim],
    ['by a store that says so', ofStore(refusal), claim],
    ['where none was sent', ofRelay(refusal), { ...claim, cursor: undefined }],
    ['a second time', ofRelay(refusal), { ...claim, restarts: 1 }],
  ])('was not refused %s', (_, failure, at) => {
    expect(forgottenCursor(failure, at)).toBeUndefined()
  })
})

it('an error ends the run when it says that it concerns the whole run', () => {
  expect(endsRun(Object.assign(new Error('words'), { scope: 'run' }))).toBe(true)
  expect(endsRun(new Error('words'))).toBe(false)
  expect(endsRun('words')).toBe(false)
})

it('whose fault it was goes through a throw', () => {
  const error = new Error('words')
  let thrown: unknown
  try {
    throwAsRelayFailure(error)
  } catch (marked) {
    thrown = marked
  }
  expect(failureFrom(thrown)).toEqual({ error, isOfRelay: true })
  expect(failureFrom(error)).toEqual({ error, isOfRelay: false })
})
