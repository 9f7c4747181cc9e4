import assert from 'node:assert/strict'
import type { Claim } from '../../src/index.ts'
import { outcomeCases } from './progress-outcome-cases.ts'
import { claimed, NAME, onlyRow, page } from './progress-steps.ts'
import {
  isClaimLost,
  LEASE_MS,
  mustClaim,
  SOURCE,
  type StoreCase,
  storeCase,
  untilDue,
} from './store-cases.ts'

export const progressStoreCases: readonly StoreCase[] = [
  storeCase(
    'claims the biggest first, by estimate or by what it brought, then by name',
    async ({ progress }) => {
      await progress.register(SOURCE, [
        { nsid: 'com.example.b' },
        { nsid: 'com.example.small', estimatedRepos: 10 },
        { nsid: 'com.example.a' },
        { nsid: 'com.example.big', estimatedRepos: 5_000_000_000 },
        { nsid: 'com.example.grown', estimatedRepos: 1 },
      ])
      let grown = await mustClaim(progress)
      const others: Claim[] = []
      while (grown.collection !== 'com.example.grown') {
        others.push(grown)
        grown = await mustClaim(progress)
      }
      await progress.release(await progress.advance(grown, page('c', 100)))
      for (const claim of others) await progress.release(claim)
      const order: string[] = []
      for (let i = 0; i < 5; i += 1) order.push((await mustClaim(progress)).collection)
      const expected = [
        'com.example.big',
        'com.example.grown',
        'com.example.small',
        'com.example.a',
        'com.example.b',
      ]
      assert.deepEqual(order, expected)
    },
  ),

  storeCase('a new claim begins at the first page', async ({ progress }) => {
    const claim = await claimed(progress)
    const { source, collection, owner, leaseMs, cursor, page, imported, loopGuard, attempts, restarts } =
      claim
    assert.deepEqual([source, collection, owner, leaseMs], [SOURCE, NAME, 'worker', LEASE_MS])
    assert.deepEqual(
      [cursor, page, imported, loopGuard, attempts, restarts],
      [undefined, 0, 0, undefined, 0, 0],
    )
  }),

  storeCase('gives each collection to one of ten workers that ask at once', async ({ progress }) => {
    await progress.register(
      SOURCE,
      Array.from({ length: 6 }, (_, i) => ({ nsid: `com.example.n${i}` })),
    )
    const workers = Array.from({ length: 10 }, (_, i) => `worker ${i}`)
    const claims = await Promise.all(
      workers.map((owner) => progress.claim({ source: SOURCE, owner, leaseMs: LEASE_MS })),
    )
    const names = claims.flatMap((claim) => claim?.collection ?? [])
    assert.equal(names.length, 6)
    assert.equal(new Set(names).size, 6)
    assert.equal(
      (await progress.list()).every(({ state }) => state === 'walking'),
      true,
    )
  }),

  storeCase(
    'gives nothing of another source, and keeps the rows of two sources apart',
    async ({ progress }) => {
      const claim = await claimed(progress)
      assert.equal(
        await progress.claim({ source: 'other.example', owner: 'worker', leaseMs: LEASE_MS }),
        undefined,
      )
      await progress.register('other.example', [{ nsid: NAME }])
      await progress.advance(claim, page('c1'))
      const other = await progress.claim({ source: 'other.example', owner: 'worker', leaseMs: LEASE_MS })
      assert.deepEqual([other?.cursor, other?.page], [undefined, 0])
      assert.equal((await progress.list({ source: 'other.example' })).length, 1)
      assert.equal((await progress.list()).length, 2)
    },
  ),

  storeCase('saves each page, and the next claim goes on there', async ({ progress }) => {
    const first = await progress.advance(await claimed(progress), { ...page('c1', 10, 1), loopGuard: 'g1' })
    assert.deepEqual([first.cursor, first.page, first.imported, first.loopGuard], ['c1', 1, 10, 'g1'])
    const second = await progress.advance(first, { ...page('c2', 7, 2), loopGuard: 'g2' })
    await progress.release(second)
    const again = await mustClaim(progress, 'another')
    assert.deepEqual([again.cursor, again.page, again.imported, again.loopGuard], ['c2', 2, 17, 'g2'])
    assert.ok(again.epoch > second.epoch)
    const { cursor, imported, rejected, state } = await onlyRow(progress)
    assert.deepEqual([cursor, imported, rejected, state], ['c2', 17, 3, 'walking'])
  }),

  storeCase('a page without a cursor completes the collection, for good', async ({ progress }) => {
    const claim = await progress.advance(await claimed(progress), page('c1'))
    const before = await progress.remaining(SOURCE)
    const last = await progress.advance(claim, page(undefined))
    assert.deepEqual([last.cursor, last.page, last.imported], [undefined, 2, 20])
    const row = await onlyRow(progress)
    assert.deepEqual([row.state, row.cursor, row.imported, row.page], ['complete', undefined, 20, 2])
    assert.ok(row.completedAt instanceof Date)
    assert.equal(before.collections, 1)
    assert.deepEqual(await progress.remaining(SOURCE), { collections: 0 })
    assert.equal(await progress.claim({ source: SOURCE, owner: 'worker', leaseMs: LEASE_MS }), undefined)
    await assert.rejects(progress.renew(last, LEASE_MS), isClaimLost)
    await assert.rejects(progress.advance(last, page('c3')), isClaimLost)
    await progress.release(last, { kind: 'failed', error: 'too late' })
    assert.equal((await onlyRow(progress)).state, 'complete')
    await progress.register(SOURCE, [{ nsid: NAME, estimatedRepos: 5 }])
    assert.equal((await onlyRow(progress)).state, 'complete')
  }),

  storeCase('keeps a cursor letter by letter', async ({ progress }) => {
    let claim = await claimed(progress)
    for (const cursor of [
      'a+b/c==',
      ' ',
      '%2B',
      "'; drop table x; --",
      '\\',
      '"{}"',
      'ü🦋\n\t',
      'null',
      'x'.repeat(100_000),
    ]) {
      claim = await progress.advance(claim, { ...page(cursor), loopGuard: cursor })
      assert.equal((await onlyRow(progress)).cursor, cursor)
    }
    await progress.release(claim)
    assert.equal((await mustClaim(progress)).loopGuard, 'x'.repeat(100_000))
  }),

  storeCase('counts a page that is committed twice once', async ({ progress }) => {
    const claim = await claimed(progress)
    const commits = await Promise.allSettled([1, 2, 3].map(() => progress.advance(claim, page('c1', 10, 1))))
    assert.ok(commits.some(({ status }) => status === 'fulfilled'))
    for (const commit of commits) {
      if (commit.status === 'rejected') assert.equal(commit.reason.code, 'CLAIM_LOST')
      else assert.deepEqual([commit.value.cursor, commit.value.page, commit.value.imported], ['c1', 1, 10])
    }
    const { page: pages, imported, rejected } = await onlyRow(progress)
    assert.deepEqual([pages, imported, rejected], [1, 10, 1])
  }),

  storeCase('refuses a page of an older place, though epoch and owner are right', async ({ progress }) => {
    const first = await claimed(progress)
    const third = await progress.advance(await progress.advance(first, page('c1')), page('c2'))
    await assert.rejects(progress.advance(first, page('c1')), isClaimLost)
    await assert.rejects(progress.advance(first, page('other')), isClaimLost)
    assert.equal((await onlyRow(progress)).cursor, 'c2')
    assert.equal((await progress.advance(third, page('c3'))).page, 3)
  }),

  storeCase('a write that fails leaves everything as it was', async ({ progress }) => {
    const claim = await claimed(progress)
    const failure = new Error('sink is down')
    await assert.rejects(
      progress.advance(claim, page('c1'), () => Promise.reject(failure)),
      failure,
    )
    const row = await onlyRow(progress)
    assert.deepEqual(
      [row.cursor, row.page, row.imported, row.attempts, row.state],
      [undefined, 0, 0, 0, 'walking'],
    )
    assert.equal((await progress.advance(claim, page('c1'))).page, 1)
  }),

  storeCase(
    'a lease that ran out lets another worker take over, and the first can change nothing',
    async ({ progress }) => {
      await progress.register(SOURCE, [{ nsid: NAME }])
      const first = await progress.advance(await mustClaim(progress, 'first', 1), page('c1'))
      await untilDue(progress)
      const second = await mustClaim(progress, 'second')
      assert.deepEqual([second.cursor, second.page, second.imported], ['c1', 1, 10])
      assert.ok(second.epoch > first.epoch)
      await assert.rejects(progress.advance(first, page('c2')), isClaimLost)
      await assert.rejects(progress.renew(first, LEASE_MS), isClaimLost)
      await progress.release(first, { kind: 'restart', error: 'too late' })
      const row = await onlyRow(progress)
      assert.deepEqual([row.cursor, row.state, row.lastError], ['c1', 'walking', undefined])
      assert.equal((await progress.advance(second, page('c2'))).page, 2)
    },
  ),

  storeCase('a claim of the same owner is lost all the same when it was taken anew', async ({ progress }) => {
    await progress.register(SOURCE, [{ nsid: NAME }])
    const first = await mustClaim(progress, 'worker', 1)
    await untilDue(progress)
    await mustClaim(progress, 'worker')
    await assert.rejects(progress.advance(first, page('c1')), isClaimLost)
    assert.equal((await onlyRow(progress)).page, 0)
  }),

  storeCase('renewing keeps others away, and a commit renews', async ({ progress }) => {
    await progress.register(SOURCE, [{ nsid: NAME }])
    const short = await mustClaim(progress, 'worker', 1)
    assert.equal((await progress.renew(short, LEASE_MS)).leaseMs, LEASE_MS)
    assert.equal(await progress.claim({ source: SOURCE, owner: 'other', leaseMs: 1 }), undefined)
    const { dueInMs } = await progress.remaining(SOURCE)
    assert.ok(dueInMs !== undefined && dueInMs > LEASE_MS / 2 && dueInMs <= LEASE_MS)
    const long = await progress.advance({ ...short, leaseMs: 2 * LEASE_MS }, page('c1'))
    assert.equal(long.leaseMs, 2 * LEASE_MS)
    const after = await progress.remaining(SOURCE)
    assert.ok(after.dueInMs !== undefined && after.dueInMs > LEASE_MS)
  }),

  storeCase('a renewal beside a commit disturbs neither', async ({ progress }) => {
    let claim = await claimed(progress)
    for (let i = 1; i <= 20; i += 1) {
      const [next] = await Promise.all([
        progress.advance(claim, page(`c${i}`)),
        progress.renew(claim, LEASE_MS),
      ])
      claim = next
    }
    assert.deepEqual([claim.page, (await onlyRow(progress)).imported], [20, 200])
  }),

  ...outcomeCases,
]
