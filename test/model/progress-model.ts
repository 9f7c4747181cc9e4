import assert from 'node:assert/strict'
import fc from 'fast-check'
import type {
  Claim,
  CollectionFlag,
  IndexSink,
  PageProgress,
  ProgressStore,
  ReleaseOutcome,
  WalkAnchor,
} from '../../src/index.ts'

export const RELAY = 'relay.example'
const LEASE_MS = 3_600_000
const LATER_MS = 3_600_000
/** What a failed collection forgets when it is tried again. */
const UNTRIED = { failed: false, delayed: false, attempts: 0, restarts: 0 } as const

/** What a walk is before its first page. */
const UNWALKED = { pages: 0, imported: 0, cursor: undefined, anchor: undefined } as const

/** What a row must be, by the promise alone. */
interface Row {
  readonly collection: string
  estimate: number
  epoch: number
  owner: string | undefined
  leased: boolean
  pages: number
  imported: number
  cursor: string | undefined
  complete: boolean
  failed: boolean
  delayed: boolean
  attempts: number
  restarts: number
  anchor: WalkAnchor | undefined
  flags: readonly CollectionFlag[]
}

/** The oracle: rows, and the pairs that a committed page has brought. */
export interface Model {
  readonly rows: Map<string, Row>
  readonly pairs: Set<string>
}

/** The store under test, and every claim that it ever gave to anybody: workers may come back with old ones. */
export interface Real {
  readonly progress: ProgressStore
  readonly sink: IndexSink
  readonly readPairs: () => Promise<Set<string>>
  readonly claims: Claim[]
}

type Command = fc.AsyncCommand<Model, Real>

const isFree = (row: Row) => !row.complete && !row.failed && !row.leased && !row.delayed
const size = (row: Row) => Math.max(row.estimate, row.imported)

function biggestFree(model: Model): Row | undefined {
  return [...model.rows.values()]
    .filter(isFree)
    .sort((a, b) => size(b) - size(a) || (a.collection < b.collection ? -1 : 1))[0]
}

const rowOf = (model: Model, claim: Claim) => model.rows.get(claim.collection)

function holds(row: Row | undefined, claim: Claim): row is Row {
  return row !== undefined && row.epoch === claim.epoch && row.owner === claim.owner && !row.complete
}

async function assertSame(model: Model, { progress, readPairs }: Real): Promise<void> {
  const seen = (await progress.list({ relay: RELAY })).map(
    ({ collection, state, cursor, pages, imported, attempts, flags }) => ({
      collection,
      state,
      cursor,
      pages,
      imported,
      attempts,
      flags,
    }),
  )
  const expected = [...model.rows.values()]
    .sort((a, b) => (a.collection < b.collection ? -1 : 1))
    .map((row) => ({
      collection: row.collection,
      state: row.complete ? 'complete' : row.failed ? 'failed' : row.leased ? 'running' : 'pending',
      cursor: row.cursor,
      pages: row.pages,
      imported: row.imported,
      attempts: row.attempts,
      flags: row.flags,
    }))
  assert.deepEqual(seen, expected)
  const open = [...model.rows.values()].filter((row) => !row.complete && !row.failed)
  const { collections, dueInMs } = await progress.remaining(RELAY)
  assert.equal(collections, open.length)
  assert.equal(dueInMs === 0, open.some(isFree))
  assert.deepEqual(await readPairs(), model.pairs)
}

/** A step of the model: what it does to the store, and what must have come of it. */
function command(name: string, run: (model: Model, real: Real) => Promise<void>): Command {
  return {
    check: () => true,
    async run(model, real) {
      await run(model, real)
      await assertSame(model, real)
    },
    toString: () => name,
  }
}

const register = (collection: string, estimate: number | undefined) =>
  command(`register(${collection}, ${estimate})`, async ({ rows }, { progress }) => {
    await progress.register(RELAY, [{ nsid: collection, estimatedRepos: estimate }])
    for (const row of rows.values()) {
      if (row.failed && !isCancelled(row)) Object.assign(row, UNTRIED)
    }
    const row = rows.get(collection)
    if (row) row.estimate = estimate ?? row.estimate
    else rows.set(collection, newRow(collection, estimate ?? 0))
  })

/** The rows with these names, or all of them. */
function named({ rows }: Model, collections: readonly string[] | undefined): Row[] {
  return [...rows.values()].filter(({ collection }) => collections?.includes(collection) ?? true)
}

