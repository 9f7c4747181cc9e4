import { describe, expect, it } from 'vitest'
import {
  type CollectionReport,
  type IndexSink,
  memoryStore,
  type RepoIndex,
  type RepoLister,
  relayLister,
  StoreUnavailableError,
  type VerifyOptions,
  verify,
} from '../../src/index.ts'
import { collectionIndex, kyselyIndexSink, migrateToLatest } from '../../src/kysely/index.ts'
import { startRelay, type TestRelay } from '../../src/testing/index.ts'
import { createPostgres } from '../support/databases.ts'
import { PROFILE, quick } from '../support/e2e.ts'
import { scriptedLister } from '../support/scripted-lister.ts'
import { didsFrom } from '../support/store-steps.ts'
import { A, B, C, FIRST, MIXED, SORTED } from '../support/verification.ts'

/** An index and its sink, which a repair works on. */
interface Repaired extends AsyncDisposable {
  readonly index: RepoIndex
  readonly sink: IndexSink
}

const stores = [
  {
    kind: 'memory',
    create: async (): Promise<Repaired> => ({ ...memoryStore(), async [Symbol.asyncDispose]() {} }),
  },
  {
    kind: 'Postgres',
    async create(): Promise<Repaired> {
      const postgres = await createPostgres()
      await migrateToLatest(postgres.db)
      return {
        index: collectionIndex(postgres.db),
        sink: kyselyIndexSink(postgres.db),
        [Symbol.asyncDispose]: () => postgres[Symbol.asyncDispose](),
      }
    },
  },
]

const FOREIGN = Array.from({ length: 30 }, (_, i) => `did:web:n${i}.example`)

async function fill({ sink }: Repaired, held: Record<string, readonly string[]>): Promise<void> {
  for (const [collection, dids] of Object.entries(held)) await sink.add({ relay: 'x', collection, dids })
}

async function heldIn({ index }: Pick<Repaired, 'index'>, collection: string): Promise<string[]> {
  const dids: string[] = []
  let cursor: string | undefined
  do {
    const page = await index.listRepos(collection, { cursor, limit: 10_000 })
    dids.push(...page.dids)
    cursor = page.cursor
  } while (cursor !== undefined)
  return dids
}

/** A relay that lists these, a few hundred to a page, in the given order; another list once `lists` changes. */
function listing(lists: Record<string, readonly string[]>, relay = 'relay.example', size = 200) {
  const pageOf =
    (collection: string) =>
    ({ cursor }: { cursor?: string | undefined }) => {
      const all = lists[collection] ?? []
      const end = Number(cursor ?? 0) + size
      const dids = all.slice(Number(cursor ?? 0), end)
      return end < all.length ? { dids, cursor: String(end) } : { dids }
    }
  return scriptedLister(Object.fromEntries(Object.keys(lists).map((nsid) => [nsid, pageOf(nsid)])), relay)
}

async function repair(
  store: Repaired,
  relay: RepoLister,
  options: Partial<VerifyOptions>,
): Promise<CollectionReport[]> {
  return await Array.fromAsync(
    verify({ relay, index: store.index, sink: store.sink, retry: quick, collections: [A], ...options }),
  )
}

