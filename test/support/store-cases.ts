import assert from 'node:assert/strict'
import type { Claim, IndexSink, ProgressStore } from '../../src/index.ts'

/** A progress store and a sink of the same kind, empty, and on the same database where they have one. */
export interface StoreFixture extends AsyncDisposable {
  readonly progress: ProgressStore
  readonly sink: IndexSink
}

/** A promise of a contract, to be run against any store by any test runner. */
export interface StoreCase {
  readonly name: string
  run(make: () => Promise<StoreFixture>): Promise<void>
}

export const SOURCE = 'relay.example'
export const LEASE_MS = 60_000

/** A case that gets a fixture and closes it. */
export function storeCase(name: string, run: (fixture: StoreFixture) => Promise<void>): StoreCase {
  return {
    name,
    async run(make: () => Promise<StoreFixture>) {
      await using fixture = await make()
      await run(fixture)
    },
  }
}

/** Claims, and fails when there is nothing to claim. */
export async function mustClaim(
  progress: ProgressStore,
  owner = 'worker',
  leaseMs: number = LEASE_MS,
): Promise<Claim> {
  const claim = await progress.claim({ source: SOURCE, owner, leaseMs })
  assert.ok(claim, 'something to claim')
  return claim
}

/** Waits until a collection can be claimed, by the store's own clock. */
export async function untilDue(progress: ProgressStore): Promise<void> {
  for (;;) {
    const { dueInMs } = await progress.remaining(SOURCE)
    if (dueInMs === 0) return
    assert.ok(dueInMs !== undefined && dueInMs < 5_000, `due soon, not in ${dueInMs} ms`)
    await new Promise((resolve) => setTimeout(resolve, dueInMs))
  }
}

export const isClaimLost: { name: string; code: string } = { name: 'ClaimLostError', code: 'CLAIM_LOST' }

/** `count` different DIDs of the common kind, from number `start` on. */
export function didsFrom(start: number, count: number): string[] {
  return Array.from({ length: count }, (_, i) => `did:plc:${base32(start + i)}`)
}

/** 24 letters of the alphabet that did:plc knows, which lacks four digits of ours. */
function base32(value: number): string {
  const letters: Record<string, string> = { 0: 'w', 1: 'x', 8: 'y', 9: 'z' }
  return value
    .toString(32)
    .padStart(24, '0')
    .replace(/[0189]/g, (digit) => letters[digit] ?? digit)
}

const POST = { source: SOURCE, collection: 'app.bsky.feed.post' }
const LIKE = { source: SOURCE, collection: 'app.bsky.feed.like' }

export const indexSinkCases: readonly StoreCase[] = [
  storeCase('counts the pairs that are new, and adding them again changes nothing', async ({ sink }) => {
    const dids = didsFrom(0, 50)
    assert.deepEqual(await sink.add({ ...POST, dids }), { added: 50 })
    assert.deepEqual(await sink.add({ ...POST, dids }), { added: 0 })
    assert.deepEqual(await sink.add({ ...POST, dids: didsFrom(40, 20) }), { added: 10 })
  }),

  storeCase('counts a DID that a page holds twice once', async ({ sink }) => {
    const dids = [...didsFrom(0, 3), ...didsFrom(1, 3), ...didsFrom(0, 1)]
    assert.deepEqual(await sink.add({ ...POST, dids }), { added: 4 })
  }),

  storeCase('keeps the collections apart', async ({ sink }) => {
    await sink.add({ ...POST, dids: didsFrom(0, 5) })
    assert.deepEqual(await sink.add({ ...LIKE, dids: didsFrom(0, 5) }), { added: 5 })
  }),

  storeCase('does not tell sources apart: a pair is a fact, whoever says so', async ({ sink }) => {
    await sink.add({ ...POST, dids: didsFrom(0, 5) })
    assert.deepEqual(await sink.add({ ...POST, source: 'other.example', dids: didsFrom(0, 5) }), { added: 0 })
  }),

  storeCase('takes an empty page', async ({ sink }) => {
    assert.deepEqual(await sink.add({ ...POST, dids: [] }), { added: 0 })
  }),

  storeCase('keeps every letter of a DID', async ({ sink }) => {
    const dids = [
      'did:web:a.example',
      'did:web:A.example',
      'did:web:localhost%3A8080',
      'did:key:z6Mk-._',
      `did:plc:${'x'.repeat(2040)}`,
    ]
    assert.deepEqual(await sink.add({ ...POST, dids }), { added: 5 })
    assert.deepEqual(await sink.add({ ...POST, dids: dids.toReversed() }), { added: 0 })
  }),

  storeCase('takes 10,000 DIDs at once', async ({ sink }) => {
    assert.deepEqual(await sink.add({ ...POST, dids: didsFrom(0, 10_000) }), { added: 10_000 })
  }),

  storeCase(
    'takes overlapping pages in any order at the same time, each pair counted once',
    async ({ sink }) => {
      const all = didsFrom(0, 1_000)
      const pages = Array.from({ length: 12 }, (_, i) =>
        i % 2 === 0 ? all.slice(i * 20) : all.slice(i * 10).toReversed(),
      )
      const results = await Promise.all(pages.map((dids) => sink.add({ ...POST, dids })))
      assert.equal(
        results.reduce((sum, { added }) => sum + added, 0),
        1_000,
      )
      assert.deepEqual(await sink.add({ ...POST, dids: all }), { added: 0 })
    },
  ),

  storeCase('rejects with the reason of a signal that aborted before', async ({ sink }) => {
    const reason = new Error('no more')
    await assert.rejects(
      sink.add({ ...POST, dids: didsFrom(0, 1) }, { signal: AbortSignal.abort(reason) }),
      reason,
    )
    assert.deepEqual(await sink.add({ ...POST, dids: didsFrom(0, 1) }), { added: 1 })
  }),
]