const retryFailed = (collections: readonly string[] | undefined) =>
  command(`retryFailed(${collections})`, async (model, { progress }) => {
    const isSetAside = (row: Row) => row.delayed && !row.complete && !row.leased
    const retried = named(model, collections).filter((row) =>
      collections === undefined ? row.failed && !isCancelled(row) : row.failed || isSetAside(row),
    )
    assert.equal(await progress.retryFailed(RELAY, collections), retried.length)
    for (const row of retried)
      Object.assign(row, { ...UNTRIED, flags: row.flags.filter((flag) => flag !== 'cancelled') })
  })

const isCancelled = ({ flags }: Row) => flags.includes('cancelled')

const cancel = (collections: readonly string[]) =>
  command(`cancel(${collections})`, async (model, { progress }) => {
    const cancelled = named(model, collections).filter((row) => !row.complete && !isCancelled(row))
    assert.equal(await progress.cancel(RELAY, collections), cancelled.length)
    for (const row of cancelled) {
      Object.assign(row, { failed: true, delayed: false, flags: [...row.flags, 'cancelled'] })
      Object.assign(row, { epoch: row.epoch + 1, owner: undefined, leased: false })
    }
  })

const reset = (collections: readonly string[] | undefined) =>
  command(`reset(${collections})`, async (model, { progress }) => {
    const free = named(model, collections).filter(({ leased }) => !leased)
    assert.equal(await progress.reset(RELAY, collections), free.length)
    for (const row of free) {
      Object.assign(row, UNTRIED)
      row.estimate = size(row)
      Object.assign(row, { ...UNWALKED, complete: false, flags: [] })
      // No claim that was given out before holds any more.
      Object.assign(row, { epoch: row.epoch + 1, owner: undefined })
    }
  })

function newRow(collection: string, estimate: number): Row {
  const walk = { ...UNWALKED, complete: false, flags: [] }
  const claim = {
    epoch: 0,
    owner: undefined,
    leased: false,
    failed: false,
    delayed: false,
    attempts: 0,
    restarts: 0,
  }
  return { collection, estimate, ...walk, ...claim }
}

const claim = (owner: string) =>
  command(`claim(${owner})`, async (model, { progress, claims }) => {
    const expected = biggestFree(model)
    const given = await progress.claim({ relay: RELAY, owner, leaseMs: LEASE_MS })
    assert.equal(given?.collection, expected?.collection)
    if (given === undefined || expected === undefined) return
    Object.assign(expected, { epoch: expected.epoch + 1, owner, leased: true })
    const { epoch, pages, imported, cursor, attempts, restarts, anchor } = expected
    assert.deepEqual(
      {
        epoch: given.epoch,
        pages: given.pages,
        imported: given.imported,
        cursor: given.cursor,
        attempts: given.attempts,
        restarts: given.restarts,
        anchor: given.anchor,
      },
      { epoch, pages, imported, cursor, attempts, restarts, anchor },
    )
    claims.push(given)
  })

/** Any claim that was ever given, the current ones among them: `index` counts from the newest. */
function withClaim(
  name: string,
  index: number,
  run: (model: Model, real: Real, claim: Claim) => Promise<void>,
): Command {
  return {
    check: () => true,
    async run(model, real) {
      const claim = real.claims[real.claims.length - 1 - (index % Math.max(real.claims.length, 1))]
      if (claim !== undefined) await run(model, real, claim)
      await assertSame(model, real)
    },
    toString: () => `${name} with claim ${index} from the end`,
  }
}

const advance = (index: number, last: boolean, count: number, pages: number) =>
  withClaim(`advance(${last ? 'last' : 'more'}, ${count}, ${pages})`, index, async (model, real, claim) => {
    const { collection, epoch, pages: page } = claim
    const change: PageProgress = {
      pages,
      imported: count,
      invalid: 0,
      cursor: last ? undefined : `${collection}/${page + pages}`,
      anchor: claim.anchor ?? { cursor: `${collection}/${epoch}`, lastDids: [], repos: count },
    }
    const dids = Array.from({ length: count }, (_, i) => `did:web:${collection}.e${epoch}p${page}n${i}`)
    const write = async (transaction?: unknown) => {
      await real.sink.add({ relay: RELAY, collection, dids }, { transaction })
    }
    const row = rowOf(model, claim)
    const expected = holds(row, claim) && row.pages === page
    const repeated =
      row !== undefined && row.epoch === epoch && row.pages === page + pages && row.cursor === change.cursor
    const advanced = await real.progress.advance(claim, change, write).catch((error: unknown) => {
      assert.equal((error as { code?: string }).code, 'CLAIM_LOST')
      return undefined
    })
    assert.ok(advanced !== undefined || !expected, 'a claim that holds advances')
    // A page that this claim has committed already is recognised by some stores; it must change nothing.
    assert.ok(advanced === undefined || expected || repeated, 'a claim that does not hold must not advance')
    if (!expected) return
    for (const did of dids) model.pairs.add(`${collection} ${did}`)
    Object.assign(row, {
      pages: page + pages,
      imported: row.imported + count,
      cursor: change.cursor,
      anchor: last ? undefined : change.anchor,
      attempts: 0,
      delayed: false,
    })
    Object.assign(row, last ? { complete: true, owner: undefined, leased: false } : { leased: true })
    if (advanced) real.claims.push(advanced)
  })