describe.each(stores)('a repair of an index in $kind', ({ create }) => {
  const lost = SORTED.filter((_, i) => i % 50 === 7)
  const held = [...SORTED.filter((did) => !lost.includes(did)), ...FOREIGN]

  it.each([
    ['add', [...SORTED, ...FOREIGN], { added: 10, removed: 0 }],
    ['remove', held.filter((did) => !FOREIGN.includes(did)), { added: 0, removed: 30 }],
    ['both', SORTED, { added: 10, removed: 30 }],
  ] as const)(
    '%s: does what it is called, tells it, and leaves other collections alone',
    async (mode, left, repaired) => {
      await using store = await create()
      await fill(store, { [A]: held, [B]: held })
      const [report] = await repair(store, listing({ [A]: MIXED }), { repair: mode })
      expect(report).toMatchObject({ differences: { both: 490, onlyThere: 10, onlyHere: 30 }, repaired })
      expect(await heldIn(store, A)).toEqual([...left].sort())
      expect(await heldIn(store, B)).toEqual([...held].sort())
      const [again] = await repair(store, listing({ [A]: MIXED }), { repair: mode })
      expect(again?.repaired).toEqual({ added: 0, removed: 0 })
    },
  )

  it('reads an equal collection once, and one that differs twice', async () => {
    await using store = await create()
    await fill(store, { [A]: SORTED, [B]: held })
    const relay = listing({ [A]: SORTED, [B]: MIXED })
    const run = verify({ relay, index: store.index, sink: store.sink, repair: 'both' })
    expect(await run.run()).toMatchObject({
      compared: 2,
      failed: 0,
      onlyThere: 10,
      onlyHere: 30,
      added: 10,
      removed: 30,
    })
    const requestsOf = (nsid: string) => relay.requests.filter(({ collection }) => collection === nsid)
    expect([requestsOf(A).length, requestsOf(B).length]).toEqual([4, 8])
  })

  it('removes nothing where the relay is rebuilt on the way: what its list lacks then is not surplus', async () => {
    await using store = await create()
    const names = [A, B, C]
    await fill(store, Object.fromEntries(names.map((nsid) => [nsid, SORTED])))
    let asked = 0
    await using relay: TestRelay = await startRelay({
      collections: { [PROFILE]: [FIRST], ...Object.fromEntries(names.map((nsid) => [nsid, SORTED])) },
      script({ collection = '' }) {
        if (names.includes(collection) && ++asked === 3) relay.rebuild()
        return undefined
      },
    })
    const lister = relayLister(relay.url, { pageSize: 200 })
    const reports = await repair(store, lister, { collections: names, repair: 'both' })
    expect(reports[0]).toMatchObject({ error: { code: 'CURSORS_CHANGED' }, repaired: { removed: 0 } })
    expect(reports.slice(1)).toMatchObject([
      { differences: { onlyHere: 0 } },
      { differences: { onlyHere: 0 } },
    ])
    for (const nsid of names) expect(await heldIn(store, nsid)).toEqual(SORTED)
  })

  it('brings everything back into an index that was emptied, and takes everything out that nobody lists', async () => {
    await using store = await create()
    await fill(store, { [B]: SORTED })
    const relay = listing({ [A]: MIXED, [B]: [] })
    const reports = await repair(store, relay, { collections: [A, B], repair: 'both' })
    expect(reports.map(({ repaired }) => repaired)).toEqual([
      { added: 500, removed: 0 },
      { added: 0, removed: 500 },
    ])
    expect([await heldIn(store, A), await heldIn(store, B)]).toEqual([SORTED, []])
  })

  it('mends tens of thousands in several passes of bounded digests', async () => {
    await using store = await create()
    const many = didsFrom(0, 45_000)
    const listed = many.filter((_, i) => i % 3 !== 0).map((_, i, all) => all[(i * 7) % all.length] ?? '')
    await fill(store, { [A]: many.filter((_, i) => i % 3 !== 1) })
    const relay = listing({ [A]: listed }, undefined, 5_000)
    const [report] = await repair(store, relay, { repair: 'both', memoryBytes: 250_000 })
    expect(report).toMatchObject({
      differences: { both: 15_000, onlyThere: 15_000, onlyHere: 15_000 },
      repaired: { added: 15_000, removed: 15_000 },
    })
    expect(await heldIn(store, A)).toEqual([...listed].sort())
    // A pass is two walks of six pages; the digests of half of it do not fit.
    expect(relay.requests.length).toBeGreaterThanOrEqual(4 * 6)
  })
})

