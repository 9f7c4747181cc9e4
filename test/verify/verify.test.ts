import { describe, expect, it } from 'vitest'
import {
  type CollectionReport,
  memoryIndex,
  NotMigratedError,
  type RepoIndex,
  relayLister,
  StoreUnavailableError,
  type VerifyOptions,
  verify,
} from '../../src/index.ts'
import { startRelay, type TestRelayOptions } from '../../src/testing/index.ts'
import { PROFILE, quick } from '../support/e2e.ts'
import { gate, scriptedLister } from '../support/scripted-lister.ts'
import { didsFrom } from '../support/store-steps.ts'

const A = 'com.example.a'
const B = 'com.example.b'
const C = 'com.example.c'
const SORTED = didsFrom(0, 500).toSorted()
const [FIRST = '', LAST = ''] = [SORTED[0], SORTED.at(-1)]

/** The same DIDs in an order that is none: every seventh, then every seventh of the rest, and so on. */
const MIXED = SORTED.map((_, i) => SORTED[(i * 7) % SORTED.length] ?? '')

async function compare(
  there: Record<string, readonly string[]>,
  here: Record<string, readonly string[]>,
  options: Partial<VerifyOptions> = {},
  relayOptions: Partial<TestRelayOptions> = {},
) {
  await using relay = await startRelay({ collections: { [PROFILE]: [FIRST], ...there }, ...relayOptions })
  const pairs = new Map(Object.entries(here).map(([nsid, dids]) => [nsid, new Set(dids)]))
  const before = JSON.stringify([...pairs].map(([nsid, dids]) => [nsid, [...dids]]))
  const verification = verify({
    lister: relayLister(relay.url, { pageSize: 40 }),
    index: memoryIndex(pairs),
    retry: quick,
    ...options,
  })
  const reports: CollectionReport[] = []
  for await (const report of verification) reports.push(report)
  expect(JSON.stringify([...pairs].map(([nsid, dids]) => [nsid, [...dids]]))).toBe(before)
  return { reports, summary: await verification.run(), requests: relay.requests, source: relay.url }
}

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
    const { reports, source } = await compare({ [A]: listed }, { [A]: SORTED })
    expect(reports).toEqual([
      {
        source,
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
    // 500 repos, 40 on a page: the thirteenth is short.
    const cost = { requests: 13, pairs: 500 }
    expect(reports).toMatchObject([
      { cost, method: 'merge' },
      { cost, method: 'merge' },
    ])
    expect(summary).toMatchObject({ compared: 2, both: 1_000, cost: { requests: 26, pairs: 1_000 } })
    // The check of the relay comes on top.
    expect(requests).toHaveLength(27)
  })

  it('where the relay has no order, the first collection finds that out, and the others need one walk', async () => {
    const { reports, requests } = await compare(
      { [A]: MIXED, [B]: MIXED, [C]: SORTED },
      { [A]: SORTED, [B]: SORTED, [C]: SORTED },
    )
    expect(reports.map(({ method }) => method)).toEqual(['hash', 'hash', 'hash'])
    const walks = [A, B, C].map((nsid) => requests.filter(({ collection }) => collection === nsid).length)
    expect(walks[0]).toBeLessThanOrEqual(13 + 2)
    expect(walks.slice(1)).toEqual([13, 13])
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
        verify({ lister, index, collections: [A], samples: 100, memoryBytes }),
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
    expect(await verify({ lister, index }).run()).toMatchObject({ compared: 1_100, both: 1_100, onlyHere: 0 })
  })
})

