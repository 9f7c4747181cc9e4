import assert from 'node:assert/strict'
import {
  assertAbout,
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
  onlyRow,
  type ProgressStoreCase,
  page,
  RELAY,
  storeCase,
} from './progress-helpers.ts'

const OTHER_RELAY = 'http://127.0.0.1:8080'
const PAUSE_MS = 2 * LEASE_MS

const heldCases: readonly ProgressStoreCase[] = [
  storeCase('tells the claims under a live lease, by collection, and no others', async (stores) => {
    const { progress, other } = stores
    await expiredClaim(progress)
    await progress.register(RELAY, [{ nsid: 'com.example.b' }, { nsid: 'com.example.a', estimatedRepos: 5 }])
    await progress.register(OTHER_RELAY, [{ nsid: NAME }])
    assert.equal((await other.remaining(RELAY)).claims, undefined, 'claims, while no lease holds')
    await progress.claim({ relay: OTHER_RELAY, owner: 'of another relay', leaseMs: LEASE_MS })
    const first = await mustClaim(progress, 'the first')
    const second = await mustClaim(progress, 'the second', 3 * LEASE_MS)
    const third = await mustClaim(progress, 'the third')
    await progress.release(await progress.advance(third, page('c1')), { kind: 'failed', error: 'gone' })
    const { claims = [] } = await other.remaining(RELAY)
    const told = claims.map(({ relay, collection, owner, epoch }) => ({ relay, collection, owner, epoch }))
    const expected = [second, first]
      .map(({ relay, collection, owner, epoch }) => ({ relay, collection, owner, epoch }))
      .sort((a, b) => (a.collection < b.collection ? -1 : 1))
    assert.deepEqual(told, expected)
    const leftOf = (owner: string) => claims.find((claim) => claim.owner === owner)?.leaseLeftMs
    assertAbout(leftOf('the first'), LEASE_MS, 'the lease of the first')
    assertAbout(leftOf('the second'), 3 * LEASE_MS, 'the lease of the second')
  }),

  storeCase('a claim is released by what is told of it, and not by what was told before', async (stores) => {
    const { progress, other } = stores
    const first = await progress.advance(await claimed(progress), page('c1'))
    const [told] = (await other.remaining(RELAY)).claims ?? []
    assert.ok(told, 'the claim is told')
    await other.release(told)
    await assertRow(progress, { state: 'pending', cursor: 'c1', pages: 1, attempts: 0, lastError: undefined })
    await assertClaimLost(progress.advance(first, page('c2')), 'advance by a claim that was released')
    const second = await mustClaim(progress, 'another')
    await other.release(told)
    await assertRow(progress, { state: 'running', owner: 'another' })
    assertFields(await progress.advance(second, page('c2')), { pages: 2 }, 'the next claim')
  }),
]

const pauseCases: readonly ProgressStoreCase[] = [
  storeCase(
    'a pause of a relay keeps every worker from its collections, and from no others',
    async (stores) => {
      const { progress, other } = stores
      await progress.register(RELAY, [{ nsid: 'com.example.a' }, { nsid: 'com.example.b' }])
      await progress.register(OTHER_RELAY, [{ nsid: NAME }])
      await progress.pauseRelay(RELAY, PAUSE_MS)
      await assertNothingFree(other)
      await assertNothingFree(progress)
      const left = await other.remaining(RELAY)
      assertFields(left, { collections: 2, claims: undefined }, 'what is left')
      assertAbout(left.relayPauseMs, PAUSE_MS, 'the pause')
      await assertDueLater(other, PAUSE_MS)
      assert.equal((await other.remaining(OTHER_RELAY)).relayPauseMs, undefined, 'a pause of another relay')
      assert.ok(await other.claim({ relay: OTHER_RELAY, owner: 'worker', leaseMs: LEASE_MS }))
    },
  ),

  storeCase('a pause of a relay lets running walks go on, and nothing but time ends it', async (stores) => {
    const { progress, other } = stores
    const claim = await claimed(progress)
    await progress.pauseRelay(RELAY, PAUSE_MS)
    await progress.pauseRelay(RELAY, 1)
    const second = await progress.advance(claim, page('c1'))
    await progress.renew(second, LEASE_MS)
    await assertRow(other, { state: 'running', cursor: 'c1' })
    await progress.release(second, { kind: 'failed', error: 'gone' })
    await other.retryFailed(RELAY)
    await other.register(RELAY, [{ nsid: NAME, estimatedRepos: 7 }, { nsid: 'com.example.new' }])
    await other.reset(RELAY)
    assertAbout((await progress.remaining(RELAY)).relayPauseMs, PAUSE_MS, 'the pause after all that')
    await assertNothingFree(progress)
  }),

  storeCase('a pause of a relay that is over keeps nothing', async ({ progress, other }) => {
    await progress.register(RELAY, [{ nsid: NAME }])
    await progress.pauseRelay(RELAY, 1)
    const end = performance.now() + 5_000
    while ((await other.remaining(RELAY)).relayPauseMs !== undefined)
      assert.ok(performance.now() < end, 'a pause of 1 ms is over soon')
    assertFields(await other.remaining(RELAY), { collections: 1, dueInMs: 0 }, 'what is left')
    await mustClaim(other)
  }),

  storeCase(
    'keeps the pause of a relay of which nothing is registered, and lists nothing of it',
    async (stores) => {
      const { progress, other } = stores
      await progress.pauseRelay(RELAY, PAUSE_MS)
      const left = await other.remaining(RELAY)
      assertFields(left, { collections: 0, dueInMs: undefined }, 'what is left')
      assertAbout(left.relayPauseMs, PAUSE_MS, 'the pause')
      assert.deepEqual(await other.list(), [])
      assert.equal(await other.reset(RELAY), 0, 'there is no collection to reset')
      await other.register(RELAY, [{ nsid: NAME }])
      assert.equal((await onlyRow(progress)).collection, NAME)
      await assertNothingFree(progress)
      await progress.pauseRelay(RELAY, 2 * PAUSE_MS)
      assertAbout((await other.remaining(RELAY)).relayPauseMs, 2 * PAUSE_MS, 'a longer pause')
      assertFields(await other.remaining(RELAY), { collections: 1 }, 'what is left')
    },
  ),
]

/** What workers know of each other, and what the relay wants of all of them. */
export const sharedCases: readonly ProgressStoreCase[] = [...heldCases, ...pauseCases]