describe('what a live feed does meanwhile', () => {
  /** At each request of the relay, in their order. */
  function during(lists: Record<string, readonly string[]>, steps: (() => unknown)[]): RepoLister {
    const relay = listing(lists)
    return {
      ...relay,
      async listRepos(request) {
        await steps.shift()?.()
        return relay.listRepos(request)
      },
    }
  }
  const memory = stores[0]?.create ?? (() => Promise.reject(new Error('no store')))

  it('what it adds is never removed, at whatever request of the relay it comes', async () => {
    for (let at = 0; at < 6; at += 1) {
      await using store = await memory()
      await fill(store, { [A]: [...SORTED, ...FOREIGN] })
      const steps = Array.from(
        { length: 6 },
        (_, i) => () => i === at && fill(store, { [A]: ['did:web:new.example'] }),
      )
      await repair(store, during({ [A]: MIXED }, steps), { repair: 'both' })
      expect(await heldIn(store, A)).toEqual([...SORTED, 'did:web:new.example'].sort())
    }
  })

  it('a repo that comes back after the relay’s list was read is there again, also with a repair that only removes', async () => {
    await using store = await memory()
    await fill(store, { [A]: [...SORTED, ...FOREIGN] })
    const lists = { [A]: [...MIXED] }
    const [back = ''] = FOREIGN
    // The live feed finds its pair still there, and changes nothing; then the pair is removed.
    const index: RepoIndex = {
      ...store.index,
      async remove(...removal) {
        if (!lists[A].includes(back)) lists[A].push(back)
        await fill(store, { [A]: [back] })
        return (await store.index.remove?.(...removal)) ?? { removed: 0 }
      },
    }
    const [report] = await repair({ ...store, index }, listing(lists), { repair: 'remove' })
    expect(report?.repaired).toEqual({ added: 1, removed: 30 })
    expect(await heldIn(store, A)).toEqual([...SORTED, back].sort())
  })

  it('a pair that the feed removed before the repair could is no trouble', async () => {
    await using store = await memory()
    await fill(store, { [A]: [...SORTED, ...FOREIGN] })
    const steps = [undefined, () => store.index.remove?.(A, FOREIGN.slice(0, 29))].map(
      (step) => () => step?.(),
    )
    const [report] = await repair(store, during({ [A]: MIXED }, steps), { repair: 'remove' })
    expect(report).toMatchObject({ differences: { onlyHere: 1 }, repaired: { removed: 1 } })
  })
})

describe('an index that was filled from several relays', () => {
  const memory = memoryStore

  it('keeps what any of them lists, and is equal to what they list together', async () => {
    const store = memory()
    await fill(
      { ...store, async [Symbol.asyncDispose]() {} },
      { [A]: [...SORTED, ...FOREIGN, 'did:web:old.example'] },
    )
    const relay = [
      listing({ [A]: MIXED.slice(0, 300) }, 'one.example'),
      listing({ [A]: [...FOREIGN, ...SORTED.slice(1)] }, 'two.example'),
    ]
    const all = { relay, index: store.index, sink: store.sink, collections: [A] }
    const [report] = await Array.fromAsync(verify({ ...all, repair: 'both' }))
    expect(report).toMatchObject({
      relay: 'one.example, two.example',
      differences: { both: 530, onlyThere: 0, onlyHere: 1, samples: { onlyHere: ['did:web:old.example'] } },
      repaired: { added: 0, removed: 1 },
    })
    expect(await heldIn(store, A)).toEqual([...SORTED, ...FOREIGN].sort())
    expect(await verify(all).run()).toMatchObject({ compared: 1, both: 530, onlyThere: 0, onlyHere: 0 })
  })

  it('changes nothing where one of them fails', async () => {
    const store = memory()
    await fill({ ...store, async [Symbol.asyncDispose]() {} }, { [A]: FOREIGN })
    const broken = scriptedLister({ [A]: () => Promise.reject(new Error('gone')) }, 'two.example')
    const relay = [listing({ [A]: SORTED }, 'one.example'), broken]
    const options = { index: store.index, sink: store.sink, collections: [A], retry: { retries: 0 } }
    const [report] = await Array.fromAsync(verify({ ...options, relay, repair: 'both' }))
    expect(report).toMatchObject({ error: { message: 'gone' }, repaired: { added: 0, removed: 0 } })
    expect(await heldIn(store, A)).toEqual([...FOREIGN].sort())
  })
})

