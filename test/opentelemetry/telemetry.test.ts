import { isDeepStrictEqual } from 'node:util'
import { DiagLogLevel, diag, SpanStatusCode } from '@opentelemetry/api'
import { describe, expect, it, onTestFinished } from 'vitest'
import {
  ClaimLostError,
  type CollectionProgress,
  type CollectionSource,
  createBackfiller,
  knownCollections,
  type ProgressStore,
  relayLister,
  StoreUnavailableError,
} from '../../src/index.ts'
import { memoryIndexSink } from '../../src/memory/memory-index-sink.ts'
import { memoryProgressStore } from '../../src/memory/memory-store.ts'
import { createTelemetry, type TelemetryOptions } from '../../src/opentelemetry/index.ts'
import { type RelayScript, startRelay } from '../../src/testing/index.ts'
import { FLAG_WORDS } from '../../src/util/flags.ts'
import { listenTo } from '../support/listen-to.ts'
import { type Collector, collector } from './collector.ts'

const PLAIN = 'app.bsky.actor.profile'
const BUSY = 'com.example.busy'
const GONE = 'com.example.gone'
const MIXED = 'com.example.mixed'
const STOLEN = 'com.example.stolen'
const FLAGS = Object.keys(FLAG_WORDS)
const SOURCE = 'atproto.backfill.relay'

/** 500, then 429, then the page; 410; a page with an entry that is no DID. */
const faults: RelayScript = ({ collection, offset, attempt }) => {
  if (collection === BUSY && offset === 0 && attempt === 1) return { status: 500 }
  if (collection === BUSY && offset === 0 && attempt === 2)
    return { status: 429, headers: { 'retry-after': '1' } }
  if (collection === GONE) return { status: 410 }
  if (collection === MIXED) return { answer: ({ repos }) => ({ repos: [...repos, { did: 'nobody' }] }) }
  return undefined
}

const brokenSource: CollectionSource = {
  name: 'broken',
  collections: () => {
    throw new Error('no list today')
  },
}

/** A store that is away for a moment, and has one claim taken over in the middle of its walk. */
function troubledStore(): ProgressStore {
  const store = memoryProgressStore()
  let isAway = true
  let isStolen = false
  return {
    ...store,
    async claim(request) {
      if (isAway) {
        isAway = false
        throw new StoreUnavailableError('away for a moment', undefined)
      }
      return store.claim(request)
    },
    async advance(claim, page, write) {
      if (claim.collection === STOLEN && claim.pages === 1 && !isStolen) {
        isStolen = true
        throw new ClaimLostError(claim)
      }
      return store.advance(claim, page, write)
    },
  }
}

/** What the telemetry should come to, by the events. */
function bookkeeping() {
  const sums = { requests: 0, commits: 0, retryWaits: 0, storeWaits: 0, pauses: 0 }
  const onEvent = listenTo({
    requested: ({ durationMs }) => {
      sums.requests += durationMs / 1000
    },
    page: ({ durationMs }) => {
      sums.commits += durationMs / 1000
    },
    retry: ({ waitMs }) => {
      sums.retryWaits += waitMs / 1000
    },
    storeUnavailable: ({ waitMs }) => {
      sums.storeWaits += waitMs / 1000
    },
    paused: ({ waitMs }) => {
      sums.pauses += waitMs / 1000
    },
  })
  return { sums, onEvent }
}

async function troubledRun(options: Partial<TelemetryOptions> = {}) {
  const collections = { [PLAIN]: 5, [BUSY]: 3, [GONE]: 3, [MIXED]: 1, [STOLEN]: 3 }
  await using relay = await startRelay({ collections, script: faults })
  const { sums, onEvent } = bookkeeping()
  const lister = relayLister(relay.url, { pageSize: 2 })
  const sdk = collector()
  const telemetry = createTelemetry({ relay: lister.relay, ...sdk.providers, ...options })
  const backfiller = createBackfiller({
    relay: lister,
    collections: [knownCollections(Object.keys(collections)), brokenSource],
    store: { sink: memoryIndexSink(), progress: troubledStore() },
    concurrency: 1,
    leaseMs: 200,
    retry: { minDelayMs: 1, retries: 3 },
    onEvent(event) {
      onEvent(event)
      telemetry.handle(event)
    },
  })
  let incomplete: unknown
  try {
    await backfiller.run()
  } catch (error) {
    incomplete = error
  }
  expect(incomplete).toMatchObject({ code: 'INCOMPLETE', failures: [{ collection: GONE }] })
  return { ...sdk, telemetry, sums, relay: lister.relay }
}

