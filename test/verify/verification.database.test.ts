import { describe, expect, it } from 'vitest'
import {
  BackfillError,
  type CollectionReport,
  type RepoIndex,
  type RepoLister,
  type RepoListRequest,
  relayLister,
  type VerifyOptions,
  verify,
} from '../../src/index.ts'
import { memoryIndex } from '../../src/memory/memory-index.ts'
import { startRelay } from '../../src/testing/index.ts'
import { PROFILE } from '../support/e2e.ts'
import { scriptedLister } from '../support/scripted-lister.ts'
import { didsFrom } from '../support/store-steps.ts'
import { A, B, C, compare, FIRST, LAST, MIXED, SORTED } from '../support/verification.ts'

const without = (dids: readonly string[], ...positions: number[]) => {
  const gone = new Set(positions.map((at) => dids.at(at)))
  return dids.filter((did) => !gone.has(did))
}

describe.each([
  ['in the order of its DIDs', SORTED, 'merge'],
  ['in another order', MIXED, 'hash'],
  ['backwards', SORTED.toReversed(), 'hash'],
  ['in order but for the last', [...SORTED.slice(1), FIRST], 'hash'],
])('a relay that lists %s', (_, listed, method) => {
  it('and an index that is equal', async () => {
    const { reports, relay: source } = await compare({ [A]: listed }, { [A]: SORTED })
    expect(reports).toEqual([
      {
        relay: source,
        collection: A,
        method,
        differences: { both: 500, onlyThere: 0, onlyHere: 0, samples: { onlyThere: [], onlyHere: [] } },
        cost: { requests: expect.any(Number), pairs: expect.any(Number), durationMs: expect.any(Number) },
      },
    ])
  })

  it('planted differences come out in both directions: at the ends, in the middle, alone and in rows', async () => {
    const lost = [0, 1, 41, 250, 251, 252, -1]
    const foreign = ['did:web:aaa.example', 'did:plc:mmmmmmmmmmmmmmmmmmmmmmmm', 'did:zzz:z']
    const here = [...without(SORTED, ...lost), ...foreign]
    const { reports } = await compare({ [A]: listed }, { [A]: here })
    const differences = reports[0]?.differences
    expect(differences).toMatchObject({ both: 493, onlyThere: 7, onlyHere: 3 })
    expect(differences?.samples.onlyThere.toSorted()).toEqual(lost.map((at) => SORTED.at(at)))
    expect(differences?.samples.onlyHere.toSorted()).toEqual(foreign.toSorted())
  })

  it('and one side empty', async () => {
    const { reports } = await compare(
      { [A]: listed, [B]: [] },
      { [A]: [], [B]: SORTED },
      { collections: [A, B] },
    )
    expect(reports).toMatchObject([
      {
        differences: {
          both: 0,
          onlyThere: 500,
          onlyHere: 0,
          samples: { onlyThere: { length: 10 }, onlyHere: [] },
        },
      },
      {
        differences: {
          both: 0,
          onlyThere: 0,
          onlyHere: 500,
          samples: { onlyThere: [], onlyHere: { length: 10 } },
        },
      },
    ])
  })

  it('repeats on the relay’s side count once', async () => {
    const twice = listed.flatMap((did) => [did, did])
    const { reports } = await compare(
      { [A]: [...twice, ...listed.slice(-1)] },
      { [A]: without(SORTED, 3, -1) },
    )
    expect(reports).toMatchObject([{ differences: { both: 498, onlyThere: 2, onlyHere: 0 } }])
    expect(reports[0]?.differences?.samples.onlyThere.toSorted()).toEqual([SORTED[3], LAST])
  })

  it('gives as many samples as it is told', async () => {
    for (const samples of [0, 1, 1_000]) {
      const { reports } = await compare({ [A]: listed }, { [A]: [] }, { collections: [A], samples })
      expect(reports[0]?.differences?.samples.onlyThere).toHaveLength(Math.min(samples, 500))
    }
  })
})

