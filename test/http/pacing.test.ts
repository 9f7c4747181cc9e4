import pLimit from 'p-limit'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { RelayPause } from '../../src/contracts/repo-lister.ts'
import { createPacing, createPacingAt, createRate, type Pacing } from '../../src/http/pacing.ts'
import { RelayError } from '../../src/index.ts'
import { gate } from '../support/scripted-lister.ts'

const ok = { status: 200, headers: new Headers() }

const failing = (code: 'RELAY_TIMEOUT' | 'RELAY_STATUS', details = {}) =>
  new RelayError(code, 'no', { relay: 'relay.test', retryable: true, ...details })
const timeout = () => failing('RELAY_TIMEOUT')
const refusal = (retryAfterMs?: number, status = 429) => failing('RELAY_STATUS', { status, retryAfterMs })

const failure = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  )

/** Until `ms` have passed, on a clock that stands still otherwise, and all that may begin has begun. */
const pass = (ms = 0) => vi.advanceTimersByTimeAsync(ms)

/** Asks once and tells when that began, in milliseconds from now; rejects with the error, or with the answer is done. */
async function begin(pacing: Pacing, outcome: typeof ok | Error = ok): Promise<number> {
  const calledAt = performance.now()
  let begunAt: number | undefined
  const answer = failure(
    pacing.run(undefined, async () => {
      begunAt = performance.now()
      if (outcome instanceof Error) throw outcome
      return outcome
    }),
  )
  while (begunAt === undefined) await pass(1)
  expect(await answer).toBe(outcome instanceof Error ? outcome : undefined)
  return begunAt - calledAt
}

/** How long each pause is that it tells of, in milliseconds. */
function pausesOf(pacing: Pacing): number[] {
  const told: number[] = []
  pacing.onPause(({ waitMs }) => told.push(waitMs), new AbortController().signal)
  return told
}

beforeEach(() => {
  vi.useFakeTimers()
})

afterEach(() => {
  vi.restoreAllMocks()
  vi.useRealTimers()
})

describe('a relay that has had enough', () => {
  it.each([429, 503, 403])(
    'with %d pauses every request for as long as it asks, and not much longer',
    async (status) => {
      const pacing = createPacing('relay.test')
      await begin(pacing, refusal(4000, status))
      const waits = await Promise.all([begin(pacing), begin(pacing)])
      for (const waitMs of waits) {
        expect(waitMs).toBeGreaterThanOrEqual(4000)
        expect(waitMs).toBeLessThanOrEqual(4502)
      }
    },
  )

  it('is told of with the time that every request waits', async () => {
    const pauses: RelayPause[] = []
    const pacing = createPacing('relay.test')
    const listening = new AbortController()
    pacing.onPause((pause) => pauses.push(pause), listening.signal)
    const error = refusal(1000)
    await begin(pacing, error)
    expect(pauses).toEqual([{ waitMs: expect.any(Number), error }])
    expect(pauses[0]?.waitMs).toBeGreaterThanOrEqual(1000)

    listening.abort()
    pacing.onPause((pause) => pauses.push(pause), listening.signal)
    await begin(pacing, refusal(1000))
    expect(pauses).toHaveLength(1)
  })

  it('without a word pauses twice as long with each refusal, up to a minute, and anew after an answer', async () => {
    const pacing = createPacing('relay.test')
    await begin(pacing, refusal())
    for (const baseMs of [1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]) {
      const waitMs = await begin(pacing, refusal())
      expect(waitMs).toBeGreaterThanOrEqual(baseMs)
      expect(waitMs).toBeLessThanOrEqual(baseMs + 502)
    }
    await begin(pacing)
    expect(await begin(pacing, refusal())).toBeLessThanOrEqual(1)
    expect(await begin(pacing)).toBeLessThanOrEqual(1502)
  })

  it('is not asked at all while the pause is longer than a minute, and the error says what is left', async () => {
    const pacing = createPacing('relay.test')
    const cause = refusal(1e12)
    await begin(pacing, cause)
    await pass(1_000_000)
    const send = vi.fn()
    const error = await failure(pacing.run(undefined, send))
    expect(error).toBeInstanceOf(RelayError)
    expect(error).toMatchObject({ retryable: true, retryAfterMs: expect.any(Number), cause })
    expect((error as RelayError).retryAfterMs).toBeGreaterThanOrEqual(1e12 - 1_000_100)
    expect(send).not.toHaveBeenCalled()
  })

  it('is waited for when the pause is a minute long, whatever is added to spread its end', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0.99)
    const pacing = createPacing('relay.test')
    await begin(pacing, refusal(60_000))
    expect(await begin(pacing)).toBeGreaterThan(60_400)
  })

  it('a wait for it ends at once with the caller’s own reason', async () => {
    const pacing = createPacing('relay.test')
    await begin(pacing, refusal(30_000))
    const caller = new AbortController()
    const send = vi.fn()
    const waiting = failure(pacing.run(caller.signal, send))
    caller.abort('enough')
    expect(await waiting).toBe('enough')
    expect(send).not.toHaveBeenCalled()
  })

  it.each<Record<string, string>>([
    { 'ratelimit-remaining': '0', 'ratelimit-reset': '3' },
    { ratelimit: '"default";r=0;t=3' },
  ])('is left alone when its rate limit is used up, before it has to refuse: %j', async (limit) => {
    const pacing = createPacing('relay.test')
    const headers = new Headers(limit)
    await begin(pacing, { status: 200, headers })
    expect(await begin(pacing)).toBeGreaterThanOrEqual(3000)
    // Nothing was refused, so there is nothing to probe for.
    const others = load(20, pacing)
    await pass()
    expect(others.parked).toHaveLength(20)
  })
})

