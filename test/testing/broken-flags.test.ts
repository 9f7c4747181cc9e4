import { describe } from 'vitest'
import type { CollectionFlag } from '../../src/index.ts'
import { progressStoreSuite } from '../../src/testing/index.ts'
import { type FaultRow, provesItself } from './broken.ts'
import { broken, type Make } from './broken-progress.ts'

const ANCHOR = 'keeps the anchor of a walk letter by letter, until the walk is over'
const SET = 'a restart, a failure or a page may set a flag, which stays, once'
const CLEARED = 'a reset takes the flags away, and so does a refresh'
const UNTOLD = 'nothing is flagged without being told to'

const flags: CollectionFlag[] = ['cursorsChanged']

const faults: FaultRow<Make>[] = [
  [
    'forgets the anchor',
    broken((store) => ({
      advance: (claim, page, write) => store.advance(claim, { ...page, anchor: undefined }, write),
    })),
    ANCHOR,
  ],
  [
    'keeps the anchor that was, where a page has none',
    broken((store) => ({
      advance: (claim, page, write) =>
        store.advance(claim, { ...page, anchor: page.anchor ?? claim.anchor }, write),
    })),
    ANCHOR,
  ],
  [
    'forgets a flag of a page',
    broken((store) => ({
      advance: (claim, page, write) => store.advance(claim, { ...page, flags: undefined }, write),
    })),
    SET,
  ],
  ...(['failed', 'restart'] as const).map(
    (kind): FaultRow<Make> => [
      `forgets the flag of a claim that is released as ${kind}`,
      broken((store) => ({
        release: (claim, outcome) =>
          store.release(claim, outcome?.kind === kind ? { ...outcome, flags: undefined } : outcome),
      })),
      SET,
    ],
  ),
  [
    'shows the flags of a reset collection for ever',
    () => {
      const seen = new Set<CollectionFlag>()
      return broken((store) => ({
        async list(filter) {
          const rows = await store.list(filter)
          for (const row of rows) row.flags.forEach((flag) => void seen.add(flag))
          return rows.map((row) => ({ ...row, flags: [...seen] }))
        },
      }))()
    },
    CLEARED,
  ],
  [
    'flags every restart',
    broken((store) => ({
      release: (claim, outcome) =>
        store.release(claim, outcome?.kind === 'restart' ? { flags, ...outcome } : outcome),
    })),
    UNTOLD,
  ],
]

describe('progressStoreSuite', () => {
  provesItself(
    progressStoreSuite,
    broken(() => ({})),
    faults,
  )
})
