import { describe, expect, it } from 'vitest'
import { RelayError, relayLister } from '../../src/index.ts'
import { createGovernor, type GovernorOptions } from '../../src/relay/governor.ts'
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
    const pauses: { source: string; waitMs: number; error?: unknown }[] = []
    await using run = await setUp(
      { script: ({ n }) => (n === 1 ? { status: 429, headers: { 'retry-after': '1' } } : undefined) },
      { onPause: (pause) => pauses.push(pause) },
    )
    const error = await failure(run.lister.listRepos({ collection: A }))
    expect(pauses).toEqual([{ source: run.relay.url, waitMs: expect.any(Number), error }])
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
  const refusal = () => new RelayError('RELAY_TIMEOUT', 'too slow', { source: 'relay.test', retryable: true })

  /** Starts requests that park, and tells how many are under way. */
  function load(count: number) {
    const governor = createGovernor('relay.test', {})
    const steps = Array.from({ length: count }, () => gate<typeof ok>())
    let begun = 0
    const results = steps.map((step) =>
      failure(
        governor.run({ collection: A, signal: undefined }, () => {
          begun += 1
          return step.wait()
        }),
      ),
    )
    return { governor, steps, results, begun: () => begun }
  }

  it('are not limited as long as the relay bears them', async () => {
    const { steps, results, begun } = load(50)
    await expect.poll(begun).toBe(50)
    for (const step of steps) step.pass(ok)
    await Promise.all(results)
  })

  it('are halved once when some of those under way together fail, and grow back by one a round', async () => {
    const { governor, steps, results } = load(8)
    await Promise.all(steps.map(({ reached }) => reached))
    for (const step of steps) step.fail(refusal())
    await Promise.all(results)

    /** The most that the governor lets begin at once, seen by parking them all. */
    const room = async () => {
      const parked: ReturnType<typeof gate<typeof ok>>[] = []
      const all = Array.from({ length: 20 }, () =>
        governor.run({ collection: A, signal: undefined }, () => {
          const step = gate<typeof ok>()
          parked.push(step)
          return step.wait()
        }),
      )
      await new Promise(setImmediate)
      await new Promise(setImmediate)
      const most = parked.length
      for (let passed = 0; passed < 20; passed++) {
        while (parked.length <= passed) await new Promise(setImmediate)
        parked[passed]?.pass(ok)
      }
      await Promise.all(all)
      return most
    }
    expect(await room()).toBe(4)
    expect(await room()).toBeGreaterThan(4)
    await room()
    expect(await room()).toBe(20)
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
