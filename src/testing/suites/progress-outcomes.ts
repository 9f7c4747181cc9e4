import assert from 'node:assert/strict'
import {
  assertAbout,
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
  untilDue,
} from './progress-helpers.ts'
import { ODD_NSIDS } from './samples.ts'

const releaseCases: readonly ProgressStoreCase[] = [
  storeCase(
    'a release frees the collection at once, also with the claim of an earlier page',
    async (stores) => {
      const { progress, other } = stores
      const claim = await claimed(progress)
      await progress.advance(claim, page('c1'))
      await progress.release(claim)
      assertFields(await other.remaining(RELAY), { collections: 1, dueInMs: 0 }, 'what is left')
      await assertRow(other, { state: 'pending', attempts: 0, lastError: undefined, cursor: 'c1' })
      assertFields(await mustClaim(other), { cursor: 'c1', pages: 1 }, 'the claim after that')
    },
  ),

  storeCase('a failure counts and waits', async ({ progress, other }) => {
    const claim = await progress.advance(await claimed(progress), page('c1'))
    await progress.release(claim, { kind: 'failed', error: 'busy', retryInMs: LEASE_MS })
    await assertRow(other, { state: 'pending', attempts: 1, cursor: 'c1', lastError: 'busy' })
    await assertNothingFree(other)
    assertFields(await other.remaining(RELAY), { collections: 1 }, 'what is left')
    await assertDueLater(other)
  }),

  storeCase('keeps the first 500 characters of an error, whatever is in it', async ({ progress }) => {
    const long = `ü "quoted" '; ${'e'.repeat(600)}`
    await progress.release(await claimed(progress), { kind: 'failed', error: long, retryInMs: 0 })
    await assertRow(progress, { lastError: long.slice(0, 500) })
    await progress.release(await mustClaim(progress), { kind: 'failed', error: 'a\0b', retryInMs: 0 })
    await assertRow(progress, { attempts: 2 })
  }),

  storeCase(
    'a failed collection is claimed again when its pause is over, and a page forgets it',
    async (stores) => {
      const { progress, other } = stores
      await progress.release(await claimed(progress), { kind: 'failed', error: 'e', retryInMs: 1 })
      await untilDue(other)
      const again = await mustClaim(other)
      assertFields(again, { attempts: 1 }, 'the claim after the failure')
      assertFields(await other.advance(again, page('c1')), { attempts: 0 }, 'the next claim')
      await assertRow(progress, { attempts: 0, lastError: undefined })
    },
  ),

  storeCase('a postponed collection waits, and that counts as no attempt', async ({ progress, other }) => {
    const postponed = { kind: 'postponed', error: 'slow down', retryInMs: LEASE_MS } as const
    await progress.release(await claimed(progress), postponed)
    await assertRow(other, { state: 'pending', attempts: 0, lastError: 'slow down' })
    await assertNothingFree(other)
    await assertDueLater(other)
  }),

  storeCase('a restart begins at the first page and is counted', async ({ progress, other }) => {
    const anchor = { cursor: 'c1', lastDids: [], repos: 10 }
    const first = { ...page('c1', 10, 2), loopGuard: 'g', anchor }
    const claim = await progress.advance(await claimed(progress), first)
    await progress.release(claim, { kind: 'restart', error: 'cursor refused' })
    const walk = { cursor: undefined, pages: 0, imported: 0, loopGuard: undefined, anchor: undefined }
    const start = { ...walk, restarts: 1 }
    assertFields(await mustClaim(other), start, 'the claim after the restart')
    await assertRow(other, { invalid: 0, imported: 0, cursor: undefined, lastError: 'cursor refused' })
  }),

  storeCase('a failed collection stays failed until it is registered again', async ({ progress, other }) => {
    const claim = await progress.advance(await claimed(progress), page('c1'))
    await progress.release(claim, { kind: 'failed', error: 'gone' })
    await assertRow(other, { state: 'failed', attempts: 1, lastError: 'gone' })
    assertFields(await other.remaining(RELAY), { collections: 0, dueInMs: undefined }, 'what is left')
    await assertNothingFree(other)
    await progress.register(RELAY, [{ nsid: NAME }])
    const again = await mustClaim(other)
    assertFields(again, { cursor: 'c1', pages: 1, attempts: 0, restarts: 0 }, 'the claim after that')
  }),
]