/** A lease of no length has run out at once: how time passes here, without a clock in the test. */
const renew = (index: number, leaseMs: number) =>
  withClaim(`renew(${leaseMs})`, index, async (model, { progress }, claim) => {
    const row = rowOf(model, claim)
    const expected = holds(row, claim)
    const renewed = await progress.renew(claim, leaseMs).then(
      () => true,
      (error: unknown) => {
        assert.equal((error as { code?: string }).code, 'CLAIM_LOST')
        return false
      },
    )
    assert.equal(renewed, expected)
    if (expected) row.leased = leaseMs > 0
  })

const release = (index: number, outcome: ReleaseOutcome | undefined) =>
  withClaim(`release(${JSON.stringify(outcome)})`, index, async (model, { progress }, claim) => {
    await progress.release(claim, outcome)
    const row = rowOf(model, claim)
    if (!holds(row, claim)) return
    Object.assign(row, { owner: undefined, leased: false })
    if (outcome === undefined) return
    if (outcome.kind !== 'postponed') row.flags = outcome.flags ?? row.flags
    if (outcome.kind === 'restart') {
      Object.assign(row, { ...UNWALKED, restarts: row.restarts + 1 })
      return
    }
    row.delayed = (outcome.retryInMs ?? 0) > 0
    if (outcome.kind === 'postponed') return
    row.attempts += 1
    row.failed = outcome.retryInMs === undefined
  })

const index = fc.nat({ max: 6 })
const pages = fc.integer({ min: 1, max: 3 })
const listed = fc.constantFrom(undefined, ['com.example.a'], ['com.example.b', 'com.example.c'])
const outcome: fc.Arbitrary<ReleaseOutcome | undefined> = fc.constantFrom(
  undefined,
  { kind: 'failed', error: 'no', retryInMs: 0 },
  { kind: 'failed', error: 'no', retryInMs: LATER_MS },
  { kind: 'failed', error: 'for good' },
  { kind: 'postponed', error: 'busy', retryInMs: LATER_MS },
  { kind: 'restart', error: 'refused' },
  { kind: 'restart', error: 'changed', flags: ['cursorsChanged'] },
)

/** Interleavings of three workers, who crash by never using a claim again and wake up by using an old one. */
export const interleavings: fc.Arbitrary<Iterable<Command>> = fc.commands(
  [
    fc
      .tuple(
        fc.constantFrom('com.example.a', 'com.example.b', 'com.example.c'),
        fc.constantFrom(undefined, 0, 5, 40),
      )
      .map((entry) => register(...entry)),
    listed.map(retryFailed),
    listed.map(reset),
    fc.constantFrom(['com.example.a'], ['com.example.b', 'com.example.c']).map(cancel),
    fc.constantFrom('one', 'two', 'three').map(claim),
    fc.tuple(index, fc.boolean(), fc.nat({ max: 9 }), pages).map((entry) => advance(...entry)),
    fc.tuple(index, fc.constant(false), fc.nat({ max: 9 }), pages).map((entry) => advance(...entry)),
    fc.tuple(index, fc.constantFrom(0, LEASE_MS)).map((entry) => renew(...entry)),
    fc.tuple(index, outcome).map((entry) => release(...entry)),
  ],
  { maxCommands: 60, size: 'max' },
)

/** Runs one interleaving on a fresh store. */
export async function play(commands: Iterable<Command>, real: Omit<Real, 'claims'>): Promise<void> {
  await fc.asyncModelRun(
    () => ({ model: { rows: new Map(), pairs: new Set<string>() }, real: { ...real, claims: [] } }),
    commands,
  )
}
