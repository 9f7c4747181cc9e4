import assert from 'node:assert/strict'
import type { Claim, ProgressStore } from '../../contracts/progress-store.ts'
import {
  assertClaimLost,
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
import { ODD_CURSORS, ODD_DIDS } from './samples.ts'
import { rejectionOf } from './suite.ts'

const savingCases: readonly ProgressStoreCase[] = [
  storeCase('saves each page, and the next claim goes on there', async ({ progress, other }) => {
    const first = await progress.advance(await claimed(progress), { ...page('c1', 10, 1), loopGuard: 'g1' })
    assertFields(first, { cursor: 'c1', pages: 1, imported: 10, loopGuard: 'g1' }, 'the next claim')
    const second = await progress.advance(first, { ...page('c2', 7, 2), loopGuard: 'g2' })
    await progress.release(second)
    const again = await mustClaim(other, 'another')
    assertFields(again, { cursor: 'c2', pages: 2, imported: 17, loopGuard: 'g2' }, 'the claim after that')
    await assertRow(progress, { cursor: 'c2', pages: 2, imported: 17, invalid: 3, state: 'running' })
    const third = await other.advance(again, page('c3'))
    assertFields(third, { loopGuard: undefined }, 'a page without a loop guard')
  }),

  storeCase('keeps the anchor of a walk letter by letter, until the walk is over', async (stores) => {
    const { progress, other } = stores
    let claim = await claimed(progress)
    for (const [i, cursor] of ODD_CURSORS.entries()) {
      const anchor = { cursor, lastDids: ODD_DIDS.slice(0, i % 4), repos: 1_000 * i }
      claim = await progress.advance(claim, { ...page(`c${i}`), anchor })
      assertFields(claim, { anchor }, 'the next claim')
      await progress.release(claim)
      claim = await mustClaim(other)
      assertFields(claim, { anchor }, 'the claim after that')
    }
    claim = await other.advance(claim, page('c'))
    assertFields(claim, { anchor: undefined }, 'a page without an anchor')
    const anchor = { cursor: 'c', lastDids: [], repos: 0 }
    await other.advance(claim, { ...page(undefined), anchor })
    assert.equal(await progress.reset(RELAY), 1)
    assertFields(await mustClaim(progress), { anchor: undefined }, 'the claim of the next walk')
  }),

  storeCase('counts all pages of a commit, and the fence with them', async ({ progress, other }) => {
    const claim = await claimed(progress)
    const next = await progress.advance(claim, { ...page('c3', 30), pages: 3 })
    assertFields(next, { cursor: 'c3', pages: 3, imported: 30 }, 'the next claim')
    await assertRow(other, { cursor: 'c3', pages: 3, imported: 30 })
    await assertClaimLost(other.advance({ ...next, pages: 1 }, page('c2')), 'a claim of a page in between')
    const last = await other.advance(next, { ...page(undefined, 20), pages: 2 })
    assertFields(last, { pages: 5, imported: 50 }, 'the last claim')
    await assertRow(progress, { state: 'complete', pages: 5, imported: 50 })
  }),

  storeCase('everything that resolves is durable: another instance sees it at once', async (stores) => {
    const { progress, other } = stores
    await progress.register(RELAY, [{ nsid: NAME, estimatedRepos: 5 }])
    await assertRow(other, { state: 'pending', estimatedRepos: 5 })
    let claim = await mustClaim(progress)
    await assertRow(other, { state: 'running' })
    for (let i = 1; i <= 5; i += 1) {
      claim = await progress.advance(claim, page(`c${i}`))
      await assertRow(other, { cursor: `c${i}`, pages: i, imported: 10 * i })
    }
    await progress.release(claim, { kind: 'failed', error: 'e', retryInMs: 0 })
    await assertRow(other, { state: 'pending', attempts: 1, lastError: 'e' })
    await progress.advance(await mustClaim(progress), page(undefined))
    await assertRow(other, { state: 'complete', cursor: undefined, pages: 6 })
  }),

  storeCase('a page without a cursor completes the collection, for good', async ({ progress, other }) => {
    const claim = await progress.advance(await claimed(progress), page('c1'))
    assertFields(await other.remaining(RELAY), { collections: 1 }, 'what is left before')
    const last = await progress.advance(claim, page(undefined))
    assertFields(last, { cursor: undefined, pages: 2, imported: 20 }, 'the last claim')
    await assertRow(other, { state: 'complete', cursor: undefined, imported: 20, pages: 2 })
    assert.ok((await onlyRow(other)).completedAt instanceof Date, 'completedAt is a Date')
    assertFields(await other.remaining(RELAY), { collections: 0, dueInMs: undefined }, 'what is left')
    await assertNothingFree(other)
    await assertClaimLost(progress.renew(last, LEASE_MS), 'renew of a complete collection')
    await assertClaimLost(progress.advance(last, page('c3')), 'advance of a complete collection')
    await progress.release(last, { kind: 'failed', error: 'too late' })
    await progress.register(RELAY, [{ nsid: NAME, estimatedRepos: 5 }])
    await assertRow(other, { state: 'complete', imported: 20, pages: 2, lastError: undefined })
    await assertNothingFree(progress)
  }),

  storeCase(
    'nothing but a page without a cursor completes: no empty page, no release, no failure',
    async (stores) => {
      const { progress } = stores
      let claim = await progress.advance(await claimed(progress), page('c1', 0))
      await assertRow(progress, { state: 'running', completedAt: undefined, cursor: 'c1' })
      await progress.release(claim)
      await assertRow(progress, { state: 'pending', completedAt: undefined, cursor: 'c1' })
      claim = await progress.advance(await mustClaim(progress), page('c2', 0, 3))
      await progress.release(claim, { kind: 'failed', error: 'gone' })
      await assertRow(progress, { state: 'failed', completedAt: undefined, cursor: 'c2' })
    },
  ),

  storeCase('keeps a cursor letter by letter', async ({ progress, other }) => {
    let claim = await claimed(progress)
    for (const cursor of ODD_CURSORS) {
      claim = await progress.advance(claim, { ...page(cursor), loopGuard: cursor })
      assertFields(claim, { cursor, loopGuard: cursor }, 'the next claim')
      await assertRow(other, { cursor })
      await progress.release(claim)
      claim = await mustClaim(other)
      assertFields(claim, { cursor, loopGuard: cursor }, 'the claim after that')
    }
  }),

  storeCase('counts beyond 32 bits, in numbers', async ({ progress }) => {
    const first = await progress.advance(await claimed(progress), page('c1', 3_000_000_000, 3_000_000_000))
    const second = await progress.advance(first, page('c2', 3_000_000_000, 3_000_000_000))
    assertFields(second, { imported: 6_000_000_000 }, 'the next claim')
    await assertRow(progress, { imported: 6_000_000_000, invalid: 6_000_000_000 })
  }),
]

const fenceCases: readonly ProgressStoreCase[] = [
  storeCase('counts a page that is committed twice once', async ({ progress, other }) => {
    const claim = await claimed(progress)
    const commits = await Promise.allSettled(
      [progress, other, progress].map((store) => store.advance(claim, page('c1', 10, 1))),
    )
    assert.ok(
      commits.some(({ status }) => status === 'fulfilled'),
      'one of the commits succeeds',
    )
    for (const commit of commits) {
      if (commit.status === 'rejected')
        await assertClaimLost(Promise.reject(commit.reason), 'a second commit')
      else assertFields(commit.value, { cursor: 'c1', pages: 1, imported: 10 }, 'the next claim')
    }
    await assertRow(other, { pages: 1, imported: 10, invalid: 1 })
  }),

  storeCase('refuses a page of an older place, though epoch and owner are right', async ({ progress }) => {
    const first = await claimed(progress)
    const third = await progress.advance(await progress.advance(first, page('c1')), page('c2'))
    await assertClaimLost(progress.advance(first, page('c1')), 'advance at a page before the last')
    await assertClaimLost(progress.advance(first, page('other')), 'advance at a page before the last')
    await assertClaimLost(progress.advance(first, page(undefined)), 'advance at a page before the last')
    await assertRow(progress, { cursor: 'c2', pages: 2, imported: 20, state: 'running' })
    assertFields(await progress.advance(third, page('c3')), { pages: 3 }, 'the next claim')
  }),

  storeCase('leaves the claim that it was given as it is', async ({ progress }) => {
    const claim = await claimed(progress)
    const before = structuredClone(claim)
    await progress.advance(claim, page('c1'))
    await progress.renew(claim, 2 * LEASE_MS)
    await progress.release(claim)
    assert.deepEqual(claim, before)
  }),
]

const writeCases: readonly ProgressStoreCase[] = [
  storeCase('a write that fails leaves everything as it was', async ({ progress, other }) => {
    const claim = await claimed(progress)
    const failure = new Error('sink is down')
    const refused = progress.advance(claim, page('c1'), () => Promise.reject(failure))
    assert.ok(
      (await rejectionOf(refused, 'advance')) === failure,
      'advance must reject with the error of write',
    )
    await assertRow(other, { cursor: undefined, pages: 0, imported: 0, attempts: 0, state: 'running' })
    assertFields(await progress.advance(claim, page('c1')), { pages: 1 }, 'the next claim')
  }),

  storeCase('a write is done before the cursor is saved', async ({ progress }) => {
    const claim = await claimed(progress)
    let written = false
    const advancing = progress.advance(claim, page('c1'), async () => {
      // A later turn of the event loop: a store that does not wait is there first.
      await new Promise((resolve) => setTimeout(resolve, 5))
      written = true
    })
    await advancing
    assert.ok(written, 'advance waits for write')
    await assertRow(progress, { cursor: 'c1', pages: 1 })
  }),

  storeCase('a claim that is lost writes nothing', async ({ progress, other }) => {
    const first = await expiredClaim(progress)
    await mustClaim(other, 'second')
    let writes = 0
    const write = async () => {
      writes += 1
    }
    await assertClaimLost(
      progress.advance(first, page('c1'), write),
      'advance by a claim that was taken over',
    )
    assert.equal(writes, 0, 'write stands behind the fence')
  }),

  storeCase(
    'a claim that is taken over while its page is written commits all of it or nothing',
    async (stores) => {
      const { progress, other } = stores
      const first = await expiredClaim(progress)
      const takeovers: Promise<Claim | undefined>[] = []
      // A store with transactions lets the other wait until this one is over, so this must not wait for it.
      const write = async () => {
        takeovers.push(other.claim({ relay: RELAY, owner: 'second', leaseMs: LEASE_MS }))
        await Promise.race([takeovers[0], new Promise((resolve) => setTimeout(resolve, 20))])
      }
      const [commit] = await Promise.allSettled([progress.advance(first, page('c1'), write)])
      const second = (await Promise.all(takeovers)).find((claim) => claim !== undefined)
      if (commit.status === 'rejected') await assertClaimLost(Promise.reject(commit.reason), 'advance')
      await assertWhole(other, commit.status === 'fulfilled', second)
    },
  ),
]

/** That the page is there or not, alike in the row and for the worker that took over. */
async function assertWhole(
  progress: ProgressStore,
  committed: boolean,
  next: Claim | undefined,
): Promise<void> {
  const expected = committed
    ? { cursor: 'c1', pages: 1, imported: 10 }
    : { cursor: undefined, pages: 0, imported: 0 }
  await assertRow(progress, { ...expected, state: 'running' })
  if (next !== undefined) assertFields(next, expected, 'where the one who took over goes on')
}

/** What a committed page does, and what a refused one does not. */
export const pageCases: readonly ProgressStoreCase[] = [...savingCases, ...fenceCases, ...writeCases]
