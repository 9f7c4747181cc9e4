import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, expectTypeOf, it } from 'vitest'
import {
  BackfillError,
  type BackfillErrorCode,
  type BackfillErrors,
  ClaimLostError,
  CursorLoopError,
  CursorsChangedError,
  DiscoveryError,
  IncompleteError,
  InvalidOptionError,
  isBackfillError,
  PruneRefusedError,
  RelayError,
  type RelayErrorCode,
  RelayUnsuitableError,
  StoreUnavailableError,
  TooManyEmptyPagesError,
} from '../src/index.ts'
import { NotMigratedError } from '../src/kysely/table-errors.ts'
import { NotIndexedError } from '../src/util/not-indexed-error.ts'
import { usedError } from '../src/util/run-iterator.ts'

const relay = 'relay.test'
const collection = 'com.example.a'

function relayError(code: RelayErrorCode, retryable: boolean): RelayError {
  return new RelayError(code, 'words', { relay, collection, retryable })
}

/** An error of each code, as it is made. */
const errors: { readonly [Code in BackfillErrorCode]: BackfillErrors[Code] } = {
  INVALID_OPTION: new InvalidOptionError('max', 'a whole number', 1.5),
  RUN_ENDED: usedError(),
  NOT_INSTALLED: new BackfillError('NOT_INSTALLED', 'npm install pg'),
  RELAY_UNREACHABLE: relayError('RELAY_UNREACHABLE', true),
  RELAY_TIMEOUT: relayError('RELAY_TIMEOUT', true),
  RELAY_STATUS: relayError('RELAY_STATUS', true),
  RELAY_REDIRECT: relayError('RELAY_REDIRECT', false),
  RELAY_BAD_ANSWER: relayError('RELAY_BAD_ANSWER', true),
  RELAY_UNSUITABLE: new RelayUnsuitableError('empty', 'words', { relay }),
  CURSOR_LOOP: new CursorLoopError(relay, collection, 'c'),
  TOO_MANY_EMPTY_PAGES: new TooManyEmptyPagesError(relay, collection, 'c', 100),
  CURSORS_CHANGED: new CursorsChangedError(relay, collection),
  SOURCE_TIMEOUT: new BackfillError('SOURCE_TIMEOUT', 'words', { retryable: true }),
  CLAIM_LOST: new ClaimLostError({ relay, collection, epoch: 3 }),
  STORE_UNAVAILABLE: new StoreUnavailableError('words'),
  STORE_NOT_OPENED: new BackfillError('STORE_NOT_OPENED', 'words'),
  STORE_NOT_PERMITTED: new BackfillError('STORE_NOT_PERMITTED', 'words', { scope: 'run' }),
  NOT_MIGRATED: new NotMigratedError(new Error('relation does not exist')),
  NOT_INDEXED: new NotIndexedError('Run `await createDidIndex(db)` once.'),
  INPUT_BROKEN: new BackfillError('INPUT_BROKEN', 'words'),
  HOST_LEFT_OUT: new BackfillError('HOST_LEFT_OUT', 'words'),
  TOO_MANY_PAIRS: new BackfillError('TOO_MANY_PAIRS', 'words'),
  DISCOVERY_FAILED: new DiscoveryError([]),
  INCOMPLETE: new IncompleteError([]),
  PRUNE_REFUSED: new PruneRefusedError({ relay, pairs: 10, mayRemove: 5, unlistedPairs: 4 }, 0.05),
}
const codes = Object.keys(errors) as BackfillErrorCode[]

/** Codes for which the same call may succeed later. An answer's status decides for RELAY_STATUS. */
const RETRYABLE: readonly string[] = [
  'RELAY_UNREACHABLE',
  'RELAY_TIMEOUT',
  'RELAY_STATUS',
  'RELAY_BAD_ANSWER',
  'SOURCE_TIMEOUT',
  'STORE_UNAVAILABLE',
]

/** What concerns everything. */
const OF_RUN: readonly string[] = [
  'INVALID_OPTION',
  'RELAY_UNSUITABLE',
  'STORE_NOT_PERMITTED',
  'NOT_MIGRATED',
  'DISCOVERY_FAILED',
  'INCOMPLETE',
]