const registerCases: readonly ProgressStoreCase[] = [
  storeCase('registering with keepFailed adds rows, and leaves failed ones as they are', async (stores) => {
    const { progress, other } = stores
    await progress.release(await claimed(progress), { kind: 'failed', error: 'gone' })
    await assertRow(progress, { state: 'failed', attempts: 1, lastError: 'gone' })
    const before = await progress.list({ relay: RELAY })
    await other.register(RELAY, [{ nsid: NAME }, { nsid: `${NAME}2` }], { keepFailed: true })
    assert.equal((await mustClaim(progress)).collection, `${NAME}2`, 'the collection that was added')
    const rows = await progress.list({ relay: RELAY })
    assert.deepEqual(rows.slice(0, 1), before, 'the failed row, as it was')
    await assertNothingFree(other)
  }),

  storeCase('registering again keeps what is there', async ({ progress, other }) => {
    const claim = await progress.advance(await claimed(progress), { ...page('c1', 10, 2), loopGuard: 'g' })
    await other.register(RELAY, [{ nsid: NAME }, { nsid: NAME }])
    await assertRow(progress, { cursor: 'c1', pages: 1, imported: 10, invalid: 2, state: 'running' })
    await assertNothingFree(other)
    assertFields(await progress.advance(claim, page('c2')), { pages: 2, imported: 20 }, 'the next claim')
  }),

  storeCase('takes over a newer estimate, and forgets none', async ({ progress }) => {
    await progress.register(RELAY, [{ nsid: NAME }])
    await assertRow(progress, { estimatedRepos: undefined })
    await progress.register(RELAY, [{ nsid: NAME, estimatedRepos: 5 }])
    await assertRow(progress, { estimatedRepos: 5 })
    await progress.register(RELAY, [{ nsid: NAME }])
    await assertRow(progress, { estimatedRepos: 5 })
    await progress.register(RELAY, [{ nsid: NAME, estimatedRepos: 5_000_000_000 }])
    await assertRow(progress, { estimatedRepos: 5_000_000_000 })
  }),

  storeCase('a pause that is not over outlasts a registration', async ({ progress, other }) => {
    const waiting = { kind: 'failed', error: 'busy', retryInMs: LEASE_MS } as const
    await progress.release(await claimed(progress), waiting)
    await other.register(RELAY, [{ nsid: NAME }])
    await assertRow(progress, { attempts: 1, state: 'pending' })
    await assertNothingFree(progress)
  }),

  storeCase('ten workers may register the same at once, in any order', async ({ progress, other }) => {
    const known = Array.from({ length: 200 }, (_, i) => ({ nsid: `com.example.n${i}`, estimatedRepos: i }))
    const orders = Array.from({ length: 10 }, (_, i) => (i % 2 === 0 ? known : known.toReversed()))
    await Promise.all(orders.map((order, i) => (i % 3 === 0 ? other : progress).register(RELAY, order)))
    const rows = await progress.list()
    assert.equal(rows.length, 200)
    assert.equal(new Set(rows.map(({ collection }) => collection)).size, 200)
  }),

  storeCase('keeps an NSID letter by letter', async ({ progress }) => {
    await progress.register(
      RELAY,
      ODD_NSIDS.map((nsid) => ({ nsid })),
    )
    const claims = await Promise.all(ODD_NSIDS.map(() => mustClaim(progress)))
    await Promise.all(claims.map((claim) => progress.advance(claim, page(`after ${claim.collection}`))))
    const rows = await progress.list()
    assert.deepEqual(rows.map(({ collection }) => collection).sort(), [...ODD_NSIDS].sort())
    for (const { collection, cursor } of rows) assert.equal(cursor, `after ${collection}`)
  }),
]

