import { describe, expect, it, vi } from 'vitest'
import {
  BackfillError,
  combineHooks,
  createBackfiller,
  InvalidOptionError,
  knownCollections,
  memoryIndexSink,
  memoryProgressStore,
  NotMigratedError,
  type ProgressStore,
  relayLister,
  StoreUnavailableError,
} from '../../../src/index.ts'
import { type AdminHandlerOptions, adminHandler } from '../../../src/server/index.ts'
import { type RelayScript, startRelay } from '../../../src/testing/index.ts'
import { PATH, startAdmin, TOKEN } from '../../support/admin.ts'
import { BIG, startParkedRelay } from '../../support/parked-relay.ts'
import { gate } from '../../support/scripted-lister.ts'

const PROFILE = 'app.bsky.actor.profile'
const BROKEN = 'com.example.broken'

/** What a relay says for a collection, once or for ever. */
const breaking =
  (isBroken: () => boolean): RelayScript =>
  ({ collection }) =>
    collection === BROKEN && isBroken()
      ? { status: 400, body: { error: 'BadRequest', message: 'no such thing' } }
      : undefined

describe("an operator's script for the relay in Zig", () => {
  it('starts a run, reads how far it is, and sees it end: the answers have its keys and their meaning', async () => {
    await using parked = await startParkedRelay(3)
    const { relay } = parked
    await using admin = await startAdmin({ collections: [PROFILE, BIG], allowedSources: [relay.url] })

    const empty = await admin.status()
    expect(zigPart(empty)).toEqual({
      running: false,
      total: 0,
      completed: 0,
      in_progress: 0,
      total_imported: 0,
      collections: [],
    })

    const { status, body } = await admin.ask('POST', `?source=${encodeURIComponent(relay.url)}`)
    expect(status).toBe(200)
    expect(body).toEqual({ status: 'started', source: relay.url, collections: 2 })

    await parked.parked
    const cursor = relay.cursorAt(BIG, 300)
    const going = await admin.until(
      ({ collections }) =>
        collections.some((row) => row.cursor === cursor) && collections.some((row) => row.completed),
    )
    expect(zigPart(going)).toEqual({
      running: true,
      total: 2,
      completed: 1,
      in_progress: 1,
      total_imported: 450,
      collections: [
        { collection: PROFILE, source: relay.url, imported: 150, completed: true },
        { collection: BIG, source: relay.url, imported: 300, completed: false, cursor },
      ],
    })

    parked.letGo()
    const done = await admin.until(({ running }) => !running)
    expect(zigPart(done)).toEqual({
      running: false,
      total: 2,
      completed: 2,
      in_progress: 0,
      total_imported: 1_150,
      collections: [
        { collection: PROFILE, source: relay.url, imported: 150, completed: true },
        { collection: BIG, source: relay.url, imported: 1_000, completed: true },
      ],
    })
    expect(done).toMatchObject({
      outcome: 'complete',
      error: null,
      source: relay.url,
      finished_at: expect.any(String),
    })
  })

  it('reads the rows that the relay in Zig left, before there was a run in this process', async () => {
    const progress = memoryProgressStore()
    await progress.register('old.relay.example', [{ nsid: BIG, estimatedRepos: 5_000 }, { nsid: PROFILE }])
    const claim = await progress.claim({ source: 'old.relay.example', owner: 'zig', leaseMs: 1_000 })
    if (claim === undefined) throw new Error('nothing to claim')
    const half = await progress.advance(claim, { pages: 1, cursor: 'abc+/=', imported: 1_000, rejected: 0 })
    await progress.release(half)
    await using admin = await startAdmin({ progress })
    expect(zigPart(await admin.status())).toEqual({
      running: false,
      total: 2,
      completed: 0,
      in_progress: 2,
      total_imported: 1_000,
      collections: [
        { collection: PROFILE, source: 'old.relay.example', imported: 0, completed: false },
        { collection: BIG, source: 'old.relay.example', imported: 1_000, completed: false, cursor: 'abc+/=' },
      ],
    })
  })
})

