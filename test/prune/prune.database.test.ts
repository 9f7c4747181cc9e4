import { join } from 'node:path'
import { afterEach, describe, expect, it, vi } from 'vitest'
import {
  type FeedStore,
  type IndexSink,
  memoryStore,
  type PruneEvent,
  type PruneOptions,
  type PruneStore,
  type PruneSummary,
  prune,
  type RelayAccount,
  relayAccounts,
} from '../../src/index.ts'
import { openPostgres } from '../../src/postgres/index.ts'
import { openSqlite } from '../../src/sqlite/index.ts'
import { type AccountServer, type AccountServerParts, startAccountServer } from '../support/account-server.ts'
import { createPostgres } from '../support/databases.ts'
import { quick } from '../support/e2e.ts'
import { didsFrom } from '../support/store-steps.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

interface Pruned extends AsyncDisposable, PruneStore {
  readonly sink: IndexSink
  readonly feed: FeedStore
}

const stores: readonly { kind: string; create(): Promise<Pruned> }[] = [
  { kind: 'memory', create: async () => ({ ...memoryStore(), async [Symbol.asyncDispose]() {} }) },
  {
    kind: 'SQLite',
    async create() {
      const folder = await temporaryFolder()
      const store = await openSqlite(join(folder.path, 'index.db'))
      const dispose = async () => {
        await store.close()
        await folder[Symbol.asyncDispose]()
      }
      return { ...store, [Symbol.asyncDispose]: dispose }
    },
  },
  {
    kind: 'Postgres',
    async create() {
      const database = await createPostgres()
      const store = await openPostgres(database.url)
      const dispose = async () => {
        await store.close()
        await database[Symbol.asyncDispose]()
      }
      return { ...store, [Symbol.asyncDispose]: dispose }
    },
  },
]

const A = 'com.example.a'
const B = 'com.example.b'
const DIDS = didsFrom(0, 200)
const at = (...places: number[]) => places.map((place) => DIDS[place] ?? '')
const without = (gone: readonly string[]) => DIDS.filter((did) => !gone.includes(did))

/** The accounts of all DIDs, active but for these. */
function accounts(states: Record<string, readonly string[]>): RelayAccount[] {
  const statusOf = (did: string) => Object.keys(states).find((status) => states[status]?.includes(did))
  return DIDS.map((did) => {
    const status = statusOf(did)
    return status === undefined ? { did, active: true } : { did, active: false, status }
  })
}

async function heldIn({ index }: PruneStore, collection: string): Promise<string[]> {
  const dids: string[] = []
  let cursor: string | undefined
  do {
    const page = await index.listRepos(collection, { cursor })
    dids.push(...page.dids)
    cursor = page.cursor
  } while (cursor !== undefined)
  return dids
}

/** As while a process follows a feed with this store, from now on. */
async function followFeed({ progress, feed }: PruneStore, name = 'feed:x'): Promise<void> {
  await feed?.apply({ feed: name, restarted: true })
  await progress?.register(name, [{ nsid: 'firehose' }])
  await progress?.claim({ relay: name, owner: 'a follower', leaseMs: 24 * HOUR })
}

const HOUR = 3_600_000

/** A question that is answered after this time. */
function askedFor(ms: number): Pick<PruneOptions, 'maxShare' | 'confirm'> {
  const confirm = () => {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + ms })
    return true
  }
  return { maxShare: 0, confirm }
}

afterEach(() => {
  vi.useRealTimers()
})

interface Scene {
  readonly store: Pruned
  readonly relay: AccountServer
  prune(options?: Partial<PruneOptions>): Promise<{ events: PruneEvent[]; summary: PruneSummary }>
}

/** An index in which all DIDs have A, and every second one B, and a relay that knows these accounts. */
async function withScene(
  parts: AccountServerParts,
  body: (scene: Scene) => Promise<void>,
  create = stores[0]?.create,
): Promise<void> {
  await using relay = await startAccountServer({ pageSize: 30, ...parts })
  if (create === undefined) throw new Error('There is no store.')
  await using store = await create()
  await store.sink.add({ relay: 'x', collection: A, dids: DIDS })
  await store.sink.add({ relay: 'x', collection: B, dids: DIDS.filter((_, i) => i % 2 === 0) })
  const run = async (options: Partial<PruneOptions> = {}) => {
    const lister = relayAccounts(relay.origin, { requestsPerSecond: 10_000 })
    const pruning = prune({ relay: lister, store, retry: quick, onEvent() {}, ...options })
    const events: PruneEvent[] = []
    for await (const event of pruning) events.push(event)
    return { events, summary: pruning.summary }
  }
  await body({ store, relay, prune: run })
}

