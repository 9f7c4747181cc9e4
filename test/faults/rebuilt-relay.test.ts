import { describe, expect, it } from 'vitest'
import {
  type BackfillEvent,
  type BackfillOptions,
  createBackfiller,
  memoryStore,
  relayLister,
  verify,
} from '../../src/index.ts'
import { type Fault, type RelayRequest, startRelay, type TestRelay } from '../../src/testing/index.ts'
import { PROFILE, pageCount, quick } from '../support/e2e.ts'
import { failuresOf, PAGE } from '../support/fault-run.ts'
import { gate } from '../support/scripted-lister.ts'
import { didsFrom } from '../support/store-steps.ts'

const SIZE = 45
/** The last page, and the first one again. */
const REQUESTS = pageCount(SIZE, PAGE) + 1
const NAMES = ['com.example.a', 'com.example.b', 'com.example.c']

/** DIDs in the order of their letters; no two collections have one in common. */
const GIVEN = Object.fromEntries(NAMES.map((name, i) => [name, didsFrom(1_000 * i, SIZE)]))
const GENERATED = Object.fromEntries(NAMES.map((name) => [name, SIZE]))

/** What the cursors of the collection give after the rebuild, which is a matter of its number. */
const meanings = ['an early end', "other collections' DIDs"] as const

/** The collection whose cursors mean that after the rebuild: that with the highest number, or with the lowest. */
function askedFor(relay: TestRelay, meaning: (typeof meanings)[number]): string {
  const byNumber = NAMES.toSorted((a, b) => (relay.cursorAt(a, 0) < relay.cursorAt(b, 0) ? -1 : 1))
  return byNumber.at(meaning === 'an early end' ? -1 : 0) ?? ''
}

const ways: { way: string; cut?: boolean; fault?: Fault }[] = [
  { way: 'quietly' },
  { way: 'with broken connections', cut: true },
  { way: 'with a request that fails', fault: { status: 500 } },
]

/** A run over some collections into memory, and what it tells of walks that failed. */
function fillMemory(relay: TestRelay, collections: readonly string[], more: Partial<BackfillOptions> = {}) {
  const store = memoryStore()
  const failed: string[] = []
  const onEvent = (event: BackfillEvent) => {
    if (event.type !== 'collectionFailed') return
    const code = event.error instanceof Error && 'code' in event.error ? event.error.code : event.error
    failed.push(`${code}${event.restart ? ', begins again' : ''}`)
  }
  const lister = relayLister(relay.url, { pageSize: PAGE })
  const options = { relay: lister, collections, store, retry: quick, maxAttempts: 2, onEvent, ...more }
  return { store, failed, start: () => createBackfiller(options) }
}

const heldOf = (store: ReturnType<typeof memoryStore>, collection: string) =>
  store.sink.pairs.get(collection) ?? new Set()

describe.each(ways)('a relay that is rebuilt $way while a collection is walked', ({ cut = false, fault }) => {
  describe.each(meanings)('so that its cursors give %s', (meaning) => {
    it.each([
      ['in the same order', GIVEN],
      ['in another order', GENERATED],
    ])('and lists %s: noticed at every boundary', async (_, collections) => {
      for (let rebuiltAt = 1; rebuiltAt <= REQUESTS; rebuiltAt += 1) {
        let asked = ''
        let n = 0
        await using relay: TestRelay = await startRelay({
          collections: { [PROFILE]: 1, ...collections },
          script({ collection }: RelayRequest) {
            if (collection !== asked || ++n !== rebuiltAt) return undefined
            relay.rebuild({ cut })
            return fault
          },
        })
        asked = askedFor(relay, meaning)
        const { store, failed, start } = fillMemory(relay, [asked])
        await start().run()

        const [row] = await store.progress.list()
        const held = heldOf(store, asked)
        const listed = new Set(relay.dids(asked))
        const isChanged = rebuiltAt > 1
        expect(row).toMatchObject({ state: 'complete', imported: SIZE })
        expect([...listed].filter((did) => !held.has(did))).toEqual([])
        expect(failed).toEqual(isChanged ? ['CURSORS_CHANGED, begins again'] : [])
        expect(row?.flags).toEqual(isChanged ? ['cursorsChanged'] : [])
        // For each walk its first page, and that again before its end.
        const again = relay.requestsOf(asked).filter(({ cursor }) => cursor === undefined)
        const failures = fault !== undefined || cut ? 1 : 0
        expect(again.length).toBeLessThanOrEqual((isChanged ? 4 : 2) + failures)
      }
    })
  })
})

