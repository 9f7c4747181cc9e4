import assert from 'node:assert/strict'
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

export const outcomeCases: readonly StoreCase[] = [...releaseCases(), ...registerCases()]

function releaseCases(): StoreCase[] {
  return [
    storeCase('a release frees the collection at once', async ({ progress }) => {
      const claim = await claimed(progress)
      await progress.release(claim)
      await progress.release(claim)
      await assert.rejects(progress.advance(claim, page('c1')), isClaimLost)
      assert.deepEqual(await progress.remaining(SOURCE), { collections: 1, dueInMs: 0 })
      const row = await onlyRow(progress)
      assert.deepEqual([row.state, row.attempts, row.lastError], ['pending', 0, undefined])
    }),

    storeCase('a failure counts, waits, and is forgotten by the next page', async ({ progress }) => {
      const claim = await progress.advance(await claimed(progress), page('c1'))
      await progress.release(claim, {
        kind: 'failed',
        error: `${'e'.repeat(499)}\0!${'e'.repeat(500)}`,
        retryInMs: LEASE_MS,
      })
      const waiting = await onlyRow(progress)
      assert.deepEqual([waiting.state, waiting.attempts, waiting.cursor], ['pending', 1, 'c1'])
      assert.ok(
        waiting.lastError !== undefined &&
          waiting.lastError.length <= 500 &&
          waiting.lastError.startsWith('eee'),
      )
      assert.equal(await progress.claim({ source: SOURCE, owner: 'worker', leaseMs: LEASE_MS }), undefined)
      const { collections, dueInMs } = await progress.remaining(SOURCE)
      assert.equal(collections, 1)
      assert.ok(dueInMs !== undefined && dueInMs > LEASE_MS / 2 && dueInMs <= LEASE_MS)
    }),

    storeCase('a failed collection is claimed again when its pause is over', async ({ progress }) => {
      await progress.release(await claimed(progress), { kind: 'failed', error: 'e', retryInMs: 1 })
      await untilDue(progress)
      const again = await mustClaim(progress)
      assert.equal(again.attempts, 1)
      assert.equal((await progress.advance(again, page('c1'))).attempts, 0)
      const row = await onlyRow(progress)
      assert.deepEqual([row.attempts, row.lastError], [0, undefined])
    }),

    storeCase('a postponed collection waits, and that counts as no attempt', async ({ progress }) => {
      await progress.release(await claimed(progress), {
        kind: 'postponed',
        error: 'slow down',
        retryInMs: LEASE_MS,
      })
      const row = await onlyRow(progress)
      assert.deepEqual([row.state, row.attempts, row.lastError], ['pending', 0, 'slow down'])
      assert.equal(await progress.claim({ source: SOURCE, owner: 'worker', leaseMs: LEASE_MS }), undefined)
    }),

    storeCase('a restart begins at the first page and is counted', async ({ progress }) => {
      const claim = await progress.advance(await claimed(progress), { ...page('c1', 10, 2), loopGuard: 'g' })
      await progress.release(claim, { kind: 'restart', error: 'cursor refused' })
      const again = await mustClaim(progress)
      assert.deepEqual(
        [again.cursor, again.page, again.imported, again.loopGuard, again.restarts],
        [undefined, 0, 0, undefined, 1],
      )
      assert.equal((await onlyRow(progress)).rejected, 0)
    }),

    storeCase('one that is given up stays so until it is registered anew', async ({ progress }) => {
      const claim = await progress.advance(await claimed(progress), page('c1'))
      await progress.release(claim, { kind: 'failed', error: 'gone' })
      const row = await onlyRow(progress)
      assert.deepEqual([row.state, row.attempts, row.lastError], ['failed', 1, 'gone'])
      assert.deepEqual(await progress.remaining(SOURCE), { collections: 0 })
      assert.equal(await progress.claim({ source: SOURCE, owner: 'worker', leaseMs: LEASE_MS }), undefined)
      await progress.register(SOURCE, [])
      const again = await mustClaim(progress)
      assert.deepEqual([again.cursor, again.page, again.attempts, again.restarts], ['c1', 1, 0, 0])
    }),
  ]
}