describe.each(stores)('on $kind', ({ create }) => {
  it('pairs of deleted and taken-down accounts go, and no others', () =>
    withScene(
      {
        listed: accounts({
          deleted: at(3, 4),
          takendown: at(10),
          deactivated: at(20),
          suspended: at(30),
          desynchronized: at(40),
        }),
      },
      async (scene) => {
        const { events, summary } = await scene.prune()
        const gone = at(3, 4, 10)
        expect(await heldIn(scene.store, A)).toEqual(without(gone).toSorted())
        expect(await heldIn(scene.store, B)).toEqual(
          DIDS.filter((did, i) => i % 2 === 0 && !gone.includes(did)).toSorted(),
        )
        expect(summary).toMatchObject({
          listed: 200,
          pairs: 300,
          inactive: {
            deleted: { accounts: 2, held: 2, pairs: 3 },
            takendown: { accounts: 1, held: 1, pairs: 2 },
            deactivated: { accounts: 1, held: 1, pairs: 2 },
            suspended: { accounts: 1, held: 1, pairs: 2 },
            inactive: { accounts: 1, held: 1, pairs: 2 },
          },
          unlisted: { accounts: 0, pairs: 0 },
          mayRemove: 5,
          removed: 5,
          outcome: 'pruned',
        })
        const kinds = events.map(({ type }) => type)
        expect(kinds.indexOf('report')).toBeLessThan(kinds.indexOf('removed'))
        expect(kinds.lastIndexOf('counted')).toBeLessThan(kinds.indexOf('report'))
      },
      create,
    ))

  it('an account that the list does not name goes only if the relay says that it is gone', () => {
    const unlisted = at(0, 1, 2, 6)
    const answers: Record<string, RelayAccount | undefined> = {
      [unlisted[0] ?? '']: { did: unlisted[0] ?? '', active: false, status: 'deleted' },
      [unlisted[1] ?? '']: { did: unlisted[1] ?? '', active: true },
      [unlisted[2] ?? '']: { did: unlisted[2] ?? '', active: false, status: 'takendown' },
    }
    return withScene(
      { listed: accounts({}).filter(({ did }) => !unlisted.includes(did)), told: (did) => answers[did] },
      async (scene) => {
        const { summary } = await scene.prune()
        expect(await heldIn(scene.store, A)).toEqual(without(at(0, 2)).toSorted())
        expect(await heldIn(scene.store, B)).not.toContain(unlisted[0])
        expect(scene.relay.lookedUp.toSorted()).toEqual(unlisted.toSorted())
        expect(summary.unlisted).toEqual({ accounts: 4, pairs: 7, lookedUp: 4, gone: 2, notFound: 1 })
        expect(summary.removed).toBe(4)
      },
      create,
    )
  })

  it('a list that lacks half the network removes nothing, and nothing is looked up', () =>
    withScene(
      { listed: accounts({ deleted: at(3) }).slice(100), told: () => undefined },
      async (scene) => {
        await expect(scene.prune()).rejects.toMatchObject({
          code: 'PRUNE_REFUSED',
          refusal: { pairs: 300, mayRemove: 150, unlistedPairs: 150 },
        })
        expect(await heldIn(scene.store, A)).toHaveLength(200)
        expect(scene.relay.lookedUp).toEqual([])
        // Looked up all the same, an account that is not said to be gone is kept.
        await scene.prune({ confirm: () => true })
        expect(await heldIn(scene.store, A)).toHaveLength(200)
        expect(scene.relay.lookedUp).toHaveLength(100)
      },
      create,
    ))

  it('a prune that broke off goes on with its look-ups where it stopped', () => {
    const unlisted = DIDS.filter((_, i) => i % 4 === 0)
    let broken = false
    let asked = 0
    return withScene(
      {
        listed: accounts({}).filter(({ did }) => !unlisted.includes(did)),
        told: (did) => ({ did, active: false, status: 'deleted' }),
        // The first prune gets as far as the second collection.
        fault: ({ pathname }) => {
          if (!pathname.endsWith('getRepoStatus')) return undefined
          asked += 1
          broken ||= asked > unlisted.length / 2
          return broken && asked < 1_000 ? { status: 500, body: {} } : undefined
        },
      },
      async (scene) => {
        const options = { maxShare: 1, retry: { ...quick, retries: 0 } }
        await expect(scene.prune(options)).rejects.toMatchObject({ code: 'RELAY_STATUS' })
        asked = 1_000
        const { summary } = await scene.prune(options)
        expect(summary.outcome).toBe('pruned')
        expect(await heldIn(scene.store, A)).toEqual(without(unlisted).toSorted())
        expect(await heldIn(scene.store, B)).toHaveLength(50)
        const rows = (await scene.store.progress?.list()) ?? []
        expect(rows).toMatchObject([{ relay: `prune:${scene.relay.origin}`, state: 'complete' }])
      },
      create,
    )
  })

  it('an account that came back, as the feed says and the relay when it is asked, keeps its pairs', () => {
    const [back = '', stale = '', gone = ''] = at(0, 2, 4)
    return withScene(
      {
        listed: accounts({ deleted: [back, stale, gone] }),
        told: (did) => (did === back ? { did, active: true } : { did, active: false, status: 'deleted' }),
      },
      async ({ store, relay, prune }) => {
        const active = [back, stale].map((did) => ({ did, active: true, rev: '3k' }))
        await store.feed.apply({ feed: 'feed:x', accounts: active })
        const { summary } = await prune()
        expect(await heldIn(store, A)).toEqual(without([stale, gone]).toSorted())
        expect(await heldIn(store, B)).toContain(back)
        expect(relay.lookedUp).toContain(stale)
        expect(relay.lookedUp).not.toContain(gone)
        expect(summary).toMatchObject({ removed: 4, cameBack: 1 })
        expect(relay.lookedUp.toSorted()).toEqual([back, stale].toSorted())
        const [kept] = await store.feed.accountsOf([back])
        expect(kept).toMatchObject({ active: true, rev: '3k' })
      },
      create,
    )
  })

  it('the list suffices for two hours, and after that where a feed has missed nothing since', async () => {
    const gone = at(2, 4)
    const parts = { listed: accounts({ deleted: gone }), told: (did: string) => ({ did, active: true }) }
    for (const [isFed, hours] of [
      [false, 1.9],
      [true, 2.1],
    ] as const)
      await withScene(
        parts,
        async ({ store, relay, prune }) => {
          if (isFed) await followFeed(store)
          const { summary } = await prune(askedFor(hours * HOUR))
          vi.useRealTimers()
          expect(summary).toMatchObject({ removed: 4, cameBack: 0 })
          expect(await heldIn(store, A)).toEqual(without(gone).toSorted())
          expect(relay.lookedUp).toEqual([])
        },
        create,
      )
  })

  it('a list that is old is not enough: an account that came back since keeps its pairs', () => {
    const [back = '', gone = '', forgotten = '', odd = '', away = ''] = at(2, 4, 6, 8, 10)
    return withScene(
      {
        listed: accounts({ deleted: [gone, forgotten, odd, away], takendown: [back] }),
        told(did) {
          if (did === forgotten) return undefined
          if (did === away) return { did, active: false, status: 'deactivated' }
          return did === back ? { did, active: true } : { did, active: false, status: 'takendown' }
        },
        fault: ({ searchParams }) =>
          searchParams.get('did') === odd ? { status: 403, body: {} } : undefined,
      },
      async ({ store, relay, prune }) => {
        const left = without([gone, forgotten]).toSorted()
        for (const parts of [store, { index: store.index }]) {
          await store.sink.add({ relay: 'x', collection: A, dids: [gone, forgotten] })
          const { summary } = await prune({ store: parts, ...askedFor(2.1 * HOUR) })
          vi.useRealTimers()
          expect(await heldIn(store, A)).toEqual(left)
          expect(await heldIn(store, B)).toEqual(left.filter((did) => DIDS.indexOf(did) % 2 === 0))
          expect(summary).toMatchObject({ cameBack: 1, unlisted: { lookedUp: 0 } })
        }
        // Once, though each is in two collections.
        expect(relay.lookedUp.filter((did) => did === back)).toHaveLength(2)
      },
      create,
    )
  })

  it('a feed of some accounts, or one that is followed only since the list was read, has not told who came back', () => {
    const [back = ''] = at(2)
    return withScene(
      { listed: accounts({ deleted: [back] }), told: (did) => ({ did, active: true }) },
      async ({ store, relay, prune }) => {
        const { confirm, maxShare } = askedFor(2.1 * HOUR)
        await followFeed(store, 'feed:wss://x.example/subscribe?wantedDids=did:web:a.example')
        const following: PruneOptions['confirm'] = async (report) => {
          await followFeed(store)
          return (await confirm?.(report)) ?? false
        }
        const { summary } = await prune({ maxShare, confirm: following })
        vi.useRealTimers()
        expect(summary).toMatchObject({ removed: 0, cameBack: 1 })
        expect(relay.lookedUp).toEqual([back])
        expect(await heldIn(store, A)).toContain(back)
      },
      create,
    )
  })

  it('no page brings back what was removed, until the relay lists the account as active again', () => {
    const [gone = ''] = at(2)
    const listed = accounts({ takendown: [gone] })
    return withScene(
      { listed, told: (did) => listed.find((account) => account.did === did) },
      async ({ store, prune }) => {
        await prune()
        expect(await store.feed.accountsOf([gone])).toEqual([
          { did: gone, active: false, status: 'takendown' },
        ])
        for (const collection of [A, 'com.example.new'])
          expect(await store.sink.add({ relay: 'x', collection, dids: [gone] })).toEqual({ added: 0 })
        listed[2] = { did: gone, active: true }
        const { summary } = await prune()
        expect(summary.marked).toBe(1)
        expect(await store.sink.add({ relay: 'x', collection: A, dids: [gone] })).toEqual({ added: 1 })
      },
      create,
    )
  })

  it('an account that the list names twice with other states loses nothing unless the relay says so when asked', () => {
    const [back = '', left = '', gone = '', closing = ''] = at(2, 4, 6, 8)
    const as = (did: string, status?: string) => ({ did, active: status === undefined, status })
    const listed = [
      as(left),
      as(back, 'deleted'),
      ...accounts({ deleted: [left], takendown: [gone], deactivated: [closing] }),
      as(gone, 'deleted'),
      as(closing, 'deleted'),
    ]
    return withScene(
      { listed, told: (did) => (did === left ? as(did, 'deleted') : as(did)) },
      async ({ store, relay, prune }) => {
        const { summary } = await prune()
        expect(await heldIn(store, A)).toEqual(without([left, gone]).toSorted())
        expect(relay.lookedUp.toSorted()).toEqual([back, left].toSorted())
        expect(summary.unlisted).toMatchObject({ accounts: 2, pairs: 4, lookedUp: 2, gone: 1 })
      },
      create,
    )
  })

  it('a relay that fails for one account is asked for the others', () => {
    const [odd = '', broken = '', gone = ''] = at(2, 4, 6)
    return withScene(
      {
        listed: accounts({}).filter(({ did }) => ![odd, broken, gone].includes(did)),
        told: (did) => ({ did: did === odd ? (DIDS[0] ?? '') : did, active: false, status: 'deleted' }),
        fault: ({ searchParams }) =>
          searchParams.get('did') === broken
            ? { status: 500, body: { error: 'InternalServerError' } }
            : undefined,
      },
      async ({ store, prune }) => {
        const { summary } = await prune({ retry: { ...quick, retries: 1 } })
        expect(await heldIn(store, A)).toEqual(without([gone]).toSorted())
        expect(summary).toMatchObject({ outcome: 'pruned', unlisted: { accounts: 3, lookedUp: 1, gone: 1 } })
      },
      create,
    )
  })

  it('a prune that is refused leaves the states of accounts as they were', () => {
    const [back = ''] = at(2)
    return withScene(
      { listed: accounts({ deleted: DIDS.slice(100) }), told: (did) => ({ did, active: true }) },
      async ({ store, prune }) => {
        await store.feed.apply({
          feed: 'feed:x',
          accounts: [{ did: back, active: false, status: 'suspended' }],
        })
        await expect(prune()).rejects.toMatchObject({ code: 'PRUNE_REFUSED' })
        expect(await store.feed.accountsOf([back])).toMatchObject([{ active: false }])
        await prune({ maxShare: 1 })
        expect(await store.feed.accountsOf([back])).toMatchObject([{ active: true }])
      },
      create,
    )
  })

  it('what the feed tells while the relay is asked is not overwritten', () => {
    const [away = '', back = ''] = at(3, 4)
    return withScene(
      {
        listed: accounts({ deactivated: [away] }),
        told: (did) => (did === away ? { did, active: false, status: 'deactivated' } : { did, active: true }),
      },
      async ({ store, relay, prune }) => {
        const tell = (did: string, status?: string) =>
          store.feed.apply({ feed: 'feed:x', accounts: [{ did, active: status === undefined, status }] })
        await tell(away)
        await tell(back, 'suspended')
        const lister = relayAccounts(relay.origin)
        const accountOf: typeof lister.accountOf = async (did, options) => {
          await tell(did, did === away ? 'takendown' : 'deleted')
          return lister.accountOf(did, options)
        }
        await prune({ deactivated: 'mark', relay: { ...lister, accountOf } })
        const states = await store.feed.accountsOf([away, back])
        expect(states.map(({ status }) => status).toSorted()).toEqual(['deleted', 'takendown'])
      },
      create,
    )
  })

  it('deactivated and suspended accounts are marked, or lose their pairs, where that is asked for', () => {
    const [away = '', barred = ''] = at(2, 4)
    return withScene(
      { listed: accounts({ deactivated: [away], suspended: [barred] }) },
      async ({ store, prune }) => {
        const { summary } = await prune({ deactivated: 'mark', suspended: 'remove' })
        expect(summary).toMatchObject({ mayRemove: 2, removed: 2, marked: 1 })
        expect(await heldIn(store, A)).toEqual(without([barred]).toSorted())
        expect(await store.feed.accountsOf([away])).toEqual([
          { did: away, active: false, status: 'deactivated' },
        ])
      },
      create,
    )
  })
})