/** The keys of the relay in Zig, by name; what else there is comes on top. */
function zigPart(status: object) {
  const top = ['running', 'total', 'completed', 'in_progress', 'total_imported', 'collections']
  const inRow = ['collection', 'source', 'imported', 'completed', 'cursor']
  const pick = (from: object, keys: readonly string[]) =>
    Object.fromEntries(Object.entries(from).filter(([key]) => keys.includes(key)))
  const { collections, ...rest } = pick(status, top)
  return { ...rest, collections: (collections as object[]).map((row) => pick(row, inRow)) }
}

describe('fault 25', () => {
  it('a request without a token, or with a wrong one, is refused, and nothing is started', async () => {
    await using relay = await startRelay({ collections: { [PROFILE]: 10 } })
    const backfill = vi.fn()
    await using admin = await startAdmin({ backfill, allowedSources: [relay.url] })
    const wrong = [
      {},
      { authorization: '' },
      { authorization: 'Bearer' },
      { authorization: TOKEN },
      { authorization: `Basic ${btoa(`admin:${TOKEN}`)}` },
      { authorization: `Bearer ${TOKEN.slice(0, -1)}` },
      { authorization: `Bearer ${TOKEN}x` },
      { authorization: `Bearer ${TOKEN.toUpperCase()}` },
      { authorization: `Bearer ${TOKEN} ${TOKEN}` },
      { authorization: `Bearer ${'x'.repeat(4_000)}` },
    ]
    const requests = [
      ['POST', ''],
      ['DELETE', ''],
      ['GET', ''],
      ['GET', '/events'],
      ['POST', '/retry'],
    ] as const
    for (const headers of wrong) {
      for (const [method, path] of requests) {
        const response = await fetch(`${admin.url}${path}`, { method, headers })
        expect(response.status).toBe(401)
        expect(response.headers.get('www-authenticate')).toMatch(/^Bearer /)
        expect(await response.json()).toEqual({
          error: 'AuthenticationRequired',
          message: expect.any(String),
        })
      }
    }
    expect(backfill).not.toHaveBeenCalled()
    expect(relay.requests).toEqual([])
  })

  it.each([
    'user:pass@relay.example.com',
    'https://relay.example.com/path',
    'relay.example.com?x=1',
    'relay.example.com#x',
    'file:///etc/passwd',
    'gopher://relay.example.com',
    'relay.example.com:8443',
    'http://relay.example.com',
    'localhost',
    'relay',
    '127.0.0.1',
    '2130706433',
    '0x7f.1',
    '169.254.169.254',
    '[::1]',
    '[::ffff:169.254.169.254]',
    'metadata.google.internal',
    'printer.local',
    'a.localhost',
    'relay.example.com.',
    'relay.example.com\r\nhost: x',
    ' ',
    '',
  ])('a hostile source is refused, and nothing is started: %j', async (source) => {
    const backfill = vi.fn()
    const handler = adminHandler({ token: TOKEN, backfill, progress: memoryProgressStore() })
    const response = await handler(request('POST', `?source=${encodeURIComponent(source)}`))
    expect(response.status).toBe(400)
    expect(await response.json()).toEqual({
      error: 'InvalidRequest',
      message: expect.stringContaining('source'),
    })
    expect(backfill).not.toHaveBeenCalled()
  })

  it('a source that is not among those allowed is refused, however it is written; one that is starts', async () => {
    const backfill = vi.fn()
    const allowedSources = ['relay.example.com', 'http://10.0.0.7:2470']
    const handler = adminHandler({ token: TOKEN, backfill, progress: memoryProgressStore(), allowedSources })
    for (const source of [
      'other.example.com',
      'http://relay.example.com',
      'http://10.0.0.7',
      'relay.example.com.evil.example',
    ]) {
      expect((await handler(request('POST', `?source=${source}`))).status).toBe(400)
    }
    expect(
      (await handler(request('POST', '?source=relay.example.com&source=relay.example.com'))).status,
    ).toBe(400)
    expect((await handler(request('POST'))).status).toBe(400)
    expect(backfill).not.toHaveBeenCalled()
    await handler(request('POST', '?source=https://RELAY.example.com'))
    await handler(request('POST', '?source=http://10.0.0.7:2470'))
    expect(backfill.mock.calls.map(([{ source }]) => source)).toEqual([
      'relay.example.com',
      'http://10.0.0.7:2470',
    ])
  })

  it('of two at once one is started and the other answered with 409', async () => {
    await using parked = await startParkedRelay(1)
    const { relay } = parked
    const made = vi.fn()
    const progress = memoryProgressStore()
    await using admin = await startAdmin({
      progress,
      allowedSources: [relay.url],
      backfill: ({ source, signal, hooks }) => {
        made()
        return backfillerOf(source, progress, [PROFILE, BIG], { signal, hooks })
      },
    })
    const answers = await Promise.all(Array.from({ length: 5 }, () => admin.ask('POST')))
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409, 409, 409, 409])
    expect(answers.find(({ status }) => status === 409)?.body).toEqual({
      error: 'AlreadyRunning',
      message: expect.stringContaining(relay.url),
    })
    expect(made).toHaveBeenCalledTimes(1)
  })
})

