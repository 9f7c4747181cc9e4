import { describe } from 'vitest'
import type { Claim, ProgressStore } from '../../src/index.ts'
import { memoryProgressStore } from '../../src/memory/memory-store.ts'
import { progressStoreSuite } from '../../src/testing/index.ts'
import { type FaultRow, provesItself } from './broken.ts'
import { broken, type Make } from './broken-progress.ts'

const SAVES = 'saves each page, and the next claim goes on there'
const LETTERS = 'keeps a cursor letter by letter'
const ONLY_LAST = 'nothing but a page without a cursor completes: no empty page, no release, no failure'
const FAILED = 'a failed collection stays failed until it is registered again'

const changingCursors = (change: (cursor: string) => string): Make =>
  broken((store) => ({
    advance: (claim, page, write) =>
      store.advance(
        claim,
        { ...page, cursor: page.cursor === undefined ? undefined : change(page.cursor) },
        write,
      ),
  }))

const rows: FaultRow<Make>[] = [
  [
    'counts a page twice',
    broken((store) => ({
      advance: (claim, page, write) => store.advance(claim, { ...page, imported: 2 * page.imported }, write),
    })),
    SAVES,
  ],
  [
    'gives counts as strings, as database drivers do',
    broken((store) => ({
      list: async (filter) =>
        (await store.list(filter)).map((row) => ({
          ...row,
          imported: String(row.imported) as unknown as number,
        })),
    })),
    SAVES,
  ],
  [
    'counts in 32 bits',
    broken((store) => ({
      advance: (claim, page, write) => store.advance(claim, { ...page, imported: page.imported | 0 }, write),
    })),
    'counts beyond 32 bits, in numbers',
  ],
  [
    'forgets the loop guard',
    broken((store) => ({
      advance: (claim, page, write) => store.advance(claim, { ...page, loopGuard: undefined }, write),
    })),
    SAVES,
  ],
  [
    'keeps a loop guard that is over',
    broken((store) => ({
      advance: (claim, page, write) =>
        store.advance(claim, { ...page, loopGuard: page.loopGuard ?? claim.loopGuard }, write),
    })),
    SAVES,
  ],
  ['trims cursors', changingCursors((cursor) => cursor.trim()), LETTERS],
  ['takes a plus for a space', changingCursors((cursor) => cursor.replaceAll('+', ' ')), LETTERS],
  ['folds the case of cursors', changingCursors((cursor) => cursor.toLowerCase()), LETTERS],
  ['cuts cursors off', changingCursors((cursor) => cursor.slice(0, 255)), LETTERS],
  [
    'completes with an empty page',
    broken((store) => ({
      advance: (claim, page, write) =>
        store.advance(claim, page.imported === 0 ? { ...page, cursor: undefined } : page, write),
    })),
    ONLY_LAST,
  ],
  [
    'completes what is released',
    broken((store) => ({
      async release(claim) {
        await store.advance(claim as Claim, { pages: 1, imported: 0, invalid: 0 })
      },
    })),
    ONLY_LAST,
  ],
  [
    'counts a wait that the relay asked for as an attempt',
    broken((store) => ({
      release: (claim, outcome) =>
        store.release(claim, outcome?.kind === 'postponed' ? { ...outcome, kind: 'failed' } : outcome),
    })),
    'a postponed collection waits, and that counts as no attempt',
  ],
  [
    'keeps no outcome',
    broken((store) => ({ release: (claim) => store.release(claim) })),
    'a failure counts and waits',
  ],
  [
    'goes on where it should start again',
    broken((store) => ({
      release: (claim, outcome) =>
        store.release(
          claim,
          outcome?.kind === 'restart' ? { ...outcome, kind: 'failed', retryInMs: 0 } : outcome,
        ),
    })),
    'a restart begins at the first page and is counted',
  ],
  [
    'never fails a collection',
    broken((store) => ({
      release: (claim, outcome) =>
        store.release(claim, outcome?.kind === 'failed' ? { retryInMs: 0, ...outcome } : outcome),
    })),
    FAILED,
  ],
  [
    'resets rows that exist when they are registered again',
    async () => {
      let store = memoryProgressStore()
      const proxy = new Proxy({} as ProgressStore, {
        get: (_, name: keyof ProgressStore) =>
          name === 'register'
            ? (...parameters: Parameters<ProgressStore['register']>) => {
                store = memoryProgressStore()
                return store.register(...parameters)
              }
            : store[name],
      })
      return { progress: proxy }
    },
    'registering again keeps what is there',
  ],
  [
    'forgets an estimate that is not given again',
    broken((store) => ({
      register: (relay, collections, options) =>
        store.register(
          relay,
          collections.map(({ nsid, estimatedRepos = 0 }) => ({ nsid, estimatedRepos })),
          options,
        ),
    })),
    'takes over a newer estimate, and forgets none',
  ],
  [
    'throws on a name that is registered twice',
    broken((store) => ({
      async register(relay, collections, options) {
        if (new Set(collections.map(({ nsid }) => nsid)).size < collections.length)
          throw new Error('duplicate key')
        return store.register(relay, collections, options)
      },
    })),
    'registering again keeps what is there',
  ],
  [
    'folds the case of NSIDs',
    broken((store) => ({
      register: (relay, collections, options) =>
        store.register(
          relay,
          collections.map((known) => ({ ...known, nsid: known.nsid.toLowerCase() })),
          options,
        ),
    })),
    'keeps an NSID letter by letter',
  ],
  [
    'tries failed collections again when a run only adds something',
    broken((store) => ({
      register: (relay, collections, { refreshAfterMs } = {}) =>
        store.register(relay, collections, { refreshAfterMs }),
    })),
    'registering with keepFailed adds rows, and leaves failed ones as they are',
  ],
  [
    'never walks again',
    broken((store) => ({ register: (relay, collections) => store.register(relay, collections) })),
    'a refresh walks what was completed long enough ago, from the start',
  ],
  [
    'walks again by age alone',
    broken((store) => ({
      register: (relay, collections, { refreshBefore: _, ...options } = {}) =>
        store.register(relay, collections, options),
    })),
    'a refresh walks what was completed before a moment, and nothing else',
  ],
  [
    'walks again what was complete, and not what was about to be',
    broken((store) => ({
      async register(relay, collections, { refreshBefore = new Date(0), ...options } = {}) {
        await store.register(relay, collections, options)
        const rows = await store.list({ relay })
        const old = rows.filter(({ completedAt }) => completedAt !== undefined && completedAt < refreshBefore)
        await store.reset(
          relay,
          old.map(({ collection }) => collection),
        )
      },
    })),
    'a refresh walks what began before the moment and ended after it',
  ],
  [
    'walks again what is complete, and goes on with the rest',
    broken((store) => ({
      async register(relay, collections, { refreshBefore, ...options } = {}) {
        const rows = await store.list({ relay })
        const isComplete = rows.every(({ state }) => state === 'complete')
        await store.register(relay, collections, isComplete ? { refreshBefore, ...options } : options)
      },
    })),
    'a refresh begins a walk under way again that began before the moment, and its claim is lost',
  ],
  [
    'begins a walk when it is registered',
    broken((store) => ({
      list: async (filter) =>
        (await store.list(filter)).map((row) => ({ ...row, beganAt: row.beganAt ?? new Date(0) })),
    })),
    'tells when a walk began: with the claim before its first page',
  ],
  [
    'says that there is always something to claim',
    broken((store) => ({
      remaining: async (relay) => ({ ...(await store.remaining(relay)), dueInMs: 0 }),
    })),
    'tells how many collections are left and when the first is due',
  ],
  [
    'lists every relay',
    broken((store) => ({ list: () => store.list() })),
    'gives nothing of another relay, and keeps the rows of two relays apart',
  ],
]

describe('progressStoreSuite', () => {
  provesItself(
    progressStoreSuite,
    broken(() => ({})),
    rows,
  )
})