const total = (count: number, sum: number) => ({ count, sum: expect.closeTo(sum, 9) })

// Each run takes the seconds that its relay and its store ask for: they take them together.
describe.concurrent('the metrics of a run with faults', () => {
  it('tell every page, pair, request, wait, retry and failure, and nothing else', async () => {
    const { collect, sums, relay: source, telemetry } = await troubledRun()
    const of = (value: unknown, attributes: Record<string, unknown> = {}) => ({
      attributes: { [SOURCE]: source, ...attributes },
      value,
    })
    const reason = (word: string) => ({ 'atproto.backfill.wait.reason': word })
    const kind = (word: string, type: string) => ({
      'atproto.backfill.failure.kind': word,
      'error.type': type,
    })
    const status = (code: number) => ({ 'error.type': 'RELAY_STATUS', 'http.response.status_code': code })
    const state = (word: string) => ({ 'atproto.backfill.collection.state': word })

    const collected = await collect()
    const requests = collected['atproto.backfill.request.duration [s]'] ?? []
    expect(requests).toHaveLength(4)
    expect(requests).toEqual(
      expect.arrayContaining([
        // 3 of PLAIN, 2 of BUSY, 1 of MIXED, and of STOLEN 2 and once more the second; and the first page again before
        // each end of several pages, and before STOLEN goes on.
        of({ count: 14, sum: expect.any(Number) }),
        of({ count: 1, sum: expect.any(Number) }, status(500)),
        of({ count: 1, sum: expect.any(Number) }, status(429)),
        of({ count: 1, sum: expect.any(Number) }, status(410)),
      ]),
    )
    const seconds = requests.map(({ value }) => (typeof value === 'number' ? Number.NaN : value.sum))
    expect(seconds.reduce((sum, each) => sum + each)).toBeCloseTo(sums.requests, 9)
    delete collected['atproto.backfill.request.duration [s]']

    expect(sums.pauses).toBeGreaterThanOrEqual(1)
    expect(collected).toEqual({
      'atproto.backfill.pages [{page}]': [of(8)],
      'atproto.backfill.imported [{did}]': [of(12)],
      // The stolen page had been added before its claim was found lost, so that the second time brought nothing new.
      'atproto.backfill.added [{pair}]': [of(11)],
      'atproto.backfill.invalid [{entry}]': [of(1)],
      'atproto.backfill.retries [{retry}]': [of(1, status(500)), of(1, status(429))],
      'atproto.backfill.failures [{failure}]': expect.toSatisfy((series: unknown[]) => series.length === 3),
      'atproto.backfill.commit.duration [s]': [of(total(8, sums.commits))],
      'atproto.backfill.wait.duration [s]': expect.toSatisfy((series: unknown[]) => series.length === 3),
      'atproto.backfill.collections [{collection}]': [
        of(4, state('complete')),
        of(0, state('running')),
        of(0, state('pending')),
        of(1, state('failed')),
      ],
      'atproto.backfill.flagged [{collection}]': FLAGS.map((flag) =>
        of(0, { 'atproto.backfill.collection.flag': flag }),
      ),
      'atproto.backfill.waiting [1]': ['store', 'relay', 'set_aside', 'claims'].map((word) =>
        of(0, reason(word)),
      ),
      'atproto.backfill.set_aside [{collection}]': [of(0)],
      // The failed one. Without sizes, there is no progress and no time left.
      'atproto.backfill.requests_left [{request}]': [of(1)],
    })
    expect(collected['atproto.backfill.failures [{failure}]']).toEqual(
      expect.arrayContaining([
        of(1, { ...kind('collection', 'RELAY_STATUS'), 'http.response.status_code': 410 }),
        of(1, kind('claim_lost', 'CLAIM_LOST')),
        of(1, kind('source', '_OTHER')),
      ]),
    )
    expect(collected['atproto.backfill.wait.duration [s]']).toEqual(
      expect.arrayContaining([
        of(total(2, sums.retryWaits), reason('retry')),
        of(total(1, sums.storeWaits), reason('store')),
        of(total(1, sums.pauses), reason('relay')),
      ]),
    )
    telemetry[Symbol.dispose]()
  })

  it('name the collections that were asked for, and sum the others up', async () => {
    const { collect, relay: source } = await troubledRun({ collections: [PLAIN] })
    const { 'atproto.backfill.imported [{did}]': dids } = await collect()
    expect(dids).toEqual(
      expect.arrayContaining([
        { attributes: { [SOURCE]: source, 'atproto.backfill.collection': PLAIN }, value: 5 },
        { attributes: { [SOURCE]: source }, value: 7 },
      ]),
    )
    expect(dids).toHaveLength(2)
  })
})