function request(method: string, path = '', headers: Record<string, string> = {}): Request {
  return new Request(`http://admin.example${PATH}${path}`, {
    method,
    headers: { authorization: `Bearer ${TOKEN}`, ...headers },
  })
}

function backfillerOf(
  source: string,
  progress: ProgressStore,
  collections: readonly string[],
  options: Partial<Parameters<typeof createBackfiller>[0]>,
) {
  return createBackfiller({
    lister: relayLister(source, { pageSize: 100 }),
    sources: [knownCollections(collections)],
    sink: memoryIndexSink(),
    progress,
    ...options,
  })
}

describe('starting', () => {
  it('needs no source where one is allowed alone', async () => {
    await using relay = await startRelay({ collections: { [PROFILE]: 10 } })
    await using admin = await startAdmin({ collections: [PROFILE], allowedSources: [relay.url] })
    expect((await admin.ask('POST')).body).toEqual({ status: 'started', source: relay.url, collections: 1 })
  })

  it('that takes too long to discover is answered with 202, and goes on', async () => {
    const { reached, wait, pass } = gate()
    await using relay = await startRelay({
      collections: { [PROFILE]: 10 },
      script: () => wait().then(() => undefined),
    })
    await using admin = await startAdmin({
      collections: [PROFILE],
      allowedSources: [relay.url],
      answerWithinMs: 0,
    })
    const { status, body } = await admin.ask('POST')
    expect({ status, body }).toEqual({
      status: 202,
      body: { status: 'starting', source: relay.url, collections: 0 },
    })
    await reached
    expect(await admin.status()).toMatchObject({ running: true })
    pass()
    expect(await admin.until(({ running }) => !running)).toMatchObject({
      outcome: 'complete',
      total_imported: 10,
    })
  })

  it('with a relay that cannot serve a backfill is answered with 502 and its reason, which the status has too', async () => {
    await using relay = await startRelay({ collections: { [PROFILE]: 0 } })
    const onEnd = vi.fn()
    await using admin = await startAdmin({ collections: [PROFILE], allowedSources: [relay.url], onEnd })
    const { status, body } = await admin.ask('POST')
    expect(status).toBe(502)
    expect(body).toEqual({
      error: 'RELAY_UNSUITABLE',
      message: expect.stringContaining('lists no repository'),
    })
    const { error, outcome, running, last_error } = await admin.status()
    expect({ outcome, running, error }).toEqual({
      outcome: 'failed',
      running: false,
      error: { code: 'RELAY_UNSUITABLE', message: expect.stringContaining('lists no repository') },
    })
    expect(last_error).toMatchObject({ code: 'RELAY_UNSUITABLE', collection: null })
    expect(onEnd).toHaveBeenCalledExactlyOnceWith({
      source: relay.url,
      outcome: 'failed',
      error: expect.any(BackfillError),
    })
    expect((await admin.ask('POST')).status).toBe(502)
  })

  it.each([
    [
      'throws',
      () => {
        throw new TypeError('no database')
      },
      'no database',
    ],
    ['rejects', () => Promise.reject(new Error('no database')), 'no database'],
    ['gives no backfiller', () => ({}), 'backfill must be'],
  ])('with a function that %s is answered with 500, and the status tells', async (_, backfill, message) => {
    const handler = adminHandler({
      token: TOKEN,
      backfill: backfill as never,
      progress: memoryProgressStore(),
      allowedSources: ['relay.example.com'],
    })
    const response = await handler(request('POST'))
    expect(response.status).toBe(500)
    expect(await response.json()).toMatchObject({ message: expect.stringContaining(message) })
    expect(await (await handler(request('GET'))).json()).toMatchObject({
      outcome: 'failed',
      running: false,
      error: { message: expect.stringContaining(message) },
    })
  })
})

