import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  BackfillError,
  type BackfillEvent,
  type Backfiller,
  type BackfillOptions,
  type BackfillStore,
  createBackfiller,
  type IncompleteError,
  type PageEvent,
  RelayError,
  type RelayListerOptions,
  relayLister,
} from '../../src/index.ts'
import { kyselyIndexSink, kyselyProgressStore, migrateToLatest } from '../../src/kysely/index.ts'
import { memoryIndexSink } from '../../src/memory/memory-index-sink.ts'
import { memoryProgressRows } from '../../src/memory/memory-progress-rows.ts'
import { memoryProgressStore } from '../../src/memory/memory-store.ts'
import { progressStoreOn } from '../../src/progress/progress-store-on.ts'
import { startRelay, type TestRelay, type TestRelayOptions } from '../../src/testing/index.ts'
import { type MoreOptions, withMore } from '../support/backfill-set-up.ts'
import { createPostgres, type TestPostgres } from '../support/databases.ts'
import { differences, NONE, PROFILE, quick } from '../support/e2e.ts'
import { gate, pagesOf, scriptedLister } from '../support/scripted-lister.ts'
import { startStopwatch } from '../support/stopwatch.ts'
import { didsFrom } from '../support/store-steps.ts'

const A = 'com.example.a'
const B = 'com.example.b'
const ALL = didsFrom(0, 300)

/** What each of three relays lacks: every second, every third, a stretch; and the last does not know B. */
const GAPS: Record<string, string[]>[] = [
  { [A]: ALL.filter((_, i) => i % 2 === 0), [B]: ALL.slice(0, 90) },
  { [A]: ALL.filter((_, i) => i % 3 === 1).toReversed(), [B]: ALL.slice(60, 140) },
  { [A]: ALL.slice(100, 250) },
]

interface Relays extends AsyncDisposable {
  relays: TestRelay[]
  /** A run over all of them, on the store given. */
  start(store: BackfillStore, more?: Partial<BackfillOptions>): Backfiller
}

async function startRelays(
  options: Partial<TestRelayOptions>[] = [],
  pace: RelayListerOptions = {},
): Promise<Relays> {
  const relays = await Promise.all(
    GAPS.map((held, i) =>
      startRelay({ collections: { [PROFILE]: ALL.slice(0, 1), ...held }, ...options[i] }),
    ),
  )
  return {
    relays,
    start: (store, more = {}) =>
      createBackfiller({
        relay: relays.map(({ url }) => relayLister(url, { pageSize: 20, ...pace })),
        store,
        collections: [PROFILE, A, B],
        retry: quick,
        maxAttempts: 1,
        ...more,
      }),
    async [Symbol.asyncDispose]() {
      for (const relay of relays) await relay[Symbol.asyncDispose]()
    },
  }
}

const memory = () => ({ sink: memoryIndexSink(), progress: memoryProgressStore() })

async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  )
}