describe('the gauges of a run', () => {
  it('are the figures of its monitor: progress, time left, what it waits for, and flags', async () => {
    await using sdk = collector()
    const relay = 'relay.test'
    const row = { relay, cursor: 'c', invalid: 0, attempts: 0, flags: [] }
    const progress = {
      list: async (): Promise<CollectionProgress[]> => [
        { ...row, collection: PLAIN, state: 'complete', pages: 6, imported: 12_000, estimatedRepos: 12_000 },
        {
          ...row,
          collection: BUSY,
          state: 'pending',
          pages: 1,
          imported: 2_000,
          estimatedRepos: 8_000,
          retryInMs: 60_000,
          flags: ['cursorsChanged'],
        },
      ],
    }
    using telemetry = createTelemetry({ relay, progress, ...sdk.providers })
    const value = async (name: string, attributes = {}) => {
      const { [name]: series = [] } = await sdk.collect()
      return series.find((each) => isDeepStrictEqual(each.attributes, { [SOURCE]: relay, ...attributes }))
        ?.value
    }
    expect(await value('atproto.backfill.progress [1]')).toBeCloseTo(0.7, 5)
    expect(await value('atproto.backfill.requests_left [{request}]')).toBe(3)
    expect(await value('atproto.backfill.set_aside [{collection}]')).toBe(1)
    const flag = { 'atproto.backfill.collection.flag': 'cursorsChanged' }
    expect(await value('atproto.backfill.flagged [{collection}]', flag)).toBe(1)
    telemetry.handle({ type: 'paused', relay, waitMs: 60_000 })
    const waiting = (word: string) =>
      value('atproto.backfill.waiting [1]', { 'atproto.backfill.wait.reason': word })
    expect(await waiting('relay')).toBe(1)
    expect(await waiting('store')).toBe(0)
    telemetry.handle({ type: 'storeUnavailable', relay, error: new Error('away'), attempt: 1, waitMs: 500 })
    expect(await waiting('store')).toBe(1)
    expect(await waiting('relay')).toBe(0)
  })
})

describe('the gauge of collections', () => {
  const state = 'atproto.backfill.collection.state'

  async function counts({ collect }: Collector): Promise<Record<string, unknown>> {
    const { 'atproto.backfill.collections [{collection}]': series = [] } = await collect()
    return Object.fromEntries(series.map(({ attributes, value }) => [attributes[state], value]))
  }

  it('tells what other runs have done, read from the progress store', async () => {
    await using sdk = collector()
    const progress = memoryProgressStore()
    await progress.register('relay.test', [{ nsid: PLAIN }, { nsid: BUSY }, { nsid: GONE }])
    const claim = await progress.claim({ relay: 'relay.test', owner: 'another', leaseMs: 60_000 })
    if (claim === undefined) throw new Error('nothing to claim')
    using _telemetry = createTelemetry({ relay: 'relay.test', progress, ...sdk.providers })
    expect(await counts(sdk)).toEqual({ complete: 0, running: 1, pending: 2, failed: 0 })
    await progress.release(claim, { kind: 'failed', error: 'gone' })
    expect(await counts(sdk)).toEqual({ complete: 0, running: 0, pending: 2, failed: 1 })
  })

  it('tells what it knows when the progress store cannot be read, and says so', async () => {
    const warnings: string[] = []
    const quiet = () => {}
    const warn = (message: string) => warnings.push(message)
    diag.setLogger({ error: quiet, warn, info: quiet, debug: quiet, verbose: quiet }, DiagLogLevel.WARN)
    onTestFinished(() => diag.disable())
    await using sdk = collector()
    const progress = { list: () => Promise.reject(new Error('no route to the database')) }
    using telemetry = createTelemetry({ relay: 'relay.test', progress, ...sdk.providers })
    telemetry.handle({ type: 'discovered', relay: 'relay.test', collections: [{ nsid: PLAIN }], sources: [] })
    expect(await counts(sdk)).toEqual({ complete: 0, running: 0, pending: 1, failed: 0 })
    expect(warnings).toEqual(['The progress of relay.test could not be read: no route to the database'])
  })

  it('of two relays stand beside each other', async () => {
    await using sdk = collector()
    using _one = createTelemetry({ relay: 'one.test', ...sdk.providers })
    using _other = createTelemetry({ relay: 'other.test', ...sdk.providers })
    const { 'atproto.backfill.collections [{collection}]': series = [] } = await sdk.collect()
    const sources = new Set(series.map(({ attributes }) => attributes[SOURCE]))
    expect(sources).toEqual(new Set(['one.test', 'other.test']))
  })

  it.each(['close', Symbol.dispose] as const)('leaves the progress store alone after %s', async (end) => {
    await using sdk = collector()
    let reads = 0
    const list = async () => {
      reads += 1
      return []
    }
    const telemetry = createTelemetry({ relay: 'relay.test', progress: { list }, ...sdk.providers })
    await sdk.collect()
    expect(reads).toBe(1)
    telemetry[end]()
    telemetry[end]()
    await sdk.collect()
    expect(reads).toBe(1)
  })
})