describe('stopping', () => {
  it('hands the claims back before it is answered, and the next run goes on from there', async () => {
    await using parked = await startParkedRelay(4)
    const { relay } = parked
    await using admin = await startAdmin({ collections: [PROFILE, BIG], allowedSources: [relay.url] })
    await admin.ask('POST')
    await parked.parked
    await admin.until(({ collections }) => collections.some(({ imported }) => imported === 400))
    const stopped = await admin.ask('DELETE')
    expect({ ...stopped, headers: undefined }).toMatchObject({ status: 200, body: { status: 'stopped' } })
    const rows = await admin.progress.list()
    expect(rows.map(({ state }) => state)).not.toContain('walking')
    expect(await admin.status()).toMatchObject({
      running: false,
      outcome: 'stopped',
      error: null,
      walking: 0,
    })
    expect((await admin.ask('DELETE')).body).toEqual({ status: 'idle' })

    parked.letGo()
    expect((await admin.ask('POST')).status).toBe(200)
    await admin.until(({ outcome }) => outcome === 'complete')
    const offsets = relay.requestsOf(BIG).map(({ offset }) => offset)
    expect(new Set(offsets.slice(0, 5)).size).toBe(5)
    expect(offsets.filter((offset) => offset === 0)).toHaveLength(1)
  })

  it('reaches a backfiller that was not given the signal', async () => {
    await using parked = await startParkedRelay(1)
    const { relay } = parked
    const progress = memoryProgressStore()
    await using admin = await startAdmin({
      progress,
      allowedSources: [relay.url],
      backfill: ({ source, hooks }) => backfillerOf(source, progress, [PROFILE, BIG], { hooks }),
    })
    await admin.ask('POST')
    await parked.parked
    expect((await admin.ask('DELETE')).body).toEqual({ status: 'stopped' })
    expect((await progress.list()).map(({ state }) => state)).not.toContain('walking')
    expect(await admin.status()).toMatchObject({ outcome: 'stopped' })
  })

  it('lets a generator around a backfiller close what it has opened, before it is answered', async () => {
    await using parked = await startParkedRelay(1)
    const { relay } = parked
    const progress = memoryProgressStore()
    const closed = vi.fn()
    const seen: string[] = []
    await using admin = await startAdmin({
      progress,
      allowedSources: [relay.url],
      async *backfill({ source, signal, hooks }) {
        using _opened = { [Symbol.dispose]: closed }
        for await (const page of backfillerOf(source, progress, [PROFILE, BIG], { signal, hooks })) {
          seen.push(page.collection)
          yield page
        }
      },
    })
    await admin.ask('POST')
    await parked.parked
    await admin.until(({ total_imported }) => total_imported === 250)
    expect(closed).not.toHaveBeenCalled()
    expect((await admin.ask('DELETE')).body).toEqual({ status: 'stopped' })
    expect(closed).toHaveBeenCalledTimes(1)
    expect(seen).toHaveLength(3)
  })

  it('with the process: the signal stops the run, ends the streams and has requests answered with 503', async () => {
    await using parked = await startParkedRelay(1)
    const { relay } = parked
    const stop = new AbortController()
    const onEnd = vi.fn()
    await using admin = await startAdmin({
      collections: [PROFILE, BIG],
      allowedSources: [relay.url],
      signal: stop.signal,
      onEnd,
    })
    await using reader = await admin.events()
    await admin.ask('POST')
    await parked.parked
    stop.abort(new Error('SIGTERM'))
    const names = (await Array.fromAsync(reader)).map(({ name }) => name)
    expect(names.at(-1)).toBe('snapshot')
    expect(onEnd).toHaveBeenCalledExactlyOnceWith({ source: relay.url, outcome: 'stopped' })
    expect((await admin.progress.list()).map(({ state }) => state)).not.toContain('walking')
    expect(await admin.ask('POST')).toMatchObject({ status: 503, body: { error: 'ShuttingDown' } })
    expect(await admin.ask('GET')).toMatchObject({ status: 503 })
  })

  it('with the process has a retry begin no run that came just before', async () => {
    const rearming = gate<number>()
    const progress: ProgressStore = { ...memoryProgressStore(), rearm: () => rearming.wait() }
    const backfill = vi.fn()
    const onError = vi.fn()
    const handler = adminHandler({
      token: TOKEN,
      backfill,
      progress,
      allowedSources: ['relay.example.com'],
      onError,
    })
    const retried = handler(request('POST', '/retry'))
    await rearming.reached
    await handler[Symbol.asyncDispose]()
    rearming.pass(1)
    expect((await retried).status).toBe(503)
    expect(backfill).not.toHaveBeenCalled()
    expect(onError).not.toHaveBeenCalled()
  })

  it('by disposing of the handler resolves once the claims are handed back', async () => {
    await using parked = await startParkedRelay(1)
    const { relay } = parked
    const progress = memoryProgressStore()
    {
      await using admin = await startAdmin({
        progress,
        collections: [PROFILE, BIG],
        allowedSources: [relay.url],
      })
      await admin.ask('POST')
      await parked.parked
      await admin.handler[Symbol.asyncDispose]()
      expect((await progress.list()).map(({ state }) => state)).not.toContain('walking')
    }
  })
})