it('says which options are wrong', () => {
  const { index } = memoryStore()
  const relay = 'relay.example'
  expect(() => prune({ relay, store: { index }, maxShare: 5 })).toThrow(
    /maxShare must be a number from 0 to 1/,
  )
  expect(() => prune({ relay, store: { index }, deactivated: 'mark' })).toThrow(/store.feed/)
  expect(() => prune({ relay, store: { index: { listRepos: index.listRepos } } })).toThrow(/remove/)
  expect(() => prune({ relay, store: { index }, unlisted: 'remove' as 'keep' })).toThrow(/'lookUp' or 'keep'/)
})

it('a dry run reports, and a loop that is left at the report removes nothing', () =>
  withScene({ listed: accounts({ deleted: at(3) }) }, async ({ store, relay, prune: run }) => {
    const { summary, events } = await run({ dryRun: true })
    expect(summary).toMatchObject({ outcome: 'reported', mayRemove: 1, removed: 0 })
    expect(events.at(-1)?.type).toBe('report')
    for await (const event of prune({ relay: relay.origin, store })) if (event.type === 'report') break
    expect(await heldIn(store, A)).toHaveLength(200)
    const declined = await run({ maxShare: 0, confirm: async (report) => report.mayRemove !== 1 })
    expect(declined.summary.outcome).toBe('declined')
    expect(await heldIn(store, A)).toHaveLength(200)
  }))

it('of two that prune by one relay at once, one does it and the other waits for it', () =>
  withScene({ listed: accounts({ deleted: at(3, 4) }) }, async ({ store, relay, prune: run }) => {
    const both = await Promise.all([run(), run()])
    expect(both.map(({ summary }) => summary.outcome).toSorted()).toEqual(['elsewhere', 'pruned'])
    expect(relay.requests).toHaveLength(Math.ceil(DIDS.length / 30))
    expect(await heldIn(store, A)).toEqual(without(at(3, 4)).toSorted())
  }))