/** What holds when both stores name the same database: see {@link IndexSink.database}. */
export const sharedDatabaseCases: readonly StoreCase[] = [
  storeCase('both stores name the same database', async ({ progress, sink }) => {
    assert.ok(sink.database !== undefined)
    assert.equal(sink.database, progress.database)
  }),

  storeCase('pairs and cursor are committed together', async ({ progress, sink }) => {
    await progress.register(SOURCE, [{ nsid: POST.collection }])
    const claim = await mustClaim(progress)
    let added = 0
    await progress.advance(claim, { cursor: 'c1', imported: 5, rejected: 0 }, async (transaction) => {
      added = (await sink.add({ ...POST, dids: didsFrom(0, 5) }, { transaction })).added
    })
    assert.equal(added, 5)
    assert.deepEqual(await sink.add({ ...POST, dids: didsFrom(0, 5) }), { added: 0 })
  }),

  storeCase(
    'a write that fails takes the cursor, the pairs and a new collection back',
    async ({ progress, sink }) => {
      await progress.register(SOURCE, [{ nsid: POST.collection }])
      const claim = await mustClaim(progress)
      const failure = new Error('after the write')
      const write = async (transaction: unknown) => {
        await sink.add({ ...POST, dids: didsFrom(0, 5) }, { transaction })
        throw failure
      }
      await assert.rejects(
        progress.advance(claim, { cursor: 'c1', imported: 5, rejected: 0 }, write),
        failure,
      )
      const [row] = await progress.list()
      assert.deepEqual([row?.cursor, row?.page, row?.imported], [undefined, 0, 0])
      assert.deepEqual(await sink.add({ ...POST, dids: didsFrom(0, 5) }), { added: 5 })
    },
  ),

  storeCase('a claim that is lost writes no pairs', async ({ progress, sink }) => {
    await progress.register(SOURCE, [{ nsid: POST.collection }])
    const lost = await mustClaim(progress, 'first', 1)
    await untilDue(progress)
    await mustClaim(progress, 'second')
    let wrote = false
    const write = async (transaction: unknown) => {
      wrote = true
      await sink.add({ ...POST, dids: didsFrom(0, 5) }, { transaction })
    }
    await assert.rejects(
      progress.advance(lost, { cursor: 'c1', imported: 5, rejected: 0 }, write),
      isClaimLost,
    )
    assert.equal(wrote, false)
    assert.deepEqual(await sink.add({ ...POST, dids: didsFrom(0, 5) }), { added: 5 })
  }),

  storeCase('refuses what is no transaction of its own database', async ({ sink }) => {
    await assert.rejects(sink.add({ ...POST, dids: didsFrom(0, 1) }, { transaction: {} }), TypeError)
    assert.deepEqual(await sink.add({ ...POST, dids: didsFrom(0, 1) }), { added: 1 })
  }),
]