describe('retry', () => {
  it('has a collection tried again that was given up, and starts a run for it where there is none', async () => {
    let isBroken = true
    await using relay = await startRelay({
      collections: { [PROFILE]: 10, [BROKEN]: 20 },
      script: breaking(() => isBroken),
    })
    await using admin = await startAdmin({ collections: [PROFILE, BROKEN], allowedSources: [relay.url] })
    await admin.ask('POST')
    const failed = await admin.until(({ running }) => !running)
    expect(failed).toMatchObject({
      outcome: 'incomplete',
      completed: 1,
      failed: 1,
      in_progress: 1,
      error: { code: 'INCOMPLETE' },
      last_error: {
        code: 'RELAY_STATUS',
        collection: BROKEN,
        message: expect.stringContaining('no such thing'),
      },
      failures: [
        {
          kind: 'collection',
          collection: BROKEN,
          message: expect.stringContaining('no such thing'),
          retry_at: null,
        },
      ],
    })
    expect(failed.collections.find(({ collection }) => collection === BROKEN)).toMatchObject({
      state: 'failed',
      attempts: 1,
      last_error: expect.stringContaining('no such thing'),
    })
    isBroken = false
    const { status, body } = await admin.ask('POST', `/retry?collection=${BROKEN}`)
    expect({ status, body }).toEqual({
      status: 200,
      body: { source: relay.url, collections: 1, started: true },
    })
    expect(await admin.until(({ running }) => !running)).toMatchObject({
      outcome: 'complete',
      completed: 2,
      failed: 0,
      total_imported: 30,
    })
    expect((await admin.ask('POST', '/retry')).body).toEqual({
      source: relay.url,
      collections: 0,
      started: false,
    })
    expect(await admin.status()).toMatchObject({ running: false })
  })

  it('is taken up by the run under way', async () => {
    let isBroken = true
    await using parked = await startParkedRelay(1, {
      collections: { [BROKEN]: 20 },
      script: breaking(() => isBroken),
    })
    const { relay } = parked
    await using admin = await startAdmin({ collections: [PROFILE, BROKEN, BIG], allowedSources: [relay.url] })
    await admin.ask('POST')
    await admin.until(({ failed }) => failed === 1)
    await parked.parked
    isBroken = false
    expect((await admin.ask('POST', '/retry')).body).toEqual({
      source: relay.url,
      collections: 1,
      started: false,
    })
    expect(await admin.status()).toMatchObject({ running: true, failed: 0 })
    await admin.until(({ completed }) => completed === 2)
    parked.letGo()
    expect(await admin.until(({ running }) => !running)).toMatchObject({ outcome: 'complete', completed: 3 })
  })

  it('begins another run where it came just as the one under way had looked for what is left', async () => {
    let isBroken = true
    await using relay = await startRelay({
      collections: { [PROFILE]: 10, [BROKEN]: 20 },
      script: breaking(() => isBroken),
    })
    const store = memoryProgressStore()
    const lastLook = gate()
    let isHeld = false
    const progress: ProgressStore = {
      ...store,
      async list(filter) {
        const rows = await store.list(filter)
        // What the run reads at its end, on the way to it.
        if (!isHeld && rows.some(({ state }) => state === 'failed')) {
          isHeld = true
          await lastLook.wait()
        }
        return rows
      },
    }
    await using admin = await startAdmin({
      progress,
      collections: [PROFILE, BROKEN],
      allowedSources: [relay.url],
    })
    await admin.ask('POST')
    await lastLook.reached
    isBroken = false
    expect((await admin.ask('POST', '/retry')).body).toMatchObject({ collections: 1, started: false })
    lastLook.pass()
    expect(await admin.until(({ outcome }) => outcome === 'complete')).toMatchObject({
      completed: 2,
      failed: 0,
    })
  })

  it('refuses what is no NSID, another relay than the one under way, and no relay at all', async () => {
    await using parked = await startParkedRelay(1)
    const { relay } = parked
    await using admin = await startAdmin({
      collections: [PROFILE, BIG],
      allowedSources: [relay.url, 'relay.example.com'],
    })
    expect((await admin.ask('POST', '/retry?collection=nonsense')).status).toBe(400)
    expect((await admin.ask('POST', '/retry')).status).toBe(400)
    await admin.ask('POST', `?source=${relay.url}`)
    expect((await admin.ask('POST', '/retry?source=relay.example.com')).status).toBe(409)
  })
})