describe('a run over relays with different gaps, on one Postgres', () => {
  let database: TestPostgres
  const stores = () => ({ sink: kyselyIndexSink(database.db), progress: kyselyProgressStore(database.db) })
  beforeAll(async () => {
    database = await createPostgres()
  })
  afterAll(() => database[Symbol.asyncDispose]())

  it('holds what any of them knows, each pair once, and names what each relay did', async () => {
    await migrateToLatest(database.db)
    await using three = await startRelays()
    const union = three.start(stores())
    expect(three.relays.flatMap(({ requests }) => requests)).toEqual([])
    const pages: PageEvent[] = []
    for await (const page of union) pages.push(page)

    expect(await differences(database.db, ...three.relays)).toEqual(NONE)
    const pairs =
      new Set(ALL.filter((_, i) => i % 2 === 0 || i % 3 === 1 || (i >= 100 && i < 250))).size + 140 + 1
    expect(pages.reduce((sum, { added = 0 }) => sum + added, 0)).toBe(pairs)
    const sources = three.relays.map(({ url }) => url)
    expect(new Set(pages.map(({ relay: source }) => source))).toEqual(new Set(sources))

    const sizes = three.relays.map((relay) =>
      [PROFILE, A, B].reduce((sum, nsid) => sum + relay.size(nsid), 0),
    )
    const imported = sizes.reduce((sum, size) => sum + size, 0)
    expect(union.summary).toMatchObject({
      completed: 9,
      pages: 36,
      imported,
      added: pairs,
      relays: expect.arrayContaining(
        sources.map((source, i) =>
          expect.objectContaining({ relay: source, completed: 3, imported: sizes[i] }),
        ),
      ),
    })
    expect(await union.status()).toMatchObject({
      total: 9,
      complete: 9,
      failed: 0,
      imported,
      relays: sources.map((source, i) => ({ relay: source, run: 'complete', total: 3, imported: sizes[i] })),
    })
  })

  it('left in the middle settles within a second, hands every claim back, and another goes on from there', async () => {
    await database.db.deleteFrom('backfill_progress').execute()
    await database.db.deleteFrom('collection_index_pair').execute()
    await using three = await startRelays()
    const first = three.start(stores())
    const seen = new Set<string>()
    let stopwatch = startStopwatch()
    for await (const { relay: source } of first) {
      seen.add(source)
      if (seen.size < 3) continue
      stopwatch.stop()
      stopwatch = startStopwatch()
      break
    }
    expect(stopwatch.stop()).toBeLessThan(1_000)
    const rows = await kyselyProgressStore(database.db).list()
    expect(rows.filter(({ state }) => state === 'running')).toEqual([])
    const unfinished = rows.filter(({ state }) => state === 'pending')
    expect(unfinished.length).toBeGreaterThan(0)
    const { relays } = await first.status()
    expect(relays.map(({ run }) => run)).toContain('stopped')

    const second = await three.start(stores()).run()
    expect(await differences(database.db, ...three.relays)).toEqual(NONE)
    expect(second.completed).toBe(unfinished.length)
    const { relays: ended, complete } = await first.status()
    expect([ended.length, complete]).toEqual([3, 9])
  })
})

