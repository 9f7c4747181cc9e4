import assert from 'node:assert/strict'
import type { CollectionProgress } from '../../contracts/collection-progress.ts'
import type { KnownCollection } from '../../contracts/collection-source.ts'
import type { Claim, PageProgress, ProgressStore } from '../../contracts/progress-store.ts'
import { rejectionOf, type SuiteCase, type SuiteFixture, withFixture } from './suite.ts'

/** An empty progress store. */
export interface ProgressStoreFixture extends SuiteFixture {
  readonly progress: ProgressStore
  /**
   * Another instance on the same data, as a second process has it: with a connection of its own and nothing that the
   * first one remembers. Closed with the fixture. Absent for a store that lives and dies with its instance.
   */
  reopen?(): Promise<{ readonly progress: ProgressStore }>
}

export type ProgressStoreCase = SuiteCase<() => Promise<ProgressStoreFixture>>

/** A store, and `other`, another process's instance of it: the same one where there is no other. */
interface Stores {
  readonly progress: ProgressStore
  readonly other: ProgressStore
}

export const RELAY = 'relay.example'
export const NAME = 'app.bsky.feed.post'
export const LEASE_MS = 60_000
/** How long a lease or a pause of one millisecond may take to end, on a clock that is coarse. */
const DUE_MS = 5_000

/** A case that gets a store twice: `other` is opened first, so that it sees what is durable and nothing else. */
export function storeCase(name: string, run: (stores: Stores) => Promise<void>): ProgressStoreCase {
  return {
    name,
    async run(make) {
      await withFixture(await make(), async (fixture) => {
        const { progress: other } = (await fixture.reopen?.()) ?? fixture
        await run({ progress: fixture.progress, other })
      })
    },
  }
}

/** What one page changes; several in one commit with `{ ...page(…), pages }`. */
export const page = (cursor: string | undefined, imported: number = 10, invalid = 0): PageProgress => ({
  pages: 1,
  cursor,
  imported,
  invalid,
})

/** Claims, and fails when there is nothing to claim. */
export async function mustClaim(
  progress: ProgressStore,
  owner = 'worker',
  leaseMs: number = LEASE_MS,
): Promise<Claim> {
  const claim = await progress.claim({ relay: RELAY, owner, leaseMs })
  assert.ok(claim, 'a collection is free, so there is a claim')
  return claim
}

/** Registers one collection and claims it. */
export async function claimed(
  progress: ProgressStore,
  collection: KnownCollection = { nsid: NAME },
): Promise<Claim> {
  await progress.register(RELAY, [collection])
  return mustClaim(progress)
}

export async function assertNothingFree(progress: ProgressStore, relay: string = RELAY): Promise<void> {
  const claim = await progress.claim({ relay, owner: 'another', leaseMs: LEASE_MS })
  assert.equal(claim?.collection, undefined, 'a collection that is claimed although none is free')
}

export async function onlyRow(progress: ProgressStore): Promise<CollectionProgress> {
  const rows = await progress.list({ relay: RELAY })
  const [row] = rows
  assert.ok(row && rows.length === 1, `one row, not ${rows.length}`)
  return row
}

/** The fields of the only row. What is absent and what is `undefined` is the same. */
export async function assertRow(
  progress: ProgressStore,
  expected: Partial<CollectionProgress>,
): Promise<void> {
  assertFields(await onlyRow(progress), expected, 'the row')
}

export function assertFields<T extends object>(given: T, expected: Partial<T>, what: string): void {
  const names = Object.keys(expected) as (keyof T)[]
  assert.deepEqual(
    Object.fromEntries(names.map((name) => [name, given[name]])),
    Object.fromEntries(names.map((name) => [name, expected[name]])),
    what,
  )
}

/** Looked at by its code: the class may come from another copy of the package. */
export async function assertClaimLost(promise: Promise<unknown>, what: string): Promise<void> {
  const error = await rejectionOf(promise, what)
  const code = error instanceof Error && 'code' in error ? error.code : String(error)
  assert.equal(code, 'CLAIM_LOST', `${what} must reject with a ClaimLostError`)
}

/** That the first collection is due within about a lease. */
export async function assertDueLater(progress: ProgressStore, leaseMs: number = LEASE_MS): Promise<void> {
  assertAbout((await progress.remaining(RELAY)).dueInMs, leaseMs, 'what is due')
}

/** That a time which began a moment ago, at `ms` milliseconds, has most of it left. */
export function assertAbout(leftMs: number | undefined, ms: number, what: string): void {
  assert.ok(
    leftMs !== undefined && leftMs > ms / 2 && leftMs <= ms,
    `${what}: about ${ms} ms from now, not ${leftMs} ms`,
  )
}

/** Waits until a collection can be claimed, by the store's own clock. */
export async function untilDue(progress: ProgressStore): Promise<void> {
  const end = performance.now() + DUE_MS
  for (;;) {
    const { dueInMs } = await progress.remaining(RELAY)
    if (dueInMs === 0) return
    assert.ok(
      dueInMs !== undefined && performance.now() + dueInMs < end,
      `a lease or a pause of 1 ms is over soon, not in ${dueInMs} ms`,
    )
    await new Promise((resolve) => setTimeout(resolve, dueInMs))
  }
}

/** A claim whose lease has run out, of a collection that no other worker has taken over yet. */
export async function expiredClaim(progress: ProgressStore, owner = 'first'): Promise<Claim> {
  await progress.register(RELAY, [{ nsid: NAME }])
  const claim = await mustClaim(progress, owner, 1)
  await untilDue(progress)
  return claim
}