describe('a relay that is rebuilt while fifty collections are walked', () => {
  const many = Array.from({ length: 50 }, (_, i) => `com.example.n${String(i).padStart(2, '0')}`)
  const sizes = many.map((_, i) => 11 + (i % 10))
  /** DIDs of which no two collections have one in common, and such as all of them share. */
  const given = Object.fromEntries(many.map((name, i) => [name, didsFrom(1_000 * i, sizes[i] ?? 0)]))
  const shared = Object.fromEntries(many.map((name, i) => [name, sizes[i] ?? 0]))

  it.each([
    { what: 'in the same order', collections: given, cut: false },
    { what: 'in another order, with broken connections', collections: shared, cut: true },
  ])(
    'and lists them $what: everything is there, and surplus is flagged, named and removed',
    async (scripted) => {
      const { collections, cut } = scripted
      const all = gate()
      let waiting = 0
      await using relay: TestRelay = await startRelay({
        collections: { [PROFILE]: 1, ...collections },
        async script({ collection = '', attempt, cursor }) {
          // Each has its first page, and asks for the second.
          if (cursor === undefined || !many.includes(collection) || waiting > many.length || attempt > 1)
            return undefined
          waiting += 1
          if (waiting === many.length) {
            relay.rebuild({ cut })
            waiting += 1
            all.pass()
          }
          await all.wait()
          return undefined
        },
      })
      const { store, failed, start } = fillMemory(relay, many, { concurrency: 50, pagesAhead: 1 })
      const summary = await start().run()

      expect(summary).toMatchObject({ completed: 50 })
      expect(failed).toEqual(Array(50).fill('CURSORS_CHANGED, begins again'))
      const rows = await store.progress.list()
      let surplus = 0
      for (const { collection, flags } of rows) {
        const listed = new Set(relay.dids(collection))
        expect(listed.difference(heldOf(store, collection))).toEqual(new Set())
        expect(flags).toEqual(['cursorsChanged'])
        surplus += heldOf(store, collection).size - listed.size
      }
      // Two walks of each, and one request before the end of each. The others are the pages of these walks, many of
      // them of other collections, and what was compared once to find out.
      const asked = many.flatMap((name) => relay.requestsOf(name))
      expect(asked.filter(({ cursor }) => cursor === undefined)).toHaveLength(200)
      expect(asked.length).toBeLessThan(1_600)

      const { index, sink } = store
      const lister = relayLister(relay.url, { pageSize: PAGE })
      const found = await verify({ relay: lister, index, sink, repair: 'remove', retry: quick }).run()
      expect(found).toMatchObject({ compared: 50, onlyThere: 0, onlyHere: surplus, removed: surplus })
      for (const name of many) expect(heldOf(store, name)).toEqual(new Set(relay.dids(name)))
    },
  )
})

describe('a relay that is rebuilt', () => {
  it('again in the new walk: the collection fails and says what to do, and the next run completes it', async () => {
    let n = 0
    await using relay: TestRelay = await startRelay({
      collections: { [PROFILE]: 1, ...GIVEN },
      script({ collection, offset }) {
        // Whenever the fifth page is asked for, or an early end has been given.
        if (collection === asked && offset !== 0 && ++n <= 12 && n % 3 === 0) relay.rebuild()
        return undefined
      },
    })
    const asked = askedFor(relay, 'an early end')
    const { store, failed, start } = fillMemory(relay, [asked])
    const failures = await failuresOf(start().run())
    expect(failed).toEqual(['CURSORS_CHANGED, begins again', 'CURSORS_CHANGED'])
    expect(failures[asked]).toContain('give the address of one of them')
    expect(await store.progress.list()).toMatchObject([{ state: 'failed', flags: ['cursorsChanged'] }])

    n = 100
    await start().run()
    expect(await store.progress.list()).toMatchObject([{ state: 'complete', imported: SIZE }])
    expect(new Set(relay.dids(asked)).isSubsetOf(heldOf(store, asked))).toBe(true)
  })

  it('or rather is behind one name with another: noticed as well', async () => {
    const collections = { [PROFILE]: 1, ...GENERATED }
    await using one = await startRelay({ collections, seed: 1 })
    await using other = await startRelay({ collections, seed: 2 })
    for (let swappedAt = 2; swappedAt <= REQUESTS; swappedAt += 1) {
      for (const asked of NAMES) {
        let n = 0
        // The same address, and another server behind it.
        const fetchFrom: typeof fetch = (input, init) => {
          const url = new Request(input).url
          if (url.includes(asked)) n += 1
          return fetch(n < swappedAt ? url : url.replace(one.url, other.url), init)
        }
        const lister = relayLister(one.url, { pageSize: PAGE, fetch: fetchFrom })
        const { store, failed, start } = fillMemory(one, [asked], { relay: lister })
        await start().run()
        expect(failed).toEqual(['CURSORS_CHANGED, begins again'])
        expect(new Set(other.dids(asked)).isSubsetOf(heldOf(store, asked))).toBe(true)
      }
    }
  })
})

describe('a relay that is not rebuilt', () => {
  it('is asked for the first page once more for a walk of several pages, and for none of one', async () => {
    await using relay = await startRelay({
      collections: { [PROFILE]: 1, 'com.example.none': 0, 'com.example.one': PAGE - 1, ...GIVEN },
    })
    const names = ['com.example.none', 'com.example.one', ...NAMES]
    const { failed, start } = fillMemory(relay, names)
    await start().run()
    const counts = names.map((name) => relay.requestsOf(name).length)
    expect(counts).toEqual([1, 1, REQUESTS, REQUESTS, REQUESTS])
    expect(failed).toEqual([])
  })

  it('and fails whenever it is asked once more: its collection fails, and is not complete', async () => {
    await using relay = await startRelay({
      collections: { [PROFILE]: 1, ...GIVEN },
      script: ({ cursor, attempt, collection }) =>
        collection === asked && cursor === undefined && attempt > 1 ? { status: 500 } : undefined,
    })
    const [asked = ''] = NAMES
    const { store, failed, start } = fillMemory(relay, [asked], { pagesAhead: 1 })
    const failures = await failuresOf(start().run())
    expect(failures[asked]).toContain('500')
    expect(failed).toEqual(['RELAY_STATUS', 'RELAY_STATUS'])
    expect(await store.progress.list()).toMatchObject([{ state: 'failed', imported: 40, flags: [] }])
  })
})
