import { describe, expect, it, vi } from 'vitest'
import { createGovernor, type GovernorOptions } from '../../src/http/pacing.ts'
import { RelayError, relayLister } from '../../src/index.ts'
import { startRelay, type TestRelayOptions } from '../../src/testing/index.ts'
import { gate } from '../support/scripted-lister.ts'

const A = 'com.example.a'
const B = 'com.example.b'

/** A relay with two collections, asked through one lister. */
async function setUp(options: Partial<TestRelayOptions> = {}, governor: GovernorOptions = {}) {
  const relay = await startRelay({ collections: { [A]: 100, [B]: 100 }, ...options })
  const lister = relayLister(relay.url, { pageSize: 10, ...governor })
  return { relay, lister, [Symbol.asyncDispose]: () => relay[Symbol.asyncDispose]() }
}

const failure = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  )

describe('a relay that has had enough', () => {
  it.each([429, 503])('with %d pauses every collection for as long as it asks', async (status) => {
    await using run = await setUp({
      script: ({ n }) => (n === 1 ? { status, headers: { 'retry-after': '1' } } : undefined),
    })
    expect(await failure(run.lister.listRepos({ collection: A }))).toMatchObject({
      status,
      retryAfterMs: 1000,
    })
    await run.lister.listRepos({ collection: B })
    const [refused, next] = run.relay.requests
    expect((next?.at ?? 0) - (refused?.at ?? 0)).toBeGreaterThanOrEqual(1000)
  })

  it('is told of with the time that everybody waits', async () => {
    const pauses: { relay: string; waitMs: number; error?: unknown }[] = []
    await using run = await setUp(
      { script: ({ n }) => (n === 1 ? { status: 429, headers: { 'retry-after': '1' } } : undefined) },
      { onPause: (pause) => pauses.push(pause) },
    )
    const error = await failure(run.lister.listRepos({ collection: A }))
    expect(pauses).toEqual([{ relay: run.relay.url, waitMs: expect.any(Number), error }])
    expect(pauses[0]?.waitMs).toBeGreaterThanOrEqual(1000)
  })

  it('without a word pauses longer with each refusal', async () => {
    await using run = await setUp({ script: ({ n }) => (n <= 2 ? { status: 429 } : undefined) })
    for (let i = 0; i < 3; i++) await failure(run.lister.listRepos({ collection: A }))
    const [first, second, third] = run.relay.requests.map(({ at }) => at)
    expect((second ?? 0) - (first ?? 0)).toBeGreaterThanOrEqual(1000)
    expect((third ?? 0) - (second ?? 0)).toBeGreaterThanOrEqual(2000)
  })

  it('is not asked at all while the pause is longer than maxPauseMs, and the error says what is left', async () => {
    const script = () => ({ status: 429, headers: { 'retry-after': '1000000000' } })
    await using run = await setUp({ script }, { maxPauseMs: 50 })
    await failure(run.lister.listRepos({ collection: A }))
    const error = await failure(run.lister.listRepos({ collection: B }))
    expect(error).toBeInstanceOf(RelayError)
    expect(error).toMatchObject({ retryable: true, retryAfterMs: expect.any(Number) })
    expect((error as RelayError).retryAfterMs).toBeGreaterThan(999_999_000_000)
    expect(run.relay.requests).toHaveLength(1)
  })

  it('a wait for it ends with the caller’s own reason', async () => {
    const script = () => ({ status: 429, headers: { 'retry-after': '30' } })
    await using run = await setUp({ script })
    await failure(run.lister.listRepos({ collection: A }))
    const controller = new AbortController()
    const waiting = failure(run.lister.listRepos({ collection: B, signal: controller.signal }))
    const reason = new Error('enough')
    controller.abort(reason)
    expect(await waiting).toBe(reason)
    expect(run.relay.requests).toHaveLength(1)
  })

  it('is left alone when its rate limit is used up, before it has to refuse', async () => {
    const headers = { 'ratelimit-remaining': '0', 'ratelimit-reset': '1' }
    await using run = await setUp({
      script: ({ n }) => (n === 1 ? { status: 200, headers, body: { repos: [] } } : undefined),
    })
    await run.lister.listRepos({ collection: A })
    await run.lister.listRepos({ collection: B })
    const [first, second] = run.relay.requests
    expect((second?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThanOrEqual(1000)
  })
})

describe('requests in flight', () => {
  const ok = { status: 200, headers: new Headers() }
  const failing = (code: 'RELAY_TIMEOUT' | 'RELAY_STATUS', details = {}) =>
    new RelayError(code, 'no', { relay: 'relay.test', retryable: true, ...details })
  const timeout = () => failing('RELAY_TIMEOUT')
  const refusal = (retryAfterMs = 1) => failing('RELAY_STATUS', { status: 429, retryAfterMs })

  /** Starts requests that park, and keeps those that have begun. */
  function load(count: number, governor = createGovernor('relay.test', {})) {
    const parked: ReturnType<typeof gate<typeof ok>>[] = []
    const results = Array.from({ length: count }, () =>
      failure(
        governor.run({ collection: A, signal: undefined }, () => {
          const step = gate<typeof ok>()
          parked.push(step)
          return step.wait()
        }),
      ),
    )
    return { governor, parked, results }
  }

  /** Until all that may begin has begun. */
  async function settled(): Promise<void> {
    for (let turn = 0; turn < 2; turn++) await new Promise(setImmediate)
  }

  /** Answers one after the other, in the order in which they begin, until all have been. */
  async function passAll({ parked, results }: ReturnType<typeof load>, from = 0): Promise<void> {
    for (let passed = from; passed < results.length; passed++) {
      await expect.poll(() => parked.length).toBeGreaterThan(passed)
      parked[passed]?.pass(ok)
    }
    await Promise.all(results)
  }

  it('are not limited as long as the relay bears them', async () => {
    const run = load(50)
    await expect.poll(() => run.parked.length).toBe(50)
    await passAll(run)
  })

  it('are halved once when some of those under way together time out, and grow back by one a round', async () => {
    const { governor, parked, results } = load(8)
    await expect.poll(() => parked.length).toBe(8)
    for (const step of parked) step.fail(timeout())
    await Promise.all(results)

    /** The most that the governor lets begin at once, seen by parking them all. */
    const room = async () => {
      const run = load(20, governor)
      await settled()
      const most = run.parked.length
      await passAll(run)
      return most
    }
    expect(await room()).toBe(4)
    expect(await room()).toBeGreaterThan(4)
    await room()
    expect(await room()).toBe(20)
  })

  it('are one at a time while a relay refuses, however often it does, and half of them once it answers', async () => {
    const { governor, parked, results } = load(8)
    await expect.poll(() => parked.length).toBe(8)
    for (const step of parked) step.fail(refusal())
    await Promise.all(results)

    const later = load(20, governor)
    for (let probe = 1; probe <= 3; probe++) {
      await expect.poll(() => later.parked.length).toBe(probe)
      await settled()
      expect(later.parked).toHaveLength(probe)
      if (probe < 3) later.parked[probe - 1]?.fail(refusal())
    }
    later.parked[2]?.pass(ok)
    await settled()
    expect(later.parked).toHaveLength(3 + 4)
    await passAll(later, 3)
  })

  it('that were under way when the relay refused one of them give no room by succeeding', async () => {
    const { governor, parked, results } = load(8)
    await expect.poll(() => parked.length).toBe(8)
    parked[0]?.fail(refusal())
    await results[0]
    for (const step of parked.slice(1)) step.pass(ok)
    await Promise.all(results)

    const later = load(3, governor)
    await expect.poll(() => later.parked.length).toBe(1)
    await settled()
    expect(later.parked).toHaveLength(1)
    await passAll(later)
  })

  it('that wait to be gentle when the relay refuses another are one at a time after the pause as well', async () => {
    const governor = createGovernor('relay.test', { pauseMs: 20 })
    await governor.run({ collection: A, signal: undefined }, async () => ok)
    const gentle = load(3, governor)
    const refused = { collection: B, signal: undefined }
    expect(await failure(governor.run(refused, () => Promise.reject(refusal(40))))).toBeInstanceOf(RelayError)
    await expect.poll(() => gentle.parked.length).toBe(1)
    await settled()
    expect(gentle.parked).toHaveLength(1)
    await passAll(gentle)
  })

  it('wait for a pause as long as maxPauseMs, whatever is added to spread its end', async () => {
    const governor = createGovernor('relay.test', { maxPauseMs: 100 })
    const random = vi.spyOn(Math, 'random').mockReturnValue(0.99)
    await failure(governor.run({ collection: A, signal: undefined }, () => Promise.reject(refusal(100))))
    random.mockRestore()
    expect(await governor.run({ collection: B, signal: undefined }, async () => ok)).toBe(ok)
  })

  it('pause for a second at least when one that was under way before a timeout is refused without a word', async () => {
    const told: number[] = []
    const run = load(2, createGovernor('relay.test', { onPause: ({ waitMs }) => told.push(waitMs) }))
    await expect.poll(() => run.parked.length).toBe(2)
    run.parked[0]?.fail(timeout())
    await run.results[0]
    run.parked[1]?.fail(failing('RELAY_STATUS', { status: 429 }))
    await run.results[1]
    expect(told).toHaveLength(1)
    expect(told[0]).toBeGreaterThanOrEqual(1000)
  })

  it('that are refused together are one pause, unless one of them is told to wait longer', async () => {
    const told: number[] = []
    const onPause = ({ waitMs }: { waitMs: number }) => told.push(waitMs)
    const { parked, results } = load(4, createGovernor('relay.test', { onPause }))
    await expect.poll(() => parked.length).toBe(4)
    const random = vi.spyOn(Math, 'random').mockReturnValue(0.5)
    for (const [index, waitMs] of [4000, 4000, 2000, 8000].entries()) parked[index]?.fail(refusal(waitMs))
    await Promise.all(results)
    random.mockRestore()
    expect(told).toEqual([4250, 8250])
  })
})

describe('for those who want to be gentler', () => {
  it('requestsPerSecond spaces the requests of all collections', async () => {
    await using run = await setUp({}, { requestsPerSecond: 20 })
    await Promise.all([A, B, A, B].map((collection) => run.lister.listRepos({ collection })))
    const times = run.relay.requests.map(({ at }) => at)
    // 50 ms apart when they are sent; on arrival the network moves each of them a little.
    expect((times[3] ?? 0) - (times[0] ?? 0)).toBeGreaterThanOrEqual(140)
  })

  it('pauseMs lets each collection rest', async () => {
    await using run = await setUp({}, { pauseMs: 200 })
    await run.lister.listRepos({ collection: A })
    await run.lister.listRepos({ collection: A })
    const [first, second] = run.relay.requests
    expect((second?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThanOrEqual(190)
  })

  it('pauseMs leaves other collections alone', async () => {
    await using run = await setUp({}, { pauseMs: 3_600_000 })
    await run.lister.listRepos({ collection: A })
    await run.lister.listRepos({ collection: B })
    expect(run.relay.requests).toHaveLength(2)
  })

  it.each([
    ['requestsPerSecond', { requestsPerSecond: 0 }],
    ['pauseMs', { pauseMs: -1 }],
    ['maxPauseMs', { maxPauseMs: 0.5 }],
  ])('%s that cannot be is refused by name', (option, options) => {
    expect(() => relayLister('relay.example', options)).toThrow(option)
  })
})
