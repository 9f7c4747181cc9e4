import { connect } from 'node:net'
import { describe, expect, it } from 'vitest'
import {
  type Fault,
  type ListReposPage,
  type RelayRequest,
  startRelay,
  type TestRelay,
} from '../../src/testing/index.ts'
import { ask, page, send } from './ask.ts'

const LIKE = 'app.bsky.feed.like'
const POST = 'app.bsky.feed.post'
const collections = { [LIKE]: 50, [POST]: 50 }

/** A relay in which every request fails in the same way. */
const faulty = (fault: Fault): Promise<TestRelay> => startRelay({ collections, script: () => fault })

/** Something that another part waits for. */
function gate<T>(): { opened: Promise<T>; open: (value: T) => void } {
  let open: (value: T) => void = () => {}
  const opened = new Promise<T>((resolve) => {
    open = resolve
  })
  return { opened, open }
}

async function bytesUntil(response: Response, enough: number): Promise<number> {
  let received = 0
  for await (const chunk of response.body ?? []) {
    received += chunk.length
    if (received >= enough) break
  }
  return received
}

describe('a fault', () => {
  it('can be a status with headers and a body', async () => {
    await using relay = await faulty({ status: 429, headers: { 'retry-after': '7' } })
    const { status, headers, json } = await ask(relay, { collection: LIKE })
    expect([status, headers.get('retry-after'), json]).toEqual([
      429,
      '7',
      { error: 'TooManyRequests', message: 'Too Many Requests' },
    ])
  })

  it('can be a page of HTML under any status', async () => {
    await using relay = await faulty({
      status: 502,
      headers: { 'content-type': 'text/html' },
      body: '<h1>Bad</h1>',
    })
    const response = await send(relay, { collection: LIKE })
    expect([response.status, response.headers.get('content-type'), await response.text()]).toEqual([
      502,
      'text/html',
      '<h1>Bad</h1>',
    ])
  })

  it('can be a redirect', async () => {
    await using relay = await faulty({ status: 302, headers: { location: 'http://127.0.0.1:1/' } })
    const response = await send(relay, { collection: LIKE }, { redirect: 'manual' })
    expect([response.status, response.headers.get('location')]).toEqual([302, 'http://127.0.0.1:1/'])
  })

  it('can set the clock of the answer', async () => {
    const date = 'Thu, 01 Jan 2026 00:00:00 GMT'
    await using relay = await faulty({ status: 503, headers: { date } })
    expect((await ask(relay, { collection: LIKE })).headers.get('date')).toBe(date)
  })

  it('can alter the genuine page', async () => {
    const answer = ({ repos }: ListReposPage) => ({ repos: [...repos, 5], cursor: 5 })
    await using relay = await faulty({ answer })
    const { json } = await ask(relay, { collection: LIKE, limit: '1' })
    expect(json).toEqual({ repos: [{ did: [...relay.dids(LIKE)][0] }, 5], cursor: 5 })
  })

  it("can answer to a cursor of the script's own, and with text that is no JSON", async () => {
    await using relay = await startRelay({
      collections,
      script: ({ cursor }) => ({ answer: (page) => (cursor === 'own+/ cursor' ? page : '{"repos":[') }),
    })
    expect((await ask(relay, { collection: LIKE, cursor: 'own+/ cursor' })).json).toEqual({ repos: [] })
    expect(await (await send(relay, { collection: LIKE })).text()).toBe('{"repos":[')
  })

  it.each(['before-headers', 'in-headers'] as const)('can cut the connection %s', async (cut) => {
    await using relay = await faulty({ cut })
    await expect(send(relay, { collection: LIKE })).rejects.toThrow('fetch failed')
  })

  it('can cut the connection in the body', async () => {
    await using relay = await faulty({ cut: 'in-body' })
    const response = await send(relay, { collection: LIKE })
    expect(response.status).toBe(200)
    await expect(response.text()).rejects.toThrow('terminated')
  })

  it('can stall the headers, until the client gives up', async () => {
    const asked = gate<void>()
    await using relay = await startRelay({
      collections,
      script: () => {
        asked.open()
        return { stall: 'headers' }
      },
    })
    const leaving = new AbortController()
    const pending = send(relay, { collection: LIKE }, { signal: leaving.signal })
    await asked.opened
    expect(relay.inFlight).toBe(1)
    leaving.abort(new Error('enough'))
    await expect(pending).rejects.toThrow('enough')
  })

  it('can stall the body after its first half', async () => {
    await using relay = await faulty({ stall: 'body' })
    const leaving = new AbortController()
    const response = await send(relay, { collection: LIKE }, { signal: leaving.signal })
    const total = Number(response.headers.get('content-length'))
    const reader = response.body?.getReader()
    let received = 0
    while (received < total >> 1) received += (await reader?.read())?.value?.length ?? 0
    expect(received).toBe(total >> 1)
    leaving.abort(new Error('enough'))
    await expect(reader?.read()).rejects.toThrow('enough')
  })

  it('can let the body drip', async () => {
    await using relay = await faulty({ drip: 8000 })
    const from = performance.now()
    const response = await send(relay, { collection: LIKE, limit: '40' })
    const text = await response.text()
    expect(JSON.parse(text).repos).toHaveLength(40)
    // A piece each 50 ms, and the client has the last one before its pause. A timer may be a little early by this clock.
    const pauses = Math.ceil(text.length / 400) - 1
    expect(performance.now() - from).toBeGreaterThan(pauses * 50 * 0.9)
  })

  it.each([false, true])('can be a body without end (gzip: %s)', async (gzip) => {
    await using relay = await faulty({ endless: true, gzip })
    const response = await send(relay, { collection: LIKE })
    expect(response.headers.get('content-encoding')).toBe(gzip ? 'gzip' : null)
    expect(await bytesUntil(response, 50_000_000)).toBeGreaterThanOrEqual(50_000_000)
  })

  it('can delay the genuine answer, and any other fault', async () => {
    await using relay = await startRelay({
      collections,
      latencyMs: ({ collection }) => (collection === POST ? 60 : 0),
      script: ({ n }) => (n === 1 ? { delayMs: 60 } : { delayMs: 60, status: 500 }),
    })
    const timed = async (collection: string) => {
      const from = performance.now()
      const { status } = await ask(relay, { collection })
      return { status, ms: performance.now() - from }
    }
    const [first, second, third] = [await timed(LIKE), await timed(LIKE), await timed(POST)]
    expect([first.status, second.status, third.status]).toEqual([200, 500, 500])
    // Timers may fire up to a millisecond early.
    expect(Math.min(first.ms, second.ms)).toBeGreaterThan(58)
    expect(third.ms).toBeGreaterThan(116)
  })
})

