import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { memoryIndex } from '../../../src/memory/memory-index.ts'
import { xrpcHandler } from '../../../src/server/index.ts'
import { didsFrom } from '../../../src/testing/suites/samples.ts'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

const names = Array.from({ length: 200 }, (_, i) => `com.example.n${i}`)
const held = memoryIndex(new Map(names.map((name) => [name, new Set(didsFrom(0, 3))])))

/** A handler whose counts wait until they are let go. */
function setUp() {
  const counting: { collection: string; finish: () => void }[] = []
  let atOnce = 0
  let most = 0
  const countRepos = vi.fn(async (collection: string) => {
    const gate = Promise.withResolvers<void>()
    counting.push({ collection, finish: gate.resolve })
    atOnce += 1
    most = Math.max(most, atOnce)
    await gate.promise
    atOnce -= 1
    return held.countRepos(collection)
  })
  const handler = xrpcHandler({ index: { ...held, countRepos } })
  const ask = (path: string, signal?: AbortSignal) =>
    handler(new Request(`http://relay.example${path}`, { ...(signal && { signal }) }))
  return {
    countRepos,
    counting,
    most: () => most,
    ask,
    /** @returns the status */
    count: async (collection: string, signal?: AbortSignal) =>
      (await ask(`/v1/listCollections?c=${collection}`, signal)).status,
    pages: async () => {
      const path = `/xrpc/com.atproto.sync.listReposByCollection?collection=${names[0]}`
      return (await ask(path)).status
    },
  }
}

/** Lets what is under way go as far as it can. */
const settle = () => vi.advanceTimersByTimeAsync(0)
function tally(statuses: readonly number[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const status of statuses) counts[status] = (counts[status] ?? 0) + 1
  return counts
}

describe('a flood of counts', () => {
  it('by names that do not exist counts none of them, and keeps nobody from a count', async () => {
    const { count, countRepos, counting, pages } = setUp()
    const asked = Array.from({ length: 2_000 }, (_, i) => count(`com.example.unknown${i}`))
    const real = count('com.example.n0')
    expect(await pages()).toBe(200)
    expect(tally(await Promise.all(asked))).toEqual({ 200: 2_000 })
    await settle()
    counting[0]?.finish()
    expect(await real).toBe(200)
    expect(countRepos).toHaveBeenCalledTimes(1)
  })

  it('is refused at once beyond fifty, and who waits in the queue within a second, each with Retry-After', async () => {
    const { ask, count, counting, most, pages } = setUp()
    const asked = Array.from({ length: 2_000 }, (_, i) => ask(`/v1/listCollections?c=${names[i % 200]}`))
    await settle()
    expect(await pages()).toBe(200)
    const refused: number[] = []
    for (const answer of asked) void answer.then(({ status }) => refused.push(status))
    await settle()
    expect(tally(refused)).toEqual({ 503: 1_950 })
    await vi.advanceTimersByTimeAsync(1_000)
    expect(tally(refused)).toEqual({ 503: 1_999 })
    expect((await asked[1_999])?.headers.get('retry-after')).toBe('2')
    // The one that is under way is counted to its end, and so is a real request once there is room.
    counting[0]?.finish()
    expect((await asked[0])?.status).toBe(200)
    const real = count('com.example.n7')
    await settle()
    counting[1]?.finish()
    expect(await real).toBe(200)
    expect(counting.map(({ collection }) => collection)).toEqual(['com.example.n0', 'com.example.n7'])
    expect(most()).toBe(1)
  })

  it('by several names in one request waits no longer than by one', async () => {
    const { ask, count, counting } = setUp()
    const statuses: number[] = []
    const [n0, n1, n2, n3] = names
    const first = count(n0 ?? '')
    const several = ask(`/v1/listCollections?c=${n1}&c=${n2}`)
    await settle()
    const ahead = count(n3 ?? '')
    await settle()
    await vi.advanceTimersByTimeAsync(500)
    for (const { finish } of counting) finish()
    await settle()
    counting[1]?.finish()
    await settle()
    expect(counting.map(({ collection }) => collection)).toEqual([n0, n1, n3])
    void several.then(({ status }) => statuses.push(status))
    await vi.advanceTimersByTimeAsync(299)
    expect(statuses).toEqual([])
    await vi.advanceTimersByTimeAsync(1)
    expect(statuses).toEqual([503])
    counting[2]?.finish()
    expect([await first, await ahead]).toEqual([200, 200])
  })

  it('that is abandoned leaves the queue: nothing of it is counted, and its places are free', async () => {
    const { count, counting } = setUp()
    const first = count('com.example.n0')
    const gone = new AbortController()
    const abandoned = Array.from({ length: 49 }, (_, i) => count(names[i + 1] ?? '', gone.signal))
    await settle()
    expect(await count('com.example.n100')).toBe(503)
    gone.abort()
    expect(tally(await Promise.all(abandoned))).toEqual({ 499: 49 })
    const real = count('com.example.n100')
    await settle()
    counting[0]?.finish()
    await settle()
    counting[1]?.finish()
    expect([await first, await real]).toEqual([200, 200])
    expect(counting.map(({ collection }) => collection)).toEqual(['com.example.n0', 'com.example.n100'])
  })

  it('for one collection is one count, which one who leaves does not take away from the others', async () => {
    const { count, counting } = setUp()
    const gone = new AbortController()
    const busy = count('com.example.n0')
    const leaving = count('com.example.n1', gone.signal)
    const staying = [count('com.example.n1'), count('com.example.n1')]
    await settle()
    gone.abort()
    expect(await leaving).toBe(499)
    counting[0]?.finish()
    await settle()
    counting[1]?.finish()
    expect([await busy, ...(await Promise.all(staying))]).toEqual([200, 200, 200])
    expect(counting).toHaveLength(2)
  })

  it('of which one fails goes on with the next', async () => {
    const { count, countRepos, counting } = setUp()
    countRepos.mockImplementationOnce(() => {
      throw new Error('at once')
    })
    const [failed, next] = [count('com.example.n0'), count('com.example.n1')]
    await settle()
    counting[0]?.finish()
    expect([await failed, await next]).toEqual([500, 200])
  })
})