describe('code, class and retryable agree', () => {
  it.each(codes)('%s', (code) => {
    const error: BackfillError = errors[code]
    expect(error).toBeInstanceOf(BackfillError)
    expect(error.code).toBe(code)
    expect(error.name).toBe(error.constructor.name)
    expect(error.retryable).toBe(RETRYABLE.includes(code))
    expect(error.scope).toBe(OF_RUN.includes(code) ? 'run' : undefined)
  })

  it('wherever the library makes an error', () => {
    const withClass = new Set<string>(codes.filter((code) => errors[code].name !== 'BackfillError'))
    const made = sources().flatMap((text) => [...text.matchAll(/new (\w+Error)\(\s*'([A-Z_]+)'/g)])
    expect(made.length).toBeGreaterThan(10)
    for (const [, name, code = ''] of made) {
      expect(codes, code).toContain(code)
      if (name === 'BackfillError') expect(withClass, `${code} has a class of its own`).not.toContain(code)
      if (name === 'RelayError') expect(errors[code as BackfillErrorCode].name, code).toBe('RelayError')
    }
  })
})

describe('isBackfillError', () => {
  it('tells an error by its code', () => {
    const error: unknown = errors.CLAIM_LOST
    expect(isBackfillError(error)).toBe(true)
    expect(isBackfillError(error, 'CLAIM_LOST')).toBe(true)
    expect(isBackfillError(error, 'INCOMPLETE')).toBe(false)
  })

  it('knows an error that another copy of this package made', () => {
    class ClaimLostError extends Error {
      readonly code = 'CLAIM_LOST'
      readonly retryable = false
    }
    expect(isBackfillError(new ClaimLostError(), 'CLAIM_LOST')).toBe(true)
  })

  it.each([
    ['an error of Node', Object.assign(new Error('no such file'), { code: 'ENOENT' })],
    ['an error without a code', new Error('plain')],
    ['what is no error', { code: 'CLAIM_LOST', retryable: false }],
    ['nothing', undefined],
  ])('is false for %s', (_, thrown) => {
    expect(isBackfillError(thrown)).toBe(false)
  })

  it('narrows to the class by the code', () => {
    const error: unknown = errors.CLAIM_LOST
    if (!isBackfillError(error, 'CLAIM_LOST')) throw error
    expectTypeOf(error.epoch).toEqualTypeOf<number>()
    expectTypeOf(error.code).toEqualTypeOf<'CLAIM_LOST'>()
    expect(error.epoch).toBe(3)
  })

  it('leaves the error as it was where the code is another', () => {
    const error: unknown = errors.NOT_MIGRATED
    if (!isBackfillError(error)) throw error
    if (isBackfillError(error, 'NOT_INDEXED')) throw error
    expectTypeOf(error).toEqualTypeOf<BackfillError>()
    if (isBackfillError(error, 'RELAY_STATUS')) expectTypeOf(error.status).toEqualTypeOf<number | undefined>()
  })
})

describe('an error of your own', () => {
  it('has a code of its own, and may say that it concerns the whole run', () => {
    const error = new BackfillError('DISK_QUOTA', 'The disk is full. Free some space.', { scope: 'run' })
    expect(error).toMatchObject({ code: 'DISK_QUOTA', retryable: false, scope: 'run' })
    expect(isBackfillError(error, 'DISK_QUOTA')).toBe(true)
    expectTypeOf(error.code).toExtend<string>()
  })

  it('cannot take a code of the library for another class', () => {
    // @ts-expect-error: a RelayError has a relay's code
    const error = new RelayError('CLAIM_LOST', 'words', { relay })
    expect(error.relay).toBe(relay)
  })
})

describe('messages', () => {
  it('name what is not complete, ten collections at the most', () => {
    const failures = Array.from({ length: 12 }, (_, i) => ({
      relay,
      collection: `com.example.c${i}`,
      attempts: 5,
      lastError: 'gone',
    }))
    const { message } = new IncompleteError(failures)
    expect(message).toMatch(/12 collections.*again/)
    expect(message).toContain('com.example.c9: gone')
    expect(message).not.toContain('com.example.c10')
    expect(message).toContain('2 more')
    expect(new IncompleteError(failures.slice(0, 1)).message).toContain('1 collection ')
  })

  it('do not say of what was cancelled that a new run retries it', () => {
    const cancelled = { relay, collection: 'com.example.c', attempts: 0, lastError: 'cancelled' }
    const failed = { relay, collection: 'com.example.f', attempts: 5, lastError: 'gone' }
    expect(new IncompleteError([cancelled]).message).toBe(
      '1 collection was cancelled, and is read once it is retried by its name.\n  com.example.c: cancelled',
    )
    expect(new IncompleteError([cancelled, failed]).message).toBe(
      '1 collection failed. Run again to retry. ' +
        '1 collection was cancelled, and is read once it is retried by its name.' +
        '\n  com.example.f: gone\n  com.example.c: cancelled',
    )
  })

  it('cut what was given, for it can be anything', () => {
    const { message, option } = new InvalidOptionError('url', 'a URL', 'x'.repeat(10_000))
    expect(option).toBe('url')
    expect(message.length).toBeLessThan(200)
  })
})

/** The text of every file of the library. */
function sources(): string[] {
  const folder = fileURLToPath(new URL('../src/', import.meta.url))
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => readFileSync(`${folder}${name}`, 'utf8'))
}
