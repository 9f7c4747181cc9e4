import assert from 'node:assert/strict'
import type { Claim } from '../../contracts/progress-store.ts'
import {
  assertClaimLost,
  assertDueLater,
  assertFields,
  assertNothingFree,
  assertRow,
  claimed,
  expiredClaim,
  LEASE_MS,
  mustClaim,
  NAME,
  type ProgressStoreCase,
  page,
  RELAY,
  storeCase,
  untilDue,
} from './progress-helpers.ts'

const grantingCases: readonly ProgressStoreCase[] = [
  storeCase(
    'claims the biggest first, by estimate or by what it brought, then by name',
    async ({ progress }) => {
      await progress.register(RELAY, [
        { nsid: 'com.example.b' },
        { nsid: 'com.example.small', estimatedRepos: 10 },
        { nsid: 'com.example.a' },
        { nsid: 'com.example.big', estimatedRepos: 5_000_000_000 },
        { nsid: 'com.example.grown', estimatedRepos: 1 },
      ])
      const all: Claim[] = []
      for (let i = 0; i < 5; i += 1) all.push(await mustClaim(progress))
      for (const claim of all) {
        const grown = claim.collection === 'com.example.grown'
        await progress.release(grown ? await progress.advance(claim, page('c', 100)) : claim)
      }
      const order: string[] = []
      for (let i = 0; i < 5; i += 1) order.push((await mustClaim(progress)).collection)
      const expected = ['big', 'grown', 'small', 'a', 'b'].map((name) => `com.example.${name}`)
      assert.deepEqual(order, expected)
    },
  ),

  storeCase('a new claim begins at the first page', async ({ progress }) => {
    const claim = await claimed(progress)
    const asked = { relay: RELAY, collection: NAME, owner: 'worker', leaseMs: LEASE_MS }
    assertFields(claim, asked, 'what was asked for')
    const start = {
      cursor: undefined,
      pages: 0,
      imported: 0,
      loopGuard: undefined,
      attempts: 0,
      restarts: 0,
    }
    assertFields(claim, start, 'where the walk begins')
  }),

  storeCase('gives each collection to one of ten workers that ask at once', async ({ progress, other }) => {
    const names = Array.from({ length: 6 }, (_, i) => `com.example.n${i}`)
    await progress.register(
      RELAY,
      names.map((nsid) => ({ nsid })),
    )
    const claims = await Promise.all(
      Array.from({ length: 10 }, (_, i) =>
        (i % 2 ? other : progress).claim({ relay: RELAY, owner: `worker ${i}`, leaseMs: LEASE_MS }),
      ),
    )
    assert.deepEqual(claims.flatMap((claim) => claim?.collection ?? []).sort(), names)
    for (const { state } of await progress.list()) assert.equal(state, 'running')
  }),

  storeCase(
    'gives nothing of another relay, and keeps the rows of two relays apart',
    async ({ progress }) => {
      const otherRelay = 'http://127.0.0.1:8080'
      await progress.register(RELAY, [{ nsid: NAME }])
      await assertNothingFree(progress, otherRelay)
      const claim = await mustClaim(progress)
      await progress.register(otherRelay, [{ nsid: NAME }])
      await progress.advance(claim, page('c1'))
      const other = await progress.claim({ relay: otherRelay, owner: 'worker', leaseMs: LEASE_MS })
      assert.ok(other, 'the other relay has a collection of its own')
      assertFields(other, { relay: otherRelay, cursor: undefined, pages: 0 }, 'the claim of the other relay')
      assert.equal((await progress.list({ relay: otherRelay })).length, 1)
      assert.equal((await progress.list()).length, 2)
    },
  ),

  storeCase(
    'every claim of a collection has a higher epoch than those before',
    async ({ progress, other }) => {
      let claim = await claimed(progress)
      for (const store of [progress, other, progress]) {
        await store.release(claim)
        const next = await mustClaim(store)
        assert.ok(next.epoch > claim.epoch, `epoch ${next.epoch} after ${claim.epoch}`)
        claim = next
      }
    },
  ),
]

