import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { type Claim, type ProgressRows, type ProgressStore, progressStoreOn } from '../../src/index.ts'
import { memoryProgressRows } from '../../src/memory/memory-progress-rows.ts'
import {
  progressStoreSuite,
  type SharedDatabaseFixture,
  sharedDatabaseSuite,
} from '../../src/testing/index.ts'
import { snapshotDatabase } from '../support/snapshot-rows.ts'

const RELAY = 'relay.example'
const A = 'com.example.a'
const LEASE_MS = 60_000

async function claimed(store: ProgressStore, owner = 'worker'): Promise<Claim> {
  await store.register(RELAY, [{ nsid: A }])
  const claim = await store.claim({ relay: RELAY, owner, leaseMs: LEASE_MS })
  if (claim === undefined) throw new Error('nothing to claim')
  return claim
}

const page = (cursor: string | undefined, imported = 10) => ({ pages: 1, cursor, imported, invalid: 0 })

/** A sink and a progress store on one database of snapshots. */
async function onSnapshots(): Promise<
  SharedDatabaseFixture & { reopen(): Promise<{ progress: ProgressStore }> }
> {
  const snapshots = snapshotDatabase()
  const rows = snapshots.open()
  const pairs = new Set<string>()
  return {
    progress: progressStoreOn(rows),
    sink: {
      database: rows.database,
      async add({ collection, dids }, { transaction } = {}) {
        const add = () => dids.forEach((did) => void pairs.add(`${collection} ${did}`))
        if (transaction === undefined) add()
        else snapshots.onCommit(transaction, add)
      },
    },
    read: async (collection) =>
      [...pairs].flatMap((pair) =>
        pair.startsWith(`${collection} `) ? [pair.slice(collection.length + 1)] : [],
      ),
    reopen: async () => ({ progress: progressStoreOn(snapshots.open()) }),
  }
}

describe('progressStoreOn rows with transactions that read snapshots keeps what the contracts promise', () => {
  it.each([...progressStoreSuite, ...sharedDatabaseSuite])('$name', async ({ run }) => {
    expect(await run(onSnapshots)).toBeUndefined()
  })
})

describe('progressStoreOn, with calls to the table answered in any order', () => {
  /** Three workers that claim, commit and release until nothing is left. */
  async function drain(stores: readonly ProgressStore[]): Promise<string[]> {
    const committed: string[] = []
    const work = async (store: ProgressStore, owner: string) => {
      for (let turn = 0; turn < 12; turn += 1) {
        const claim = await store.claim({ relay: RELAY, owner: `${owner} ${turn}`, leaseMs: LEASE_MS })
        if (claim === undefined) continue
        const last = claim.pages === 2
        const [next] = await Promise.all([
          store.advance(claim, page(last ? undefined : `c${claim.pages + 1}`)),
          store.renew(claim, LEASE_MS).catch(() => {}),
        ])
        committed.push(`${next.collection} ${next.pages}`)
        await store.release(next)
      }
    }
    await stores[0]?.register(RELAY, [{ nsid: A }, { nsid: 'com.example.b' }])
    await Promise.all(stores.map((store, i) => work(store, `worker ${i}`)))
    return committed
  }

  /** A table whose calls wait for their turn, which the scheduler gives. */
  function scheduled(rows: ProgressRows, scheduler: fc.Scheduler): ProgressRows {
    return {
      ...rows,
      list: scheduler.scheduleFunction(rows.list),
      read: scheduler.scheduleFunction(rows.read),
      write: scheduler.scheduleFunction(rows.write),
    }
  }

  it.each([
    ['each write for itself', () => ({ open: memoryRowsOnce() })],
    ['in transactions', () => snapshotDatabase()],
  ])('commits each page once, and no worker loses its claim: %s', async (_, create) => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), async (scheduler) => {
        const database = create()
        const stores = [1, 2, 3].map(() => progressStoreOn(scheduled(database.open(), scheduler)))
        const committed = await scheduler.waitFor(drain(stores))
        expect(committed).toHaveLength(new Set(committed).size)
        const rows = await progressStoreOn(database.open()).list()
        for (const { collection, pages, imported } of rows) {
          expect(imported).toBe(10 * pages)
          expect(committed.filter((commit) => commit.startsWith(collection))).toHaveLength(pages)
        }
      }),
      { numRuns: 100 },
    )
  })

  function memoryRowsOnce(): () => ProgressRows {
    const rows = memoryProgressRows()
    return () => rows
  }
})

describe('progressStoreOn, when the answer of a write is lost', () => {
  /** A table that saves, and then says that it could not. */
  function losing(): { rows: ProgressRows; lose(): void } {
    const rows = memoryProgressRows()
    let loses = false
    const write: ProgressRows['write'] = async (row) => {
      const saved = await rows.write(row)
      if (!loses) return saved
      loses = false
      throw new Error('connection lost')
    }
    return { rows: { ...rows, write }, lose: () => (loses = true) }
  }

  it.each([['c1'], [undefined]])(
    'recognises its own commit, and counts it once (cursor %s)',
    async (cursor) => {
      const { rows, lose } = losing()
      const store = progressStoreOn(rows)
      const claim = await claimed(store)
      lose()
      await expect(store.advance(claim, page(cursor))).rejects.toThrow('connection lost')
      const write = vi.fn()
      expect(await store.advance(claim, page(cursor), write)).toMatchObject({
        pages: 1,
        imported: 10,
        cursor,
      })
      expect(write).not.toHaveBeenCalled()
      expect(await store.list()).toMatchObject([{ pages: 1, imported: 10 }])
    },
  )

  it('recognises a transaction that was committed, and writes no page twice', async () => {
    const rows = snapshotDatabase().open()
    let loses = false
    const store = progressStoreOn({
      ...rows,
      async transaction(body) {
        const result = await rows.transaction?.(body)
        if (loses) throw new Error('connection lost')
        return result as Awaited<ReturnType<typeof body>>
      },
    })
    const claim = await claimed(store)
    const write = vi.fn()
    loses = true
    await expect(store.advance(claim, page('c1'), write)).rejects.toThrow('connection lost')
    loses = false
    expect(await store.advance(claim, page('c1'), write)).toMatchObject({ pages: 1, imported: 10 })
    expect(write).toHaveBeenCalledTimes(1)
  })

  it('does not take the commit of a later claim for its own', async () => {
    const { rows } = losing()
    const store = progressStoreOn(rows)
    const first = await claimed(store, 'first')
    await store.release(first)
    await store.advance(await claimed(store, 'second'), page('c1'))
    await expect(store.advance(first, page('c1'))).rejects.toMatchObject({ code: 'CLAIM_LOST' })
  })
})