const reportCases: readonly ProgressStoreCase[] = [
  storeCase('tells how many collections are left and when the first is due', async ({ progress, other }) => {
    await progress.register(RELAY, [{ nsid: 'com.example.a' }, { nsid: 'com.example.b' }])
    assertFields(await other.remaining(RELAY), { collections: 2, dueInMs: 0 }, 'with none claimed')
    await mustClaim(progress, 'worker', 3 * LEASE_MS)
    assertFields(await other.remaining(RELAY), { collections: 2, dueInMs: 0 }, 'with one claimed')
    await mustClaim(progress, 'worker', LEASE_MS)
    assertFields(await other.remaining(RELAY), { collections: 2 }, 'with both claimed')
    await assertDueLater(other)
  }),

  storeCase('lists the owner and the lease of a running collection, and of no other', async (stores) => {
    const { progress, other } = stores
    const free = { owner: undefined, leaseLeftMs: undefined, retryInMs: undefined }
    await progress.register(RELAY, [{ nsid: NAME }])
    await assertRow(other, { ...free, state: 'pending' })
    let claim = await mustClaim(progress, 'the first')
    assertFields(await onlyRow(other), { owner: 'the first', retryInMs: undefined }, 'the running row')
    assertAbout((await onlyRow(other)).leaseLeftMs, LEASE_MS, 'the lease')
    await progress.renew(claim, 3 * LEASE_MS)
    assertAbout((await onlyRow(other)).leaseLeftMs, 3 * LEASE_MS, 'the renewed lease')
    await progress.release(claim)
    await assertRow(other, { ...free, state: 'pending' })
    claim = await mustClaim(progress, 'the second')
    await assertRow(other, { owner: 'the second' })
    await progress.advance(claim, page(undefined))
    await assertRow(other, { ...free, state: 'complete' })
    await progress.reset(RELAY)
    await progress.release(await mustClaim(progress), { kind: 'failed', error: 'gone' })
    await assertRow(other, { ...free, state: 'failed' })
  }),

  storeCase(
    'lists how long a collection is set aside, and nothing of a lease that ran out',
    async (stores) => {
      const { progress, other } = stores
      await expiredClaim(progress)
      const free = { owner: undefined, leaseLeftMs: undefined, retryInMs: undefined }
      await assertRow(other, { ...free, state: 'pending' })
      for (const kind of ['failed', 'postponed'] as const) {
        await progress.release(await mustClaim(progress), { kind, error: 'busy', retryInMs: LEASE_MS })
        await assertRow(other, { owner: undefined, leaseLeftMs: undefined, state: 'pending' })
        assertAbout((await onlyRow(other)).retryInMs, LEASE_MS, `the pause of what was ${kind}`)
        await progress.reset(RELAY)
        await assertRow(other, { ...free, state: 'pending' })
      }
    },
  ),

  storeCase('knows nothing of a relay that was never registered', async ({ progress }) => {
    await claimed(progress)
    const left = await progress.remaining('nobody.example')
    assertFields(left, { collections: 0, dueInMs: undefined }, 'what is left')
    assert.deepEqual(await progress.list({ relay: 'nobody.example' }), [])
    await assertNothingFree(progress, 'nobody.example')
  }),

  storeCase('lists by relay and name', async ({ progress }) => {
    await progress.register('b.example', [{ nsid: 'com.example.z' }, { nsid: 'com.example.y' }])
    await progress.register('a.example', [{ nsid: 'com.example.zz' }])
    const names = (await progress.list()).map(({ relay, collection }) => `${relay} ${collection}`)
    assert.deepEqual(names, [
      'a.example com.example.zz',
      'b.example com.example.y',
      'b.example com.example.z',
    ])
  }),
]

/** How a walk ends unfinished, what a run registers, and what is told about it all. */
export const outcomeCases: readonly ProgressStoreCase[] = [...releaseCases, ...registerCases, ...reportCases]