describe('the status', () => {
  it('has estimates, speed and the time that is left while it runs', async () => {
    await using parked = await startParkedRelay(5)
    const { relay } = parked
    await using admin = await startAdmin({
      allowedSources: [relay.url],
      run: {
        sources: [
          knownCollections([
            { nsid: PROFILE, estimatedRepos: 150 },
            { nsid: BIG, estimatedRepos: 1_000 },
          ]),
        ],
      },
    })
    await admin.ask('POST')
    await parked.parked
    const status = await admin.until(({ eta_ms }) => eta_ms !== null)
    expect(status).toMatchObject({
      expected_pairs: 1_150,
      pending: 0,
      failed: 0,
      finished_at: null,
      outcome: null,
      sources: [relay.url],
    })
    expect(status.pairs_per_second).toBeGreaterThan(0)
    expect(status.requests_per_second).toBeGreaterThan(0)
    expect(
      status.collections.map(({ collection, estimated_repos }) => [collection, estimated_repos]),
    ).toEqual([
      [PROFILE, 150],
      [BIG, 1_000],
    ])
    expect(Date.parse(status.at)).toBeGreaterThanOrEqual(Date.parse(status.started_at ?? ''))
  })

  it('tells when a collection is tried again, and of the pause that the relay asks for', async () => {
    let isBroken = true
    await using relay = await startRelay({
      collections: { [PROFILE]: 10, [BROKEN]: 20 },
      script: ({ collection }) =>
        collection === BROKEN && isBroken ? { status: 429, headers: { 'retry-after': '3000' } } : undefined,
    })
    await using admin = await startAdmin({ collections: [PROFILE, BROKEN], allowedSources: [relay.url] })
    await admin.ask('POST')
    const status = await admin.until(({ pause }) => pause !== null)
    expect(Date.parse(status.pause?.until ?? '') - Date.parse(status.at)).toBeGreaterThan(2_900_000)
    isBroken = false
    const waiting = await admin.until(({ collections }) =>
      collections.some(({ not_before }) => not_before !== null),
    )
    const row = waiting.collections.find(({ not_before }) => not_before !== null)
    expect(row).toMatchObject({
      collection: BROKEN,
      state: 'pending',
      last_error: expect.stringContaining('429'),
    })
    expect(Date.parse(row?.not_before ?? '')).toBeGreaterThan(Date.parse(waiting.at) + 2_900_000)
  })

  it('is told from memory while the store cannot be read after a run, and with 503 before the first', async () => {
    await using relay = await startRelay({ collections: { [PROFILE]: 10 } })
    const store = memoryProgressStore()
    let isDown = true
    const progress: ProgressStore = {
      ...store,
      list: async (filter) => {
        if (isDown) throw new StoreUnavailableError('The database is down.', new Error('ECONNREFUSED'))
        return store.list(filter)
      },
    }
    const onError = vi.fn()
    await using admin = await startAdmin({
      progress,
      collections: [PROFILE],
      allowedSources: [relay.url],
      onError,
    })
    expect(await admin.ask('GET')).toMatchObject({ status: 503, body: { error: 'StoreUnavailable' } })
    expect(onError).toHaveBeenCalledTimes(1)
    isDown = false
    await admin.ask('POST')
    await admin.until(({ running }) => !running)
    isDown = true
    expect(await admin.status()).toMatchObject({
      completed: 1,
      outcome: 'complete',
      last_error: { code: 'STORE_UNAVAILABLE' },
    })
  })

  it('has the rows of earlier runs from the first moment of a run on', async () => {
    await using parked = await startParkedRelay(1)
    const { relay } = parked
    const store = memoryProgressStore()
    await store.register(relay.url, [{ nsid: PROFILE }, { nsid: BIG }])
    const reading = gate()
    const progress: ProgressStore = {
      ...store,
      async list(filter) {
        await reading.wait()
        return store.list(filter)
      },
    }
    await using admin = await startAdmin({
      progress,
      collections: [PROFILE, BIG],
      allowedSources: [relay.url],
    })
    const started = admin.ask('POST')
    await reading.reached
    const status = admin.status()
    reading.pass()
    expect(await status).toMatchObject({ running: true, total: 2 })
    await started
  })

  it('of a run on a database without tables names the migration', async () => {
    await using relay = await startRelay({ collections: { [PROFILE]: 10 } })
    const fail = () => Promise.reject(new NotMigratedError('backfill_progress'))
    const progress: ProgressStore = { ...memoryProgressStore(), list: fail, register: fail }
    await using admin = await startAdmin({ progress, collections: [PROFILE], allowedSources: [relay.url] })
    expect((await admin.ask('POST')).status).toBe(500)
    expect(await admin.status()).toMatchObject({
      outcome: 'failed',
      error: { code: 'NOT_MIGRATED', message: expect.stringContaining('migrateToLatest') },
    })
  })
})