it('progressStoreOn writes the rows of a registration in the order of their names, so that two are no deadlock', async () => {
  const snapshots = snapshotDatabase().open()
  const written: string[] = []
  const store = progressStoreOn({
    ...snapshots,
    write(row, transaction) {
      written.push(row.collection)
      return snapshots.write(row, transaction)
    },
  })
  const names = ['com.example.b', 'com.example.c', A]
  await store.register(
    RELAY,
    names.map((nsid) => ({ nsid })),
  )
  expect(written).toEqual(names.toSorted())
})

describe('the clock of progressStoreOn', () => {
  it('is that of the rows: a process whose clock is an hour off disturbs no lease, and refreshes nothing', async () => {
    let time = 1_000_000
    const rows = { ...memoryProgressRows(), now: () => time }
    const [one, other] = [progressStoreOn(rows), progressStoreOn(rows)]
    const claim = await claimed(one)
    vi.useFakeTimers({ now: Date.now() + 3_600_000, toFake: ['Date', 'performance'] })
    try {
      expect(await other.claim({ relay: RELAY, owner: 'late', leaseMs: LEASE_MS })).toBeUndefined()
      expect(await other.remaining(RELAY)).toMatchObject({ collections: 1, dueInMs: LEASE_MS })
      time += LEASE_MS
      expect(await other.remaining(RELAY)).toEqual({ collections: 1, dueInMs: 0 })
      await one.advance(claim, page(undefined))
      await other.register(RELAY, [], { refreshAfterMs: 1_800_000 })
      expect(await other.list()).toMatchObject([{ state: 'complete', completedAt: new Date(time) }])
    } finally {
      vi.useRealTimers()
    }
  })

  it('may have fractions, which no row has', async () => {
    const rows = { ...memoryProgressRows(), now: async () => 1_764_000_000_000.7 }
    const store = progressStoreOn(rows)
    await store.release(await claimed(store), { kind: 'postponed', error: 'busy', retryInMs: 5 })
    expect(await rows.read(RELAY, A)).toMatchObject({ notBefore: 1_764_000_000_005 })
  })
})

describe('progressStoreOn', () => {
  it('keeps what a later version wrote into a row', async () => {
    const rows = memoryProgressRows()
    const store = progressStoreOn(rows)
    const claim = await claimed(store)
    const row = await rows.read(RELAY, A)
    if (row === undefined) throw new Error('no row')
    await rows.write({ ...row, version: row.version + 1, later: 'c0' } as typeof row)
    await store.release(await store.advance(claim, page('c1')))
    expect(await rows.read(RELAY, A)).toMatchObject({ later: 'c0', cursor: 'c1' })
  })

  it('writes no row that says the same already', async () => {
    const rows = memoryProgressRows()
    const write = vi.spyOn(rows, 'write')
    const store = progressStoreOn(rows)
    const known = [{ nsid: A, estimatedRepos: 5 }]
    await store.register(RELAY, known)
    await store.register(RELAY, known)
    expect(write).toHaveBeenCalledTimes(1)
  })

  it('runs write inside of the transaction, and again when the database repeats it', async () => {
    const snapshots = snapshotDatabase()
    const [one, other] = [progressStoreOn(snapshots.open()), progressStoreOn(snapshots.open())]
    const claim = await claimed(one)
    const write = vi.fn(async () => {
      if (write.mock.calls.length === 1) await other.renew(claim, LEASE_MS)
    })
    expect(await one.advance(claim, page('c1'), write)).toMatchObject({ pages: 1, imported: 10 })
    expect(write).toHaveBeenCalledTimes(2)
    expect(snapshots.repeats).toBe(1)
  })

  it.each([
    ['a version that is a string', { read: async () => ({ version: '3' }) }, /as they were written.*"3"/],
    ['no answer of write', { write: async () => undefined }, /write must answer true or false/],
    [
      'a count of rows as the answer of write',
      { write: async () => 1 },
      /write must answer true or false, not 1/,
    ],
    ['a clock without a time', { now: () => Number.NaN }, /now must answer milliseconds/],
    ['a write that refuses what follows', { write: async () => false }, /refused version 1 of com.example.a/],
  ])('says what is wrong with a table that gives %s', async (_, fault, message) => {
    const store = progressStoreOn({ ...memoryProgressRows(), ...fault } as ProgressRows)
    const calls = async () => store.renew(await claimed(store), LEASE_MS)
    await expect(calls()).rejects.toThrow(message)
  })

  it('refuses a table without one of its methods, and a database without transactions', () => {
    const { now: _, ...incomplete } = memoryProgressRows()
    expect(() => progressStoreOn(incomplete as ProgressRows)).toThrow(/^rows must be/)
    expect(() => progressStoreOn({ ...memoryProgressRows(), database: {} })).toThrow(
      /^rows\.transaction must be/,
    )
  })
})