describe.concurrent('the spans of a run with faults', () => {
  it('are one for each walk, with what it came to and its failures', async () => {
    const { spans, relay: source } = await troubledRun()
    const told = spans().map(({ name, attributes, status, events }) => ({
      name,
      collection: attributes['atproto.backfill.collection'],
      source: attributes[SOURCE],
      outcome: attributes['atproto.backfill.walk.outcome'],
      resumed: attributes['atproto.backfill.walk.resumed'],
      came: ['pages', 'imported', 'added'].map((what) => attributes[`atproto.backfill.walk.${what}`]),
      error: attributes['error.type'],
      status: status.code,
      events: events.map((event) => event.name),
    }))
    const walk = (collection: string, came: number[]) => ({
      name: 'backfill collection',
      collection,
      source,
      outcome: 'completed',
      resumed: false,
      came,
      error: undefined,
      status: SpanStatusCode.UNSET,
      events: [] as string[],
    })
    const failure = { status: SpanStatusCode.ERROR, events: ['exception'] }
    expect(told).toEqual([
      walk(PLAIN, [3, 5, 5]),
      { ...walk(BUSY, [2, 3, 3]), events: ['retry', 'retry'] },
      { ...walk(GONE, [0, 0, 0]), ...failure, outcome: 'failed', error: 'RELAY_STATUS' },
      walk(MIXED, [1, 1, 1]),
      { ...walk(STOLEN, [1, 2, 2]), ...failure, outcome: 'claim_lost', error: 'CLAIM_LOST' },
      { ...walk(STOLEN, [1, 1, 0]), resumed: true },
    ])
  })

  it("hold the relay's own words", async () => {
    const { spans } = await troubledRun()
    const of = (collection: string) =>
      spans().find(({ attributes }) => attributes['atproto.backfill.collection'] === collection)
    expect(of(BUSY)?.events.map(({ attributes }) => attributes)).toMatchObject([
      { 'error.type': 'RELAY_STATUS', 'http.response.status_code': 500, 'atproto.backfill.attempt': 1 },
      { 'http.response.status_code': 429, 'exception.message': expect.stringMatching(/answered 429/) },
    ])
    expect(of(GONE)?.status.message).toMatch(/410/)
  })

  it('end with the telemetry when a walk was stopped on the way', async () => {
    await using sdk = collector()
    using telemetry = createTelemetry({ relay: 'relay.test', ...sdk.providers })
    const walk = { relay: 'relay.test', collection: PLAIN }
    telemetry.handle({ type: 'collectionStarted', ...walk, pages: 0, imported: 0, invalid: 0 })
    const totals = { pages: 2, imported: 4, invalid: 0, completed: false, durationMs: 5 }
    telemetry.handle({ type: 'page', ...walk, dids: ['a', 'b', 'c', 'd'], added: 3, ...totals })
    expect(sdk.spans()).toEqual([])
    telemetry[Symbol.dispose]()
    expect(sdk.spans()).toMatchObject([
      {
        attributes: { 'atproto.backfill.walk.outcome': 'stopped', 'atproto.backfill.walk.added': 3 },
        status: { code: SpanStatusCode.UNSET },
      },
    ])
  })
})

describe('without an SDK', () => {
  it('everything is a no-op', () => {
    using telemetry = createTelemetry({ relay: 'relay.test' })
    const walk = { relay: 'relay.test', collection: PLAIN }
    telemetry.handle({ type: 'collectionStarted', ...walk, pages: 0, imported: 0, invalid: 0 })
    const failure = { error: new Error('gone'), attempts: 1, restart: false }
    expect(telemetry.handle({ type: 'collectionFailed', ...walk, ...failure })).toBeUndefined()
  })
})