describe('trouble', () => {
  const lists = { [A]: SORTED, [B]: MIXED, [C]: SORTED }

  it('a request that fails is made again, and told', async () => {
    const retried: unknown[] = []
    const { reports } = await compare(
      lists,
      lists,
      { hooks: { retry: (context) => retried.push(context) } },
      {
        script: ({ collection, attempt, n }) =>
          collection !== PROFILE && attempt === 1 && n % 5 === 0
            ? { status: 502, body: '<html>' }
            : undefined,
      },
    )
    expect(reports.map(({ differences }) => differences?.both)).toEqual([500, 500, 500])
    expect(retried.length).toBeGreaterThan(3)
  })

  it('a collection that cannot be read is reported with its error, and the others follow', async () => {
    const script: TestRelayOptions['script'] = ({ collection, offset }) =>
      collection === B && (offset ?? 0) > 100 ? { status: 404 } : undefined
    const { reports, summary } = await compare(lists, lists, {}, { script })
    expect(reports.map(({ collection, differences }) => [collection, differences?.both])).toEqual([
      [A, 500],
      [B, undefined],
      [C, 500],
    ])
    expect(reports[1]?.error).toMatchObject({ code: 'RELAY_STATUS', status: 404 })
    expect(summary).toMatchObject({ compared: 2, failed: 1, both: 1_000, onlyThere: 0 })
  })

  it('a relay whose cursors run in a circle ends in bounded requests', async () => {
    const pages = (cursor: string) => ({
      dids: [`did:web:a${cursor}`],
      cursor: String((Number(cursor) + 1) % 6),
    })
    const lister = scriptedLister({ [A]: ({ cursor = '0' }) => pages(cursor) })
    const index = memoryIndex(new Map([[A, new Set([FIRST])]]))
    const [report] = await Array.fromAsync(verify({ lister, index, retry: quick }))
    expect(report).toMatchObject({ error: { code: 'CURSOR_LOOP' } })
    expect(lister.requests.length).toBeLessThan(60)
  })

  it('an index whose cursors run in a circle ends, too', async () => {
    const lister = scriptedLister({ [A]: [{ dids: SORTED }] })
    const index: RepoIndex = { listRepos: async () => ({ dids: [FIRST], cursor: 'x' }) }
    const [report] = await Array.fromAsync(verify({ lister, index, collections: [A], retry: quick }))
    expect(report).toMatchObject({ error: { code: 'CURSOR_LOOP' } })
  })

  it('an index whose list of collections runs in a circle ends it', async () => {
    const lister = scriptedLister({ [A]: [{ dids: SORTED }] })
    const index: RepoIndex = {
      listRepos: async () => ({ dids: SORTED }),
      listCollections: async () => ({ collections: [{ nsid: A }], cursor: 'x' }),
    }
    const reports: CollectionReport[] = []
    const read = async () => {
      for await (const report of verify({ lister, index })) {
        if (reports.push(report) > 10) return
      }
    }
    await expect(read()).rejects.toMatchObject({ code: 'CURSOR_LOOP' })
  })

  it('a relay that is empty, or lacks the method, ends it before it begins', async () => {
    await using relay = await startRelay({ collections: {} })
    const index = memoryIndex(new Map([[A, new Set(SORTED)]]))
    await expect(verify({ lister: relayLister(relay.url), index }).run()).rejects.toMatchObject({
      code: 'RELAY_UNSUITABLE',
    })
  })

  it('an index that is unavailable is waited for', async () => {
    const told: unknown[] = []
    const whole = memoryIndex(new Map([[A, new Set(SORTED)]]))
    let calls = 0
    const index: RepoIndex = {
      async listRepos(...asked) {
        calls += 1
        if (calls === 1) throw new StoreUnavailableError('down', undefined)
        return whole.listRepos(...asked)
      },
    }
    const lister = scriptedLister({ [A]: [{ dids: SORTED }] })
    const hooks = { storeUnavailable: (context: unknown) => told.push(context) }
    expect(await verify({ lister, index, collections: [A], hooks }).run()).toMatchObject({ both: 500 })
    expect(told).toHaveLength(1)
  })

  it('missing tables end it', async () => {
    const fault = new NotMigratedError(undefined)
    const index: RepoIndex = { listRepos: () => Promise.reject(fault) }
    const lister = scriptedLister({ [A]: [{ dids: SORTED }] })
    await expect(verify({ lister, index, collections: [A] }).run()).rejects.toBe(fault)
  })

  it('an index that is not in order is no reason for differences', async () => {
    const index: RepoIndex = { listRepos: async () => ({ dids: MIXED }) }
    const lister = scriptedLister({ [A]: [{ dids: SORTED }] })
    const [report] = await Array.fromAsync(verify({ lister, index, collections: [A] }))
    expect(report).toMatchObject({ method: 'hash', differences: { both: 500, onlyThere: 0, onlyHere: 0 } })
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
    const [report] = await Array.fromAsync(verify({ lister, index: memoryIndex(pairs) }))
    expect(report?.method).toBe('hash')
    expect(report?.differences).toMatchObject({ both: 498, onlyThere: 2, onlyHere: 0 })
    expect(report?.differences?.samples.onlyThere.toSorted()).toEqual(SORTED.slice(498))
  })
})