function registerCases(): StoreCase[] {
  return [
    storeCase(
      'registering again keeps what is there, and takes over a newer estimate',
      async ({ progress }) => {
        const claim = await progress.advance(
          await claimed(progress, { nsid: NAME, estimatedRepos: 5 }),
          page('c1'),
        )
        await progress.register(SOURCE, [{ nsid: NAME }, { nsid: 'com.example.new' }])
        await progress.register(SOURCE, [{ nsid: NAME, estimatedRepos: 7 }, { nsid: NAME }])
        const [row, added] = await progress.list({ source: SOURCE })
        assert.deepEqual(
          [row?.collection, row?.cursor, row?.estimatedRepos, row?.state],
          [NAME, 'c1', 7, 'walking'],
        )
        assert.deepEqual(
          [added?.collection, added?.state, added?.estimatedRepos],
          ['com.example.new', 'pending', undefined],
        )
        await progress.advance(claim, page('c2'))
      },
    ),

    storeCase('ten workers may register the same at once, in any order', async ({ progress }) => {
      const collections = Array.from({ length: 200 }, (_, i) => ({
        nsid: `com.example.n${i}`,
        estimatedRepos: i,
      }))
      const orders = Array.from({ length: 10 }, (_, i) =>
        i % 2 === 0 ? collections : collections.toReversed(),
      )
      await Promise.all(orders.map((order) => progress.register(SOURCE, order)))
      assert.equal((await progress.list()).length, 200)
    }),

    storeCase('knows nothing of a source that was never registered', async ({ progress }) => {
      assert.deepEqual(await progress.remaining('nobody.example'), { collections: 0 })
      assert.deepEqual(await progress.list({ source: 'nobody.example' }), [])
      assert.equal(await progress.claim({ source: 'nobody.example', owner: 'worker', leaseMs: 1 }), undefined)
    }),

    storeCase('a refresh walks what was completed long enough ago, from the start', async ({ progress }) => {
      await progress.advance(await claimed(progress), { ...page(undefined, 10, 1), loopGuard: 'g' })
      await progress.register(SOURCE, [{ nsid: NAME }], { refreshAfterMs: LEASE_MS })
      assert.equal((await onlyRow(progress)).state, 'complete')
      while ((await onlyRow(progress)).state === 'complete') {
        await progress.register(SOURCE, [{ nsid: NAME }], { refreshAfterMs: 1 })
      }
      const row = await onlyRow(progress)
      assert.deepEqual(
        [row.state, row.imported, row.rejected, row.page, row.completedAt],
        ['pending', 0, 0, 0, undefined],
      )
      const again = await mustClaim(progress)
      assert.deepEqual(
        [again.cursor, again.page, again.imported, again.loopGuard],
        [undefined, 0, 0, undefined],
      )
    }),

    storeCase('tells how many collections are left and when the first is due', async ({ progress }) => {
      await progress.register(SOURCE, [{ nsid: 'com.example.a' }, { nsid: 'com.example.b' }])
      assert.deepEqual(await progress.remaining(SOURCE), { collections: 2, dueInMs: 0 })
      await mustClaim(progress, 'worker', 2 * LEASE_MS)
      assert.deepEqual(await progress.remaining(SOURCE), { collections: 2, dueInMs: 0 })
      await mustClaim(progress, 'worker', LEASE_MS)
      const { collections, dueInMs } = await progress.remaining(SOURCE)
      assert.equal(collections, 2)
      assert.ok(dueInMs !== undefined && dueInMs > LEASE_MS / 2 && dueInMs <= LEASE_MS)
    }),

    storeCase('lists by source and name', async ({ progress }) => {
      await progress.register('b.example', [{ nsid: 'com.example.z' }, { nsid: 'com.example.Z' }])
      await progress.register('a.example', [{ nsid: 'com.example.y' }])
      const names = (await progress.list()).map(({ source, collection }) => `${source} ${collection}`)
      assert.deepEqual(names, [
        'a.example com.example.y',
        'b.example com.example.Z',
        'b.example com.example.z',
      ])
    }),
  ]
}