describe('a relay that fails does not stop the others', () => {
  const down = { script: () => ({ cut: 'before-headers' as const }) }

  it('the rest is imported, and the error at the end names the relay that was down', async () => {
    await using three = await startRelays([{}, down, {}])
    const [first, second, third] = three.relays
    const index = memory()
    const told: BackfillEvent[] = []
    const onEvent = (event: BackfillEvent) => event.type === 'relayFailed' && told.push(event)
    const union = three.start(index, { onEvent })
    const error = (await failureOf(union.run())) as IncompleteError
    expect(error).toMatchObject({
      code: 'INCOMPLETE',
      failures: [],
      relays: [{ relay: second?.url, error: expect.any(RelayError) }],
      message: expect.stringMatching(/^1 relay failed\. Run again to retry\./),
    })
    expect(error.message).toContain(`\n  ${second?.url}: `)
    expect(told).toEqual(error.relays.map((failure) => ({ type: 'relayFailed', ...failure })))
    for (const nsid of [A, B]) {
      const known = new Set([first, third].flatMap((relay) => [...(relay?.dids(nsid) ?? [])]))
      expect(new Set(index.sink.pairs.get(nsid))).toEqual(known)
    }
    expect(await union.status()).toMatchObject({
      complete: 6,
      relays: [
        { run: 'complete' },
        { run: 'failed', error: { code: 'RELAY_UNREACHABLE' } },
        { run: 'complete' },
      ],
    })
    await expect(union.run()).rejects.toMatchObject({ code: 'RUN_ENDED' })
  })

  it('says so at once, while the others still work', async () => {
    const parked = gate()
    await using three = await startRelays([
      {
        script: async ({ collection }) =>
          collection === A ? parked.wait().then(() => undefined) : undefined,
      },
      down,
      down,
    ])
    const failed: string[] = []
    const both = Promise.withResolvers<void>()
    const union = three.start(memory(), {
      onEvent({ type, relay }) {
        if (type === 'relayFailed' && failed.push(relay) === 2) both.resolve()
      },
    })
    const ended = failureOf(union.run())
    await both.promise
    await parked.reached
    expect((await union.status()).relays.map(({ run }) => run)).toEqual(['running', 'failed', 'failed'])
    parked.pass()
    expect(await ended).toMatchObject({ relays: { length: 2 } })
    expect(failed.toSorted()).toEqual(
      three.relays
        .slice(1)
        .map(({ url }) => url)
        .toSorted(),
    )
  })

  it('names the collections that a relay could not give', async () => {
    const script: TestRelayOptions['script'] = ({ collection }) =>
      collection === A ? { status: 404 } : undefined
    await using three = await startRelays([{}, {}, { script }])
    const error = await failureOf(three.start(memory()).run())
    expect(error).toMatchObject({
      code: 'INCOMPLETE',
      failures: [{ relay: three.relays[2]?.url, collection: A }],
      relays: [],
      message: expect.stringMatching(/^1 collection failed/),
    })
  })

  it('what a listener throws when it is told ends them all', async () => {
    await using three = await startRelays([down, { script: () => ({ stall: 'headers' }) }, {}])
    const fault = new Error('listener broken')
    const union = three.start(memory(), {
      onEvent({ type }) {
        if (type === 'relayFailed') throw fault
      },
    })
    expect(await failureOf(union.run())).toBe(fault)
    await expect.poll(() => three.relays.map(({ inFlight }) => inFlight)).toEqual([0, 0, 0])
  })

  it('a promise of a listener that rejects ends them all, too', async () => {
    await using three = await startRelays([down, { script: () => ({ stall: 'headers' }) }, {}])
    const fault = new Error('listener broken')
    const union = three.start(memory(), {
      async onEvent({ type }) {
        if (type === 'relayFailed') throw fault
      },
    })
    expect(await failureOf(union.run())).toBe(fault)
    await expect.poll(() => three.relays.map(({ inFlight }) => inFlight)).toEqual([0, 0, 0])
  })
})

describe('an error that concerns all relays ends them all, with that error', () => {
  const listers = () => [0, 1].map((i) => scriptedLister({ [A]: pagesOf(`${A}${i}`, 50) }, `relay${i}.test`))
  const told: BackfillEvent['type'][] = []
  const start = (store: BackfillStore, relay: BackfillOptions['relay'] = listers()) =>
    createBackfiller({ relay, store, collections: [A], retry: quick, onEvent: ({ type }) => told.push(type) })

  it('a mistake in a program', async () => {
    const typo = new TypeError('sink.ad is not a function')
    const sink = { add: () => Promise.reject(typo) }
    expect(await failureOf(start({ ...memory(), sink }).run())).toBe(typo)
    const [first, second] = listers()
    const broken = { ...second, relay: 'relay1.test', listRepos: () => Promise.reject(typo) }
    expect(await failureOf(start(memory(), [first ?? '', broken]).run())).toBe(typo)
  })

  it('one that says so', async () => {
    const full = new BackfillError('DISK_QUOTA', 'no room', { scope: 'run' })
    const sink = { add: () => Promise.reject(full) }
    expect(await failureOf(start({ ...memory(), sink }).run())).toBe(full)
    expect(told).not.toContain('relayFailed')
  })
})

describe('each relay has its own pace', () => {
  it('one that asks for a pause holds nobody else up', async () => {
    const busy: TestRelayOptions['script'] = ({ collection, cursor, attempt }) =>
      collection === A && cursor === undefined && attempt === 1
        ? { status: 429, headers: { 'retry-after': '1' } }
        : undefined
    await using three = await startRelays([{ script: busy }, {}, {}])
    const order: string[] = []
    const retry = { ...quick, maxDelayMs: 10_000 }
    for await (const { relay: source, completed } of three.start(memory(), { retry })) {
      if (completed) order.push(source)
    }
    const [slow, ...quickOnes] = three.relays.map(({ url }) => url)
    // What the first relay completes after its pause comes last, when the others are long done.
    expect(order.at(-1)).toBe(slow)
    for (const source of quickOnes)
      expect(order.lastIndexOf(source)).toBeLessThan(order.lastIndexOf(slow ?? ''))
    const [refused, next] = three.relays[0]?.requestsOf(A) ?? []
    expect((next?.at ?? 0) - (refused?.at ?? 0)).toBeGreaterThan(990)
  })
})

