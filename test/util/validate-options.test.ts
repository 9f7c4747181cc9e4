import { describe, expect, it } from 'vitest'
import {
  collectionDirectory,
  createMonitor,
  InvalidOptionError,
  lexiconGarden,
  relayLister,
  ufos,
  verify,
} from '../../src/index.ts'
import { openPostgres } from '../../src/postgres/index.ts'
import { adminHandler, xrpcHandler } from '../../src/server/index.ts'
import { openSqlite } from '../../src/sqlite/index.ts'
import { startRelay } from '../../src/testing/index.ts'
import { retryPolicy } from '../../src/util/retry.ts'
import { refuseUnknown } from '../../src/util/validate-options.ts'

const NAMES = { relay: true, store: true, pagesAhead: true, maxAttempts: true } as const

function refusal(given: object, more: Parameters<typeof refuseUnknown>[2] = {}): unknown {
  try {
    return refuseUnknown(given, NAMES as object, more)
  } catch (error) {
    return error
  }
}

describe('an option that does not exist is refused, with the nearest that does', () => {
  it.each([
    ['relays', 'unknown option relays; did you mean relay?'],
    ['pageAhead', 'unknown option pageAhead; did you mean pagesAhead?'],
    ['maxattempts', 'unknown option maxattempts; did you mean maxAttempts?'],
    ['maxRetries', 'unknown option maxRetries; the options are relay, store, pagesAhead, maxAttempts'],
    ['lister', 'unknown option lister; the options are relay, store, pagesAhead, maxAttempts'],
    ['toString', 'unknown option toString; the options are relay, store, pagesAhead, maxAttempts'],
  ])('%s', (option, message) => {
    const error = refusal({ relay: 1, [option]: undefined })
    expect(error).toBeInstanceOf(InvalidOptionError)
    expect(error).toMatchObject({ code: 'INVALID_OPTION', option, message })
  })

  it('a name that is likely to be tried leads to the option that serves', () => {
    const meant = { lister: 'relay' } as never
    expect(refusal({ lister: 1 }, { meant })).toMatchObject({
      message: 'unknown option lister; did you mean relay?',
    })
  })

  it('inside of another option, with that one’s name', () => {
    expect(refusal({ reley: 1 }, { within: 'retry' })).toMatchObject({
      option: 'retry.reley',
      message: 'unknown option retry.reley; did you mean retry.relay?',
    })
  })

  it('what exists is not refused', () => {
    expect(refusal({ relay: undefined, maxAttempts: 5 })).toBeUndefined()
    expect(refusal({})).toBeUndefined()
  })

  it('what is not an object is refused, too', () => {
    expect(refusal(null as never)).toMatchObject({ option: 'options' })
  })
})

describe('each function that takes options refuses unknown ones', () => {
  const misspelt = { timeoutMS: 5 } as object
  it.each<[string, () => unknown]>([
    ['relayLister', () => relayLister('relay.example', misspelt)],
    ['lexiconGarden', () => lexiconGarden(misspelt)],
    ['collectionDirectory', () => collectionDirectory('relay.example', misspelt)],
    ['ufos', () => ufos(misspelt)],
  ])('%s', (_, call) => {
    expect(call).toThrow('unknown option timeoutMS; did you mean timeoutMs?')
  })

  it.each<[string, () => unknown, string]>([
    ['verify', () => verify({ relays: 'relay.example' } as never), 'relays; did you mean relay?'],
    [
      'createMonitor',
      () => createMonitor({ relay: 'x', clock: 5 } as never),
      'clock; the options are relay, now',
    ],
    ['adminHandler', () => adminHandler({ tokens: 'x' } as never), 'tokens; did you mean token?'],
    ['xrpcHandler', () => xrpcHandler({ store: {} } as never), 'store; did you mean index?'],
    ['openPostgres', () => openPostgres('postgres://x/y', { maxi: 5 } as never), 'maxi; did you mean max?'],
    [
      'openSqlite',
      () => openSqlite('x', { synchronus: 'full' } as never),
      'synchronus; did you mean synchronous?',
    ],
    [
      'startRelay',
      () => startRelay({ collections: {}, latency: 5 } as never),
      'latency; did you mean latencyMs?',
    ],
  ])('%s', async (_, call, message) => {
    await expect(async () => call()).rejects.toThrow(`unknown option ${message}`)
  })

  it('retry', () => {
    expect(() => retryPolicy({ retrys: 5 } as object)).toThrow(
      'unknown option retry.retrys; did you mean retry.retries?',
    )
  })
})