/** Starts requests that park, and keeps those that have begun. */
function load(count: number, pacing = createPacing('relay.test')) {
  const parked: ReturnType<typeof gate<typeof ok>>[] = []
  const results = Array.from({ length: count }, () =>
    failure(
      pacing.run(undefined, () => {
        const step = gate<typeof ok>()
        parked.push(step)
        return step.wait()
      }),
    ),
  )
  return { pacing, parked, results }
}

/** The same, once all of them are under way. */
async function underWay(count: number, pacing?: Pacing) {
  const run = load(count, pacing)
  await pass()
  expect(run.parked).toHaveLength(count)
  // What begins later begins at another time.
  await pass(1)
  return run
}

/** Answers one after the other, in the order in which they begin, until all have been. */
async function passAll({ parked, results }: ReturnType<typeof load>, from = 0): Promise<void> {
  for (let passed = from; passed < results.length; passed++) {
    await pass(1)
    expect(parked.length).toBeGreaterThan(passed)
    parked[passed]?.pass(ok)
  }
  await Promise.all(results)
}

describe('requests under way', () => {
  it('are not limited as long as the relay bears them', async () => {
    await passAll(await underWay(50))
  })

  it('are halved once when some of those under way together time out, and grow back by one a round', async () => {
    const { pacing, parked, results } = await underWay(8)
    for (const step of parked) step.fail(timeout())
    await Promise.all(results)
    await pass(1)

    /** The most that may begin at once, seen by parking them all. */
    const room = async () => {
      const run = load(20, pacing)
      await pass(1)
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
    const { pacing, parked, results } = await underWay(8)
    for (const step of parked) step.fail(refusal(1))
    await Promise.all(results)

    const later = load(20, pacing)
    for (let probe = 1; probe <= 3; probe++) {
      await pass(10)
      expect(later.parked).toHaveLength(probe)
      if (probe < 3) later.parked[probe - 1]?.fail(refusal(1))
    }
    later.parked[2]?.pass(ok)
    await pass(1)
    expect(later.parked).toHaveLength(3 + 4)
    await passAll(later, 3)
  })

  it('that were under way when the relay refused one of them give no room by succeeding', async () => {
    const { pacing, parked, results } = await underWay(8)
    parked[0]?.fail(refusal(1))
    await results[0]
    for (const step of parked.slice(1)) step.pass(ok)
    await Promise.all(results)

    const later = load(3, pacing)
    await pass(10)
    expect(later.parked).toHaveLength(1)
    await passAll(later)
  })

  it('that wait for their turn when the relay refuses another wait for the pause as well', async () => {
    const pacing = createPacing('relay.test')
    const first = await underWay(2, pacing)
    first.parked[0]?.fail(timeout())
    await first.results[0]
    // One place, which the second request has.
    const waiting = load(3, pacing)
    await pass(1)
    expect(waiting.parked).toHaveLength(0)
    first.parked[1]?.fail(refusal(4000))
    await first.results[1]
    await pass(3999)
    expect(waiting.parked).toHaveLength(0)
    await pass(501)
    expect(waiting.parked).toHaveLength(1)
    await passAll(waiting)
  })

  it('that wait for their turn end at once with the caller’s own reason, and leave no gap', async () => {
    const { pacing, parked, results } = await underWay(2)
    parked[0]?.fail(timeout())
    await results[0]
    const caller = new AbortController()
    const send = vi.fn()
    const stopped = failure(pacing.run(caller.signal, send))
    const next = load(1, pacing)
    await pass(1)
    caller.abort('enough')
    expect(await stopped).toBe('enough')
    parked[1]?.pass(ok)
    await pass(1)
    expect(next.parked).toHaveLength(1)
    expect(send).not.toHaveBeenCalled()
    await passAll(next)
  })

  it('pause for a second at least when one that was under way before a timeout is refused without a word', async () => {
    const pacing = createPacing('relay.test')
    const told = pausesOf(pacing)
    const run = await underWay(2, pacing)
    run.parked[0]?.fail(timeout())
    await run.results[0]
    run.parked[1]?.fail(refusal())
    await run.results[1]
    expect(told).toHaveLength(1)
    expect(told[0]).toBeGreaterThanOrEqual(1000)
  })

  it('that are refused together are one pause, unless one of them is told to wait longer', async () => {
    const { pacing, parked, results } = await underWay(4)
    const told = pausesOf(pacing)
    vi.spyOn(Math, 'random').mockReturnValue(0.5)
    for (const [index, waitMs] of [4000, 4000, 2000, 8000].entries()) parked[index]?.fail(refusal(waitMs))
    await Promise.all(results)
    expect(told).toEqual([4250, 8250])
  })

  it('that fail for another reason change nothing', async () => {
    const { pacing, parked, results } = await underWay(4)
    for (const step of parked) step.fail(failing('RELAY_STATUS', { status: 500 }))
    await Promise.all(results)
    await passAll(await underWay(20, pacing))
  })
})

describe('requestsPerSecond', () => {
  it('spaces all requests', async () => {
    const pacing = createPacing('relay.test', { requestsPerSecond: 20 })
    const begun = await Promise.all(Array.from({ length: 4 }, () => begin(pacing)))
    for (const [index, at] of begun.entries()) {
      expect(at).toBeGreaterThanOrEqual(index * 50)
      expect(at).toBeLessThanOrEqual(index * 50 + 4)
    }
  })

  it('lets none go sooner after a timer that was late', async () => {
    const pacing = createPacing('relay.test', { requestsPerSecond: 20 })
    const begun: number[] = []
    const all = Array.from({ length: 6 }, () =>
      pacing.run(undefined, async () => {
        begun.push(performance.now())
        return ok
      }),
    )
    await pass(60)
    const onTime = performance.now.bind(performance)
    // The machine stood still for a second: what waits for its time is that late.
    vi.spyOn(performance, 'now').mockImplementation(() => onTime() + 1000)
    await pass(500)
    await Promise.all(all)
    for (const [i, at] of begun.slice(1).entries()) expect(at - (begun[i] ?? 0)).toBeGreaterThanOrEqual(50)
  })

  it('is kept by requests that waited for a place among those of all servers', async () => {
    const places = pLimit(1)
    const other = gate<void>()
    const held = places(() => other.wait())
    const pacing = createPacingAt('relay.test', [createRate(20)], places)
    const begun: number[] = []
    const all = Array.from({ length: 3 }, () =>
      pacing.run(undefined, async () => {
        begun.push(performance.now())
        return ok
      }),
    )
    await pass(1000)
    expect(begun).toEqual([])
    other.pass()
    await pass(200)
    await Promise.all([held, ...all])
    for (const [i, at] of begun.slice(1).entries()) expect(at - (begun[i] ?? 0)).toBeGreaterThanOrEqual(50)
  })

  it('that cannot be is refused by name', () => {
    expect(() => createPacing('relay.test', { requestsPerSecond: 0 })).toThrow('requestsPerSecond')
  })
})