describe('what it costs', () => {
  it('is one walk of a relay in order, and says so', async () => {
    const { reports, summary, requests } = await compare(
      { [A]: SORTED, [B]: SORTED },
      { [A]: SORTED, [B]: SORTED },
    )
    // 500 repos, 40 on a page: the thirteenth is short. The first is asked for again at the end.
    const cost = { requests: 14, pairs: 540 }
    expect(reports).toMatchObject([
      { cost, method: 'merge' },
      { cost, method: 'merge' },
    ])
    expect(summary).toMatchObject({ compared: 2, both: 1_000, cost: { requests: 28, pairs: 1_080 } })
    // The check of the relay comes on top.
    expect(requests).toHaveLength(29)
  })

  it('where the relay has no order, the first collection finds that out, and the others need one walk', async () => {
    const { reports, requests } = await compare(
      { [A]: MIXED, [B]: MIXED, [C]: SORTED },
      { [A]: SORTED, [B]: SORTED, [C]: SORTED },
    )
    expect(reports.map(({ method }) => method)).toEqual(['hash', 'hash', 'hash'])
    const walks = [A, B, C].map((nsid) => requests.filter(({ collection }) => collection === nsid).length)
    expect(walks[0]).toBeLessThanOrEqual(14 + 2)
    expect(walks.slice(1)).toEqual([14, 14])
  })

  it('digests that do not fit cost further walks, and the outcome is the same', async () => {
    const many = didsFrom(0, 60_000)
    const mixed = many.map((_, i) => many[(i * 7) % many.length] ?? '')
    const foreign = Array.from({ length: 25 }, (_, i) => `did:web:n${i}.example`)
    const lost = new Set(many.filter((_, i) => i % 2_000 === 5))
    const here = [...many.filter((did) => !lost.has(did)), ...foreign]
    const seen = async (memoryBytes: number) => {
      await using relay = await startRelay({ collections: { [PROFILE]: [FIRST], [A]: mixed } })
      // What memoryIndex sorts anew for each page would take the whole test.
      const sorted = here.toSorted()
      const index: RepoIndex = {
        async listRepos(_, { cursor = '0', limit = 500 } = {}) {
          const end = Number(cursor) + limit
          const dids = sorted.slice(Number(cursor), end)
          return end < sorted.length ? { dids, cursor: String(end) } : { dids }
        },
      }
      const lister = relayLister(relay.url, { pageSize: 10_000 })
      const [report] = await Array.fromAsync(
        verify({ relay: lister, index, collections: [A], samples: 100, memoryBytes }),
      )
      expect(report?.differences).toMatchObject({ both: 59_970, onlyThere: 30, onlyHere: 25 })
      expect(new Set(report?.differences?.samples.onlyThere)).toEqual(lost)
      expect(new Set(report?.differences?.samples.onlyHere)).toEqual(new Set(foreign))
      return relay.requestsOf(A).length
    }
    // A walk is six full pages and an empty one; a page or two before the order is known to be none.
    const [once, often] = [await seen(10_000_000), await seen(200_000)]
    expect(once).toBeLessThanOrEqual(7 + 2)
    expect(often).toBeGreaterThanOrEqual(4 * 7)
    expect(often).toBeLessThan(10 * 7)
  })
})

describe('some collections at once', () => {
  const names = Array.from({ length: 9 }, (_, i) => `com.example.n${i}`)
  const [first = '', ...others] = names
  const index = memoryIndex(new Map(names.map((nsid) => [nsid, new Set([FIRST, LAST])])))

  /** A relay that gives every collection but the first once it is opened. */
  function closedRelay(firstPage = [FIRST, LAST]) {
    const gate = Promise.withResolvers<void>()
    const asked = { now: 0, most: 0 }
    const script = async ({ collection }: RepoListRequest) => {
      if (collection === first) return { dids: firstPage }
      asked.now += 1
      asked.most = Math.max(asked.most, asked.now)
      await gate.promise
      asked.now -= 1
      return { dids: [FIRST, LAST] }
    }
    const lister = scriptedLister(Object.fromEntries(names.map((nsid) => [nsid, script])))
    return { lister, asked, open: gate.resolve }
  }

  it.each([
    ['six by default', undefined, 6],
    ['as many as it is told', 3, 3],
  ])('%s, reported in the order that was asked for', async (_, concurrency, expected) => {
    const { lister, asked, open } = closedRelay()
    const collections = [first, ...others.toReversed()]
    const running = Array.fromAsync(verify({ relay: lister, index, collections, concurrency }))
    await expect.poll(() => asked.now).toBe(expected)
    open()
    const reports = await running
    expect(asked.most).toBe(expected)
    expect(reports.map(({ collection }) => collection)).toEqual(collections)
    expect(reports.map(({ differences }) => differences?.both)).toEqual(names.map(() => 2))
  })

  it('one after the other where it repairs', async () => {
    const { lister, asked, open } = closedRelay()
    const sink = { add: async () => ({ added: 0 }) }
    const running = verify({ relay: lister, index, sink, repair: 'add', collections: names }).run()
    await expect.poll(() => asked.now).toBe(1)
    open()
    expect(await running).toMatchObject({ compared: 9, both: 18 })
    expect(asked.most).toBe(1)
  })

  it('what ends it ends all of them at once, though the relay keeps an earlier one waiting', async () => {
    // Without an order, so that each comparison reads the index before it asks the relay.
    const { lister } = closedRelay([LAST, FIRST])
    const gone = new BackfillError('NOT_MIGRATED', 'There is no table.', { scope: 'run' })
    const failing: RepoIndex = {
      ...index,
      listRepos: (collection, request) =>
        collection === names[4] ? Promise.reject(gone) : index.listRepos(collection, request),
    }
    await expect(Array.fromAsync(verify({ relay: lister, index: failing }))).rejects.toBe(gone)
  })

  it('a loop that is left leaves no comparison behind', async () => {
    const { lister, asked } = closedRelay()
    const signals: AbortSignal[] = []
    const watched: RepoLister = {
      ...lister,
      listRepos(request) {
        if (request.signal) signals.push(request.signal)
        return lister.listRepos(request)
      },
    }
    for await (const { collection } of verify({ relay: watched, index })) {
      expect(collection).toBe(first)
      await expect.poll(() => asked.now).toBe(6)
      break
    }
    expect(signals.length).toBeGreaterThanOrEqual(7)
    expect(signals.slice(-6).every(({ aborted }) => aborted)).toBe(true)
  })
})