describe('a script', () => {
  it('is told about each request, and the log keeps what it was told', async () => {
    const told: RelayRequest[] = []
    const script = (request: RelayRequest) => {
      told.push(request)
      return undefined
    }
    await using relay = await startRelay({ collections, script })
    const { cursor = '' } = await page(relay, { collection: LIKE, limit: '20' })
    await ask(relay, { collection: LIKE, limit: '99999', cursor })
    await ask(relay, { collection: POST, cursor: 'a+b/c=&d e' })
    await ask(relay, { collection: LIKE, cursor })
    await fetch(relay.gardenUrl, { headers: { 'user-agent': 'somebody' } })
    expect(relay.requests).toEqual(told)
    const method = '/xrpc/com.atproto.sync.listReposByCollection'
    expect(told).toMatchObject([
      {
        n: 1,
        method: 'GET',
        path: method,
        collection: LIKE,
        cursor: undefined,
        limit: 20,
        offset: 0,
        attempt: 1,
      },
      { n: 2, collection: LIKE, cursor, limit: 10_000, offset: 20, attempt: 1 },
      { n: 3, collection: POST, cursor: 'a+b/c=&d e', limit: 500, offset: undefined, attempt: 1 },
      { n: 4, collection: LIKE, cursor, limit: 500, offset: 20, attempt: 2 },
      { n: 5, path: '/llms.txt', collection: undefined, headers: { 'user-agent': 'somebody' } },
    ])
    expect(relay.requestsOf(LIKE).map(({ n }) => n)).toEqual([1, 2, 4])
    expect(told.map(({ at }) => at)).toEqual(told.map(({ at }) => at).toSorted((a, b) => a - b))
  })

  it('parks a request until its promise is settled', async () => {
    const parked = gate<undefined>()
    const both = gate<void>()
    const script = ({ n }: RelayRequest) => {
      if (n === 2) both.open()
      return parked.opened
    }
    await using relay = await startRelay({ collections, script })
    const answers = Promise.all([ask(relay, { collection: LIKE }), ask(relay, { collection: POST })])
    await both.opened
    expect([relay.inFlight, relay.maxInFlight]).toEqual([2, 2])
    parked.open(undefined)
    expect((await answers).map(({ status }) => status)).toEqual([200, 200])
    expect(relay.maxInFlight).toBe(2)
  })

  it('that throws answers 500, and its error comes out at the end', async () => {
    const relay = await startRelay({
      collections,
      script: () => {
        throw new Error('a slip in the script')
      },
    })
    expect((await ask(relay, { collection: LIKE })).json.error).toBe('ScriptFailed')
    await expect(relay[Symbol.asyncDispose]()).rejects.toThrow('a slip in the script')
  })
})

describe('closing a relay', () => {
  it.each<[string, Fault]>([
    ['stalled before its headers', { stall: 'headers' }],
    ['stalled in its body', { stall: 'body' }],
    ['dripping', { drip: 1 }],
    ['delayed', { delayMs: 3_600_000 }],
    ['without end', { endless: true }],
  ])('ends a request that is %s', async (_, fault) => {
    const asked = gate<void>()
    const relay = await startRelay({
      collections,
      script: () => {
        asked.open()
        return fault
      },
    })
    const failed = send(relay, { collection: LIKE })
      .then((response) => response.text())
      .catch((error: unknown) => error)
    await asked.opened
    await relay[Symbol.asyncDispose]()
    expect(await failed).toBeInstanceOf(TypeError)
    await expect(send(relay, { collection: LIKE })).rejects.toThrow('fetch failed')
  })

  it('ends a connection on which nothing was asked, and a request that its script has parked', async () => {
    const asked = gate<void>()
    const parked = gate<undefined>()
    const relay = await startRelay({
      collections,
      script: () => {
        asked.open()
        return parked.opened
      },
    })
    const failed = send(relay, { collection: LIKE }).catch((error: unknown) => error)
    await asked.opened
    const silent = connect(Number(new URL(relay.url).port), '127.0.0.1')
    await new Promise((resolve) => silent.once('connect', resolve))
    const ended = new Promise((resolve) => silent.once('close', resolve))
    await relay[Symbol.asyncDispose]()
    await ended
    expect(await failed).toBeInstanceOf(TypeError)
    parked.open(undefined)
  })

  it('twice is once', async () => {
    const relay = await faulty({ status: 500 })
    await relay[Symbol.asyncDispose]()
    await relay[Symbol.asyncDispose]()
    await expect(send(relay, { collection: LIKE })).rejects.toThrow('fetch failed')
  })
})