describe('a repair that is disturbed', () => {
  it('waits for an index that is unavailable while it removes and while it adds', async () => {
    const store = memoryStore()
    await store.sink.add({ relay: 'x', collection: A, dids: FOREIGN })
    /** Refuses the first call. */
    const afterRestart = () => {
      let calls = 0
      return () => {
        calls += 1
        if (calls === 1) throw new StoreUnavailableError('It restarts.')
      }
    }
    const [removing, adding] = [afterRestart(), afterRestart()]
    const index: RepoIndex = {
      ...store.index,
      async remove(...removal) {
        removing()
        return store.index.remove(...removal)
      },
    }
    const sink: IndexSink = {
      async add(batch) {
        adding()
        await store.sink.add(batch)
      },
    }
    const waits: string[] = []
    const onEvent = ({ type }: { type: string }) => type === 'storeUnavailable' && waits.push(type)
    const options: VerifyOptions = { relay: listing({ [A]: [FIRST] }), index, sink, repair: 'both', onEvent }
    // A sink that cannot tell how many were new: what it was given counts.
    expect(await verify(options).run()).toMatchObject({ added: 1, removed: 30 })
    expect(waits).toHaveLength(2)
    expect(await heldIn(store, A)).toEqual([FIRST])
  })

  it('left or broken off at any removal, it has harmed nothing, and the next one does the rest', async () => {
    const store = memoryStore()
    const surplus = didsFrom(1_000, 12_000)
    await store.sink.add({ relay: 'x', collection: A, dids: [...SORTED, ...surplus] })
    let removals = 0
    const index: RepoIndex = {
      ...store.index,
      async remove(...removal) {
        removals += 1
        if (removals === 2) throw new Error('the process ends here')
        return store.index.remove(...removal)
      },
    }
    const options = { relay: listing({ [A]: MIXED }), sink: store.sink, repair: 'remove' as const }
    const [report] = await Array.fromAsync(verify({ ...options, index }))
    expect(report).toMatchObject({ error: { message: 'the process ends here' } })
    expect(report?.differences).toBeUndefined()
    const left = await heldIn(store, A)
    expect(left.length).toBeLessThan(12_500)
    expect(left).toEqual(expect.arrayContaining(SORTED))
    expect(report?.repaired?.removed).toBe(12_500 - left.length)
    expect(await verify({ ...options, index: store.index }).run()).toMatchObject({
      removed: left.length - 500,
    })
    expect(await heldIn(store, A)).toEqual(SORTED)
  })

  it('stops with the signal’s reason between two removals', async () => {
    const store = memoryStore()
    await store.sink.add({ relay: 'x', collection: A, dids: [...SORTED, ...didsFrom(1_000, 12_000)] })
    const stop = new AbortController()
    const reason = new Error('enough')
    const index: RepoIndex = {
      ...store.index,
      async remove(...removal) {
        stop.abort(reason)
        return store.index.remove(removal[0], removal[1])
      },
    }
    const run = verify({
      relay: listing({ [A]: MIXED }),
      index,
      sink: store.sink,
      repair: 'both',
      signal: stop.signal,
    })
    await expect(run.run()).rejects.toBe(reason)
    expect(await heldIn(store, A)).toEqual(expect.arrayContaining(SORTED))
  })
})

it.each<[string, Partial<VerifyOptions>, RegExp]>([
  ['repair', { repair: 'all' as 'both' }, /'add', 'remove' or 'both'/],
  ['sink', { repair: 'remove', sink: undefined }, /store\.sink/],
  ['sink', { sink: {} as IndexSink }, /IndexSink/],
  ['index', { repair: 'both', index: { listRepos: async () => ({ dids: [] }) } }, /RepoIndex with remove/],
  ['relay', { relay: [] }, /a list of relays/],
])('refuses a repair with a bad %s', (option, options, message) => {
  const { index, sink } = memoryStore()
  const given = { relay: listing({}), index, sink, collections: [A], ...options }
  expect(() => verify(given)).toThrowError(
    expect.objectContaining({ name: 'InvalidOptionError', option, message: expect.stringMatching(message) }),
  )
})
