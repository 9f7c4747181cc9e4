import { describe } from 'vitest'
import { type Claim, ClaimLostError, type ProgressStore } from '../../src/index.ts'
import { progressStoreSuite } from '../../src/testing/index.ts'
import { type FaultRow, provesItself } from './broken.ts'
import { broken, later, type Make, rowOf, withNewest } from './broken-progress.ts'

const DURABLE = 'everything that resolves is durable: another instance sees it at once'
const TAKEOVER = 'a lease that ran out lets another worker take over, and the first can change nothing'
const SAME_OWNER = 'a claim of the same owner is lost all the same when it was taken anew'

const fences: FaultRow<Make>[] = [
  [
    'fences by owner alone',
    withNewest((store, newest) => ({
      async advance(claim, page, write) {
        const { epoch, owner } = newest(claim)
        return store.advance(owner === claim.owner ? { ...claim, epoch } : claim, page, write)
      },
    })),
    SAME_OWNER,
  ],
  [
    'has no fence',
    withNewest((store, newest) => ({
      async advance(claim, page, write) {
        const { epoch, owner } = newest(claim)
        return store.advance({ ...claim, epoch, owner }, page, write)
      },
    })),
    TAKEOVER,
  ],
  [
    'does not compare the page count',
    broken((store) => ({
      async advance(claim, page, write) {
        const row = await rowOf(store, claim)
        return store.advance({ ...claim, pages: row?.pages ?? 0 }, page, write)
      },
    })),
    'refuses a page of an older place, though epoch and owner are right',
  ],
  [
    'renews for a claim that was taken over',
    withNewest((store, newest) => ({
      renew: (claim, leaseMs) => store.renew({ ...newest(claim) }, leaseMs),
    })),
    TAKEOVER,
  ],
  [
    'lets a claim that was taken over release the current one',
    withNewest((store, newest) => ({
      release: (claim, outcome) => store.release(newest(claim as Claim), outcome),
    })),
    'a claim that was taken over releases nothing',
  ],
  [
    'throws when there is nothing to release',
    broken((store) => ({
      async release(claim, outcome) {
        if ((await rowOf(store, claim))?.state !== 'running') throw new ClaimLostError(claim as Claim)
        return store.release(claim, outcome)
      },
    })),
    'a released claim is no longer valid',
  ],
  [
    'says that a claim is lost with an error of its own',
    broken((store) => ({
      advance: (claim, page, write) =>
        store
          .advance(claim, page, write)
          .catch((error) => Promise.reject(new Error('0 rows', { cause: error }))),
    })),
    TAKEOVER,
  ],
]

const writes: FaultRow<Make>[] = [
  [
    'moves the cursor when write failed',
    broken((store) => ({
      async advance(claim, page, write) {
        const next = await store.advance(claim, page)
        await write?.()
        return next
      },
    })),
    'a write that fails leaves everything as it was',
  ],
  [
    'swallows the error of write',
    broken((store) => ({
      advance: (claim, page, write) => store.advance(claim, page, async () => write?.().catch(() => {})),
    })),
    'a write that fails leaves everything as it was',
  ],
  [
    'does not wait for write',
    broken((store) => ({
      async advance(claim, page, write) {
        return store.advance(claim, page, async () => {
          write?.().catch(() => {})
        })
      },
    })),
    'a write is done before the cursor is saved',
  ],
  [
    'runs write before the fence',
    broken((store) => ({
      async advance(claim, page, write) {
        await write?.()
        return store.advance(claim, page)
      },
    })),
    'a claim that is lost writes nothing',
  ],
  [
    'commits what was taken over while write ran',
    withNewest((store, newest) => ({
      async advance(claim, page, write) {
        const next = await store.advance(claim, page, write).catch((error: unknown) => {
          if (newest(claim).epoch === claim.epoch || page.cursor !== 'c1' || write === undefined) throw error
          return { ...claim, cursor: page.cursor, pages: claim.pages + page.pages }
        })
        return next
      },
    })),
    'a claim that is taken over while its page is written commits all of it or nothing',
  ],
  [
    'resolves before the page is durable',
    broken((store) => ({
      async advance(claim, page, write) {
        await write?.()
        void later().then(() => store.advance(claim, page).catch(() => {}))
        return {
          ...claim,
          ...page,
          pages: claim.pages + page.pages,
          imported: claim.imported + page.imported,
          attempts: 0,
        }
      },
    })),
    DURABLE,
  ],
  [
    'resolves before the release is durable',
    broken((store) => ({
      async release(claim, outcome) {
        void later().then(() => store.release(claim, outcome))
      },
    })),
    DURABLE,
  ],
  [
    'resolves before the registration is durable',
    broken((store) => ({
      async register(...parameters) {
        void later().then(() => store.register(...parameters))
      },
    })),
    DURABLE,
  ],
  [
    'remembers rows that others change',
    broken((store) => {
      let rows: ReturnType<ProgressStore['list']> | undefined
      return {
        list(filter) {
          rows ??= store.list(filter)
          return rows
        },
      }
    }),
    DURABLE,
  ],
]

describe('progressStoreSuite', () => {
  provesItself(
    progressStoreSuite,
    broken(() => ({})),
    [...fences, ...writes],
  )
})