describe('every answer', () => {
  it('is for a path and a method that it knows, with OPTIONS for those who ask', async () => {
    await using admin = await startAdmin({})
    expect((await admin.ask('PUT')).headers.get('allow')).toBe('GET, POST, DELETE, HEAD, OPTIONS')
    expect((await admin.ask('PUT')).status).toBe(405)
    expect((await admin.ask('POST', '/events')).headers.get('allow')).toBe('GET, HEAD, OPTIONS')
    expect((await admin.ask('GET', '/retry')).status).toBe(405)
    for (const path of ['/other', '/events/x', 'x']) expect((await admin.ask('GET', path)).status).toBe(404)
    expect((await admin.ask('GET', '/')).status).toBe(200)
    const options = await fetch(admin.url, { method: 'OPTIONS' })
    expect(options.status).toBe(204)
    expect(options.headers.get('allow')).toBe('GET, POST, DELETE, HEAD, OPTIONS')
    const head = await admin.ask('HEAD')
    expect(head).toMatchObject({ status: 200, body: undefined })
    expect((await admin.ask('HEAD', '/events')).headers.get('content-type')).toBe(
      'text/event-stream; charset=utf-8',
    )
  })

  it('is kept by nobody, and readable for no foreign page', async () => {
    await using admin = await startAdmin({})
    const { headers } = await admin.ask('GET', '', { origin: 'https://evil.example' })
    expect(headers.get('cache-control')).toBe('no-store')
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    expect(headers.has('access-control-allow-origin')).toBe(false)
  })

  it('comes below the path that was chosen', async () => {
    const handler = adminHandler({
      token: TOKEN,
      backfill: vi.fn(),
      progress: memoryProgressStore(),
      path: '/internal/backfill',
    })
    const ask = (path: string) =>
      handler(new Request(`http://admin.example${path}`, { headers: { authorization: `bearer ${TOKEN}` } }))
    expect((await ask('/internal/backfill')).status).toBe(200)
    expect((await ask(PATH)).status).toBe(404)
  })
})