describe('which collections', () => {
  it('are those that the index holds, unless it is told others', async () => {
    const there = { [A]: SORTED, [B]: SORTED }
    const here = { [B]: SORTED, [C]: [LAST] }
    const names = ({ reports }: { reports: CollectionReport[] }) =>
      reports.map(({ collection }) => collection)
    expect(names(await compare(there, here))).toEqual([B, C])
    expect(names(await compare(there, here, { collections: [C, A] }))).toEqual([C, A])
    expect(names(await compare(there, here, { collections: [] }))).toEqual([])
  })

  it('come from every page of the index’s list', async () => {
    const names = Array.from({ length: 1_100 }, (_, i) => `com.example.n${String(i).padStart(4, '0')}`)
    const lister = scriptedLister(Object.fromEntries(names.map((nsid) => [nsid, [{ dids: [FIRST] }]])))
    const index = memoryIndex(new Map(names.map((nsid) => [nsid, new Set([FIRST])])))
    expect(await verify({ relay: lister, index }).run()).toMatchObject({
      compared: 1_100,
      both: 1_100,
      onlyHere: 0,
    })
  })
})

describe('what the live feed changes meanwhile', () => {
  it('is no difference once it is over: what came, and what went', async () => {
    const pairs = new Map([[A, new Set(SORTED.slice(0, 400))]])
    const lister = scriptedLister({
      [A]: ({ cursor }) => {
        if (cursor === undefined) return { dids: MIXED.slice(0, 250), cursor: '1' }
        // The index has been read by now; the feed brings what it lacked but for two, and takes away one of its own.
        pairs.set(A, new Set(SORTED.slice(0, 498)))
        return { dids: MIXED.slice(250) }
      },
    })
    pairs.get(A)?.add('did:web:gone.example')
    const [report] = await Array.fromAsync(verify({ relay: lister, index: memoryIndex(pairs) }))
    expect(report?.method).toBe('hash')
    expect(report?.differences).toMatchObject({ both: 498, onlyThere: 2, onlyHere: 0 })
    expect(report?.differences?.samples.onlyThere.toSorted()).toEqual(SORTED.slice(498))
  })
})

it.each<[string, Partial<VerifyOptions>]>([
  ['relay', { relay: {} as RepoLister }],
  ['index', { index: {} as RepoIndex }],
  ['collections', { collections: ['not an nsid'] }],
  ['collections', { index: { listRepos: async () => ({ dids: [] }) } }],
  ['samples', { samples: -1 }],
  ['memoryBytes', { memoryBytes: 0 }],
  ['retry.retries', { retry: { retries: 0.5 } }],
])('refuses a bad %s', (option, options) => {
  const index = memoryIndex(new Map())
  expect(() => verify({ relay: scriptedLister({}), index, ...options })).toThrowError(
    expect.objectContaining({ name: 'InvalidOptionError', option }),
  )
})
