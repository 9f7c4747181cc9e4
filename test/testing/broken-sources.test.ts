import { describe } from 'vitest'
import type { CollectionSource, KnownCollection } from '../../src/index.ts'
import {
  collectionSourceSuite,
  type MakeCollectionSource,
  type ServerFault,
} from '../../src/testing/index.ts'
import { abortable } from '../../src/util/abort.ts'
import { type FaultRow, provesItself } from './broken.ts'

type Collections = CollectionSource['collections']

/** What a source asks: a list in chunks, one request open for each list that is being read. */
interface Server {
  open: number
  fault: ServerFault | undefined
  chunks(signal: AbortSignal | undefined): AsyncGenerator<readonly KnownCollection[]>
}

function serverOf(known: readonly KnownCollection[]): Server {
  return {
    open: 0,
    fault: undefined,
    async *chunks(signal) {
      for (let at = 0; at < known.length; at += 10) {
        signal?.throwIfAborted()
        await abortable(this.fault === 'stalled' ? new Promise<void>(() => {}) : Promise.resolve(), signal)
        if (this.fault === 'error' || (this.fault === 'cut' && at > 20)) throw new Error(this.fault)
        yield known.slice(at, at + 10)
      }
    },
  }
}

const plain = (server: Server): Collections =>
  async function* ({ signal } = {}) {
    server.open += 1
    try {
      for await (const chunk of server.chunks(signal)) yield* chunk
    } finally {
      server.open -= 1
    }
  }

function broken(
  breakIt: (whole: Collections, server: Server) => Collections,
  name = 'a list',
): MakeCollectionSource {
  return async (known) => {
    const server = serverOf(known)
    return {
      source: { name, collections: breakIt(plain(server), server) },
      disturb(fault) {
        server.fault = fault
      },
      open: () => server.open,
    }
  }
}

const changing = (change: (known: KnownCollection) => KnownCollection): MakeCollectionSource =>
  broken(
    (whole) =>
      async function* (options) {
        for await (const known of whole(options)) yield change(known)
      },
  )

/** Ends instead of rejecting when `isSilent` says so. */
const swallowing = (
  isSilent: (error: unknown, signal: AbortSignal | undefined) => boolean,
): MakeCollectionSource =>
  broken(
    (whole) =>
      async function* (options) {
        try {
          yield* whole(options)
        } catch (error) {
          if (!isSilent(error, options?.signal)) throw error
        }
      },
  )

const saying = (text: string) => (error: unknown) => error instanceof Error && error.message === text

const WHOLE = 'gives every collection that it knows and no other, letter by letter'
const ABORTED = 'a signal that aborted before: rejects with its reason, and gives nothing'
const MIDDLE = 'a signal that aborts in the middle: its reason or the rest, never a shorter list'
const SILENT = 'a signal that aborts while the server is silent: ends soon, with its reason'
const LEFT = 'left early, it ends soon, closes what it opened, and can be asked again'

const faults: FaultRow<MakeCollectionSource>[] = [
  ['folds the case of NSIDs', changing((known) => ({ ...known, nsid: known.nsid.toLowerCase() })), WHOLE],
  ['cuts NSIDs off', changing((known) => ({ ...known, nsid: known.nsid.slice(0, 255) })), WHOLE],
  [
    'gives the first page alone',
    broken(
      (_, server) =>
        async function* ({ signal } = {}) {
          for await (const chunk of server.chunks(signal)) {
            yield* chunk
            return
          }
        },
    ),
    WHOLE,
  ],
  [
    'makes up estimates',
    changing((known) => ({ ...known, estimatedRepos: 1_000_000 })),
    'gives an estimate as it is known, or none',
  ],
  [
    'can be read once',
    broken((whole) => {
      let once: ReturnType<Collections> | undefined
      return (options) => {
        once ??= whole(options)
        return once
      }
    }),
    'begins anew each time, also when it is asked twice at once',
  ],
  ['has no name', broken((whole) => whole, ''), 'has a name, the same before and after'],
  [
    'takes a cut list for a whole one',
    swallowing(saying('cut')),
    'a list that is cut in half is an error, not a shorter list',
  ],
  [
    'takes a failure for an empty list',
    swallowing(saying('error')),
    'a failure of the server is an error, not an empty list',
  ],
  ['takes an abort for the end', swallowing((_, signal) => signal?.aborted === true), MIDDLE],
  ['ignores the signal', broken((whole) => () => whole()), ABORTED],
  [
    'ignores the signal once it has begun',
    broken(
      (whole) =>
        async function* ({ signal } = {}) {
          signal?.throwIfAborted()
          yield* whole()
        },
    ),
    SILENT,
  ],
  [
    'rejects an abort with an error of its own',
    broken(
      (whole) =>
        async function* (options) {
          try {
            yield* whole(options)
          } catch (error) {
            throw options?.signal?.aborted ? new DOMException('aborted', 'AbortError') : error
          }
        },
    ),
    SILENT,
  ],
  [
    'leaves its request open when it is left early',
    broken(
      (_, server) =>
        async function* ({ signal } = {}) {
          server.open += 1
          for await (const chunk of server.chunks(signal)) yield* chunk
          server.open -= 1
        },
    ),
    LEFT,
  ],
  [
    'reads to the end when it is left early',
    broken((whole) => (options) => {
      const iterator = whole(options)[Symbol.asyncIterator]()
      const forever = () => new Promise<never>(() => {})
      return { [Symbol.asyncIterator]: () => ({ next: () => iterator.next(), return: forever }) }
    }),
    LEFT,
  ],
]

describe('collectionSourceSuite', () => {
  provesItself(
    collectionSourceSuite,
    broken((whole) => whole),
    faults,
  )
})
