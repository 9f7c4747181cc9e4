import { describe, expect, test } from 'vitest'
import { createMessages } from '../../../src/cli/output/messages.ts'
import type { BackfillEvent } from '../../../src/index.ts'

const relay = 'relay.example'

/** What is said of these events, in a wide terminal. */
function said(...events: BackfillEvent[]): string[] {
  const lines: string[] = []
  const screen = () => ({ columns: 200, rows: 24, color: false })
  const messages = createMessages({ say: (more) => lines.push(...more), screen }, { namesRelays: false })
  for (const event of events) messages.handle(event)
  return lines
}

describe('what a run says', () => {
  test('an outage of the database is one line, and its end another', () => {
    const down = (attempt: number): BackfillEvent => {
      return { type: 'storeUnavailable', relay, error: new Error(`refused ${attempt}`), attempt, waitMs: 500 }
    }
    const back: BackfillEvent = { type: 'storeAvailable', relay, unavailableMs: 12_000 }
    expect(said(down(1), down(2), down(3), back, down(1))).toEqual([
      '  ! database is unavailable, and is asked again: refused 1',
      '  · database is back after 12s',
      '  ! database is unavailable, and is asked again: refused 1',
    ])
  })

  test('a relay that cannot be reached before the run is said at once, and once', () => {
    const retry = (attempt: number): BackfillEvent => {
      const error = new Error('relay.example gave no complete answer: getaddrinfo ENOTFOUND')
      return { type: 'retry', relay, error, attempt, waitMs: 50 }
    }
    expect(said(retry(1), retry(2), retry(3))).toEqual([
      '  ! relay.example cannot be asked yet, and is asked again: gave no complete answer: getaddrinfo ENOTFOUND',
    ])
  })

  test('so is a source of names, whatever it answers the next time', () => {
    const retry = (attempt: number): BackfillEvent => {
      const error = new Error(`lexicon.garden answered 503, ${attempt}`)
      return { type: 'retry', relay, source: 'lexicon.garden', error, attempt, waitMs: 50 }
    }
    expect(said(retry(1), retry(2))).toEqual([
      '  ! lexicon.garden cannot be asked yet, and is asked again: answered 503, 1',
    ])
  })

  test('an index that lost collections is one line, with the first names', () => {
    const collections = ['a', 'b', 'c', 'd'].map((name) => `com.example.${name}`)
    expect(said({ type: 'indexMissing', relay, collections })).toEqual([
      '  ! index 4 collections that were imported are missing from the index and read again: com.example.a, com.example.b,',
      '    com.example.c and others',
    ])
  })

  test('failures of one kind are said three times, with no name twice', () => {
    const failed = (i: number, retryInMs?: number): BackfillEvent => {
      const collection = `com.example.n${i}`
      const error = new Error(`relay.example answered 503 for ${collection}: try ${i}`)
      return {
        type: 'collectionFailed',
        relay,
        collection,
        error,
        attempts: 1,
        restart: false,
        ...(retryInMs === undefined ? {} : { retryInMs }),
      }
    }
    expect(
      said(failed(1, 5_000), failed(2, 6_000), failed(3, 7_000), failed(4, 8_000), failed(5, 9_000)),
    ).toEqual([
      '  ! com.example.n1 again in 5s: relay.example answered 503: try 1',
      '  ! com.example.n2 again in 6s: relay.example answered 503: try 2',
      '  ! com.example.n3 again in 7s: relay.example answered 503: try 3',
      '  · more fail in the same way, and are not listed here: see the command status',
    ])
    expect(said(failed(1, 5_000), failed(1))).toEqual([
      '  ! com.example.n1 again in 5s: relay.example answered 503: try 1',
      '  ✗ com.example.n1 relay.example answered 503: try 1',
    ])
  })
})