const leaseCases: readonly ProgressStoreCase[] = [
  storeCase('a live lease keeps all other workers away', async ({ progress, other }) => {
    await claimed(progress)
    await assertNothingFree(progress)
    await assertNothingFree(other)
    assertFields(await other.remaining(RELAY), { collections: 1 }, 'what is left')
    await assertDueLater(other)
  }),

  storeCase(
    'a lease that ran out lets another worker take over, and the first can change nothing',
    async (stores) => {
      const { progress, other } = stores
      const late = await progress.advance(await expiredClaim(progress), page('c1'))
      await untilDue(other)
      const second = await mustClaim(other, 'second')
      assertFields(second, { cursor: 'c1', pages: 1, imported: 10 }, 'where the second goes on')
      assert.ok(second.epoch > late.epoch, 'a claim raises the epoch')
      await assertClaimLost(progress.advance(late, page('c2')), 'advance by a claim that was taken over')
      await assertClaimLost(progress.renew(late, LEASE_MS), 'renew by a claim that was taken over')
      await assertRow(other, { cursor: 'c1', pages: 1, state: 'running' })
      assertFields(await other.advance(second, page('c2')), { pages: 2 }, 'the next claim')
    },
  ),

  storeCase('renewing keeps others away, and a commit renews', async ({ progress, other }) => {
    const short = await expiredClaim(progress, 'worker')
    assertFields(await progress.renew(short, LEASE_MS), { leaseMs: LEASE_MS }, 'the renewed claim')
    await assertNothingFree(other)
    await assertDueLater(progress)
    const long = await progress.advance({ ...short, leaseMs: 3 * LEASE_MS }, page('c1'))
    assertFields(long, { leaseMs: 3 * LEASE_MS }, 'the claim for the next page')
    await assertDueLater(other, 3 * LEASE_MS)
  }),

  storeCase(
    'a renewal with the claim of an earlier page holds, and leaves the page alone',
    async (stores) => {
      const { progress, other } = stores
      const first = await claimed(progress)
      const second = await progress.advance(first, page('c1'))
      await progress.renew(first, 3 * LEASE_MS)
      await assertDueLater(other, 3 * LEASE_MS)
      await assertRow(other, { cursor: 'c1', pages: 1, imported: 10 })
      assertFields(await progress.advance(second, page('c2')), { pages: 2 }, 'the next claim')
    },
  ),

  storeCase('a renewal beside a commit disturbs neither', async ({ progress }) => {
    let claim = await claimed(progress)
    for (let i = 1; i <= 20; i += 1) {
      const [next] = await Promise.all([
        progress.advance(claim, page(`c${i}`)),
        progress.renew(claim, LEASE_MS),
      ])
      claim = next
    }
    assertFields(claim, { pages: 20, cursor: 'c20' }, 'the last claim')
    await assertRow(progress, { pages: 20, imported: 200, cursor: 'c20' })
  }),
]

const staleCases: readonly ProgressStoreCase[] = [
  storeCase('a claim of the same owner is lost all the same when it was taken anew', async ({ progress }) => {
    const first = await expiredClaim(progress, 'worker')
    const second = await mustClaim(progress, 'worker')
    await assertClaimLost(progress.advance(first, page('c1')), 'advance by an older claim of the same owner')
    await assertClaimLost(progress.renew(first, LEASE_MS), 'renew by an older claim of the same owner')
    await progress.release(first)
    await assertRow(progress, { pages: 0, state: 'running' })
    assertFields(await progress.advance(second, page('c1')), { pages: 1 }, 'the next claim')
  }),

  storeCase('a claim that was taken over releases nothing', async ({ progress, other }) => {
    const first = await expiredClaim(progress)
    const second = await other.advance(await mustClaim(other, 'second'), page('c1'))
    await progress.release(first)
    await progress.release(first, { kind: 'failed', error: 'too late' })
    await progress.release(first, { kind: 'postponed', error: 'too late', retryInMs: LEASE_MS })
    await progress.release(first, { kind: 'restart', error: 'too late' })
    await assertRow(progress, { cursor: 'c1', state: 'running', attempts: 0, lastError: undefined })
    await assertNothingFree(progress)
    assertFields(await other.advance(second, page('c2')), { pages: 2 }, 'the next claim')
  }),

  storeCase('a released claim is no longer valid', async ({ progress, other }) => {
    const claim = await claimed(progress)
    await progress.release(claim)
    await progress.release(claim)
    await assertClaimLost(progress.advance(claim, page('c1')), 'advance after the release')
    await assertRow(other, { pages: 0, state: 'pending', cursor: undefined })
  }),
]

/** Who gets what. */
export const claimCases: readonly ProgressStoreCase[] = [...grantingCases, ...leaseCases, ...staleCases]