describe('it stops as a backfiller does', () => {
  const reason = new Error('the caller has had enough')
  const index = memoryIndex(new Map([[A, new Set(SORTED)]]))

  it('nothing is asked for before the first report', async () => {
    const lister = scriptedLister({})
    await verify({ lister, index }).return()
    expect(lister.requests).toEqual([])
  })

  it('an abort, with its own reason and within a second, while the relay is silent', async () => {
    const silent = gate<{ dids: string[] }>()
    const controller = new AbortController()
    const lister = scriptedLister({ [A]: () => silent.wait() })
    const running = verify({ lister, index, signal: controller.signal }).run()
    await silent.reached
    const before = performance.now()
    controller.abort(reason)
    await expect(running).rejects.toBe(reason)
    expect(performance.now() - before).toBeLessThan(1_000)
    silent.pass({ dids: [] })
  })

  it('an abort while the index is silent', async () => {
    const silent = gate<{ dids: string[] }>()
    const controller = new AbortController()
    const lister = scriptedLister({ [A]: [{ dids: SORTED }] })
    const slow: RepoIndex = { listRepos: () => silent.wait() }
    const running = verify({ lister, index: slow, collections: [A], signal: controller.signal }).run()
    await silent.reached
    controller.abort(reason)
    await expect(running).rejects.toBe(reason)
    silent.pass({ dids: [] })
  })

  it('aborted beforehand, it asks nobody', async () => {
    const lister = scriptedLister({})
    const running = verify({ lister, index, signal: AbortSignal.abort(reason) }).run()
    await expect(running).rejects.toBe(reason)
    expect(lister.requests).toEqual([])
  })

  it('left after a report, it asks for no other collection', async () => {
    await using relay = await startRelay({ collections: { [PROFILE]: [FIRST], [A]: SORTED, [B]: SORTED } })
    for await (const { collection } of verify({
      lister: relayLister(relay.url),
      index,
      collections: [A, B],
    })) {
      expect(collection).toBe(A)
      break
    }
    await expect.poll(() => relay.inFlight).toBe(0)
    expect(relay.requestsOf(B)).toEqual([])
  })

  it('what a hook throws ends it', async () => {
    const lister = scriptedLister({ [A]: [{ dids: SORTED }] })
    const requested = () => {
      throw reason
    }
    await expect(verify({ lister, index, hooks: { requested } }).run()).rejects.toBe(reason)
  })
})

it.each<[string, Partial<VerifyOptions>]>([
  ['lister', { lister: {} as VerifyOptions['lister'] }],
  ['index', { index: {} as RepoIndex }],
  ['collections', { collections: ['not an nsid'] }],
  ['collections', { index: { listRepos: async () => ({ dids: [] }) } }],
  ['samples', { samples: -1 }],
  ['memoryBytes', { memoryBytes: 0 }],
  ['retry.retries', { retry: { retries: 0.5 } }],
])('refuses a bad %s', (option, options) => {
  const index = memoryIndex(new Map())
  expect(() => verify({ lister: scriptedLister({}), index, ...options })).toThrowError(
    expect.objectContaining({ name: 'InvalidOptionError', option }),
  )
})