describe('a run over several relays stops as one over a single relay does', () => {
  const reason = new Error('the caller has had enough')

  function scripted(more: MoreOptions = {}, hanging?: () => Promise<{ dids: string[] }>) {
    const index = memory()
    const listers = [0, 1, 2].map((i) =>
      scriptedLister(
        { [A]: i === 1 && hanging !== undefined ? hanging : pagesOf(`${A}${i}`, 50) },
        `relay${i}.test`,
      ),
    )
    const usual = { store: index, relay: listers, collections: [A], retry: quick }
    return { index, listers, union: createBackfiller(withMore(usual, more)) }
  }

  it('nothing is asked for before the first event, and nothing after it was left before that', async () => {
    const { listers, union } = scripted()
    expect(await union.return()).toMatchObject({ done: true })
    expect(await union.next()).toMatchObject({ done: true })
    expect(listers.flatMap(({ requests }) => requests)).toEqual([])
  })

  it('an abort ends it with the signal’s own reason within a second, also where a relay hangs', async () => {
    const hanging = gate<{ dids: string[] }>()
    const controller = new AbortController()
    const { index, union } = scripted({ signal: controller.signal }, () => hanging.wait())
    await union.next()
    await hanging.reached
    const stopwatch = startStopwatch()
    controller.abort(reason)
    expect(await failureOf(union.next())).toBe(reason)
    expect(stopwatch.stop()).toBeLessThan(1_000)
    await expect
      .poll(() => index.progress.list().then((rows) => rows.map(({ state }) => state)))
      .not.toContain('running')
    hanging.pass({ dids: [] })
  })

  it('aborted beforehand, it asks nobody', async () => {
    const { listers, union } = scripted({ signal: AbortSignal.abort(reason) })
    expect(await failureOf(union.run())).toBe(reason)
    expect(listers.flatMap(({ requests }) => requests)).toEqual([])
  })

  it('an error in the loop comes out as it is', async () => {
    const { union } = scripted()
    const loop = async () => {
      for await (const _ of union) throw reason
    }
    expect(await failureOf(loop())).toBe(reason)
  })

  it('the block of an await using ends it', async () => {
    const { index, union } = scripted()
    {
      await using run = union
      await run.next()
    }
    expect((await index.progress.list()).map(({ state }) => state)).not.toContain('running')
  })

  it('a slow consumer slows every relay', async () => {
    const renewals = gate()
    // Its clock stands still, so that no lease is over where a busy machine renews too late.
    const progress = progressStoreOn({ ...memoryProgressRows(), now: () => 0 })
    const renewed = new Map<string, number>()
    const counting = {
      ...progress,
      renew(...[claim, ...rest]: Parameters<typeof progress.renew>) {
        renewed.set(claim.relay, (renewed.get(claim.relay) ?? 0) + 1)
        if (renewed.size === 3 && Math.min(...renewed.values()) === 4) void renewals.wait()
        return progress.renew(claim, ...rest)
      },
    }
    const { listers, union } = scripted({ progress: counting, leaseMs: 100, pagesAhead: 1 })
    await union.next()
    // Four renewals are longer than a lease: time enough for relays that do not wait.
    await renewals.reached
    // Two pages for the walk, and one that each of the two merges has pulled.
    for (const { requests } of listers) expect(requests.length).toBeLessThanOrEqual(2 + 2 + 1)
    expect(await union.status()).toMatchObject({ running: 3 })
    await union.return()
  })
})