describe('options', () => {
  const good: AdminHandlerOptions = { token: TOKEN, backfill: vi.fn(), progress: memoryProgressStore() }

  it.each([
    ['token', { token: undefined }],
    ['token', { token: '' }],
    ['token', { token: 'fifteen-letters' }],
    ['token', { token: 'with spaces that no header can hold' }],
    ['token', { token: 'mit-Umlauten-äöüäöüäöü' }],
    ['backfill', { backfill: undefined }],
    ['progress', { progress: undefined }],
    ['allowedSources', { allowedSources: [] }],
    ['allowedSources', { allowedSources: ['https://relay.example.com/path'] }],
    ['path', { path: 'admin' }],
    ['path', { path: '/admin/' }],
    ['answerWithinMs', { answerWithinMs: -1 }],
  ])('%s is refused with a message that names it: %j', (option, bad) => {
    const make = () => adminHandler({ ...good, ...bad } as AdminHandlerOptions)
    expect(make).toThrow(InvalidOptionError)
    expect(make).toThrow(option)
  })

  it('a token that is too short is not told to anybody who reads the message', () => {
    expect(() => adminHandler({ ...good, token: 'secret-secret' })).toThrow(/not "\(hidden\)"/)
  })

  it('the hooks may stand beside those of the caller', async () => {
    await using relay = await startRelay({ collections: { [PROFILE]: 10 } })
    const collectionCompleted = vi.fn()
    const progress = memoryProgressStore()
    await using admin = await startAdmin({
      progress,
      allowedSources: [relay.url],
      backfill: ({ source, hooks }) =>
        backfillerOf(source, progress, [PROFILE], { hooks: combineHooks(hooks, { collectionCompleted }) }),
    })
    await admin.ask('POST')
    await admin.until(({ running }) => !running)
    expect(collectionCompleted).toHaveBeenCalledTimes(1)
  })
})
