import { sql } from 'kysely'
import { describe, expect, it } from 'vitest'
import { type BackfillListener, collectionDirectory } from '../../src/index.ts'
import { kyselyProgressStore } from '../../src/kysely/index.ts'
import type { RelayRequest } from '../../src/testing/index.ts'
import { PROFILE } from '../support/e2e.ts'
import { failuresOf, rejection, setUp } from '../support/fault-run.ts'
import { listenTo } from '../support/listen-to.ts'
import { gate } from '../support/scripted-lister.ts'
import { startStopwatch } from '../support/stopwatch.ts'

const A = 'com.example.a'
const B = 'com.example.b'
const C = 'com.example.c'
const SIZE = 35
const inSeconds = (seconds: number) => Math.floor(Date.now() / 1_000) + seconds
const httpDate = (epoch: number) => new Date(epoch * 1_000).toUTCString()

/** A refusal, and how long it asks to wait at the moment of its making, in milliseconds. */
interface Refusal {
  /** 429 unless it is another. */
  status?: number
  headers: Record<string, string>
  waitMs: number
}

const refusals: { form: string; refuse: () => Refusal }[] = [
  {
    form: 'Retry-After in seconds',
    refuse: () => ({ headers: { 'retry-after': '2' }, waitMs: 2_000 }),
  },
  {
    form: 'Retry-After as an HTTP date',
    refuse: () => until(inSeconds(3), (epoch) => ({ 'retry-after': httpDate(epoch) })),
  },
  {
    form: 'Retry-After as a date in the past',
    refuse: () => ({ headers: { 'retry-after': httpDate(inSeconds(-3_600)) }, waitMs: 0 }),
  },
  { form: 'an empty Retry-After', refuse: () => ({ headers: { 'retry-after': '' }, waitMs: 1_000 }) },
  { form: 'a garbled Retry-After', refuse: () => ({ headers: { 'retry-after': 'soon' }, waitMs: 1_000 }) },
  {
    form: 'RateLimit-Reset as an epoch',
    refuse: () => until(inSeconds(2), (epoch) => ({ 'ratelimit-reset': String(epoch) })),
  },
  {
    form: 'both, of which the later counts',
    refuse: () => until(inSeconds(2), (epoch) => ({ 'retry-after': '1', 'ratelimit-reset': String(epoch) })),
  },
  { form: 'neither', refuse: () => ({ headers: {}, waitMs: 1_000 }) },
  { form: 'white space around', refuse: () => ({ headers: { 'retry-after': ' \t2 ' }, waitMs: 2_000 }) },
  { form: 'Retry-After twice', refuse: () => ({ headers: { 'retry-after': '2, 2' }, waitMs: 2_000 }) },
  {
    form: 'Retry-After twice, as a date and in seconds',
    refuse: () => until(inSeconds(3), (epoch) => ({ 'retry-after': `1, ${httpDate(epoch)}` })),
  },
  {
    form: 'RateLimit-Reset twice',
    refuse: () => ({ headers: { 'ratelimit-reset': '1, 2' }, waitMs: 2_000 }),
  },
  {
    form: 'the structured RateLimit',
    refuse: () => ({
      headers: { ratelimit: '"default";r=0;t=2', 'ratelimit-policy': '"default";q=100;w=60' },
      waitMs: 2_000,
    }),
  },
  {
    form: 'a short Retry-After and a longer structured RateLimit',
    refuse: () => ({ headers: { 'retry-after': '1', ratelimit: '"default";r=0;t=2' }, waitMs: 2_000 }),
  },
  {
    form: 'the status 403 and Retry-After',
    refuse: () => ({ status: 403, headers: { 'retry-after': '2' }, waitMs: 2_000 }),
  },
]

function until(epoch: number, headers: (epoch: number) => Record<string, string>): Refusal {
  return { headers: headers(epoch), waitMs: epoch * 1_000 - Date.now() }
}

describe('a relay that asks for a wait', () => {
  // Each of them waits for its own relay, so they may wait together.
  it.concurrent.each(refusals)(
    'with $form is not asked again earlier than told, by any collection',
    async ({ refuse }) => {
      const others = { [B]: gate(), [C]: gate() }
      let refusal: (Refusal & { at: number }) | undefined
      let told = false
      const later: RelayRequest[] = []
      await using run = await setUp({
        collections: { [A]: SIZE, [B]: SIZE, [C]: SIZE },
        script: async (request) => {
          if (told) later.push(request)
          if (request.offset !== 10 || request.attempt !== 1) return undefined
          const other = others[request.collection as keyof typeof others]
          // The others are under way when the refusal is sent, and answered once it has come: then they would go on.
          if (other !== undefined) return other.wait().then(() => undefined)
          await Promise.all([others[B].reached, others[C].reached])
          refusal = { ...refuse(), at: performance.now() }
          return { status: refusal.status ?? 429, headers: refusal.headers }
        },
      })
      let retries = 0
      const retry = () => {
        told = true
        retries += 1
        others[B].pass()
        others[C].pass()
      }
      await run.start({ retry: { minDelayMs: 500 }, onEvent: listenTo({ retry }) }).run()
      if (refusal === undefined) throw new Error('nothing was refused')
      expect(new Set(later.map(({ collection }) => collection))).toEqual(new Set([A, B, C]))
      for (const { at } of later) expect(at - refusal.at).toBeGreaterThanOrEqual(refusal.waitMs)
      expect(retries).toBe(1)
      expect(await run.check()).toMatchObject({ completed: 3, pages: 12 })
    },
  )

  it.concurrent('with neither again and again waits longer each time', async () => {
    await using run = await setUp({
      collections: { [A]: SIZE },
      script: ({ collection, offset, attempt }) =>
        collection === A && offset === 0 && attempt <= 2 ? { status: 429 } : undefined,
    })
    await run.start({ retry: { retries: 2, minDelayMs: 1 } }).run()
    const times = run.relay.requestsOf(A).filter(({ offset }) => offset === 0)
    const gaps = times.slice(1).map(({ at }, i) => at - (times[i]?.at ?? 0))
    // The last is before the end of the list.
    expect(gaps).toHaveLength(3)
    expect(gaps[0]).toBeGreaterThanOrEqual(1_000)
    expect(gaps[1]).toBeGreaterThanOrEqual(2_000)
    await run.check()
  })

  it.each([
    ['30 years', '1000000000'],
    ['13 digits', '9999999999999'],
    ['400 digits', '9'.repeat(400)],
  ])('with a wait of %s gives every collection back, and asks for nothing more', async (_, wait) => {
    await using run = await setUp({
      collections: { [A]: SIZE, [B]: SIZE },
      script: ({ offset }) => (offset === 10 ? { status: 429, headers: { 'retry-after': wait } } : undefined),
    })
    const failures = await failuresOf(run.start({ concurrency: 1 }).run())
    expect(Object.keys(failures)).toEqual([A, B])
    expect(failures[A]).toContain('429')
    expect(failures[B]).toMatch(/asked for a pause that lasts another \d{10,13} s; nothing is sent before: /)
    expect(run.relay.requests.map(({ collection, offset }) => [collection, offset])).toEqual([
      [PROFILE, 0],
      [A, 0],
      [A, 10],
    ])
    expect(await run.start().status()).toMatchObject({ failed: 2, running: 0 })
    expect(await run.check()).toMatchObject({ completed: 0, pages: 1 })
  })

  it('with a wait of an hour gives the claim back, and the run that waits can be stopped', async () => {
    await using run = await setUp({
      collections: { [A]: SIZE },
      script: ({ offset }) =>
        offset === 10 ? { status: 429, headers: { 'retry-after': '3600' } } : undefined,
    })
    const caller = new AbortController()
    const reason = new Error('enough')
    const postponed = gate()
    const collectionFailed = (context: { attempts: number; retryInMs?: number | undefined }) => {
      expect(context.attempts).toBe(0)
      expect(context.retryInMs).toBeGreaterThanOrEqual(3_600_000)
      void postponed.wait()
    }
    const ended = rejection(
      run.start({ signal: caller.signal, onEvent: listenTo({ collectionFailed }) }).run(),
    )
    await postponed.reached
    const progress = kyselyProgressStore(run.db)
    expect(await progress.list()).toMatchObject([{ state: 'pending', attempts: 0, pages: 1 }])
    expect((await progress.remaining(run.relay.url)).dueInMs).toBeGreaterThan(3_590_000)
    const stopwatch = startStopwatch()
    caller.abort(reason)
    expect(await ended).toBe(reason)
    expect(stopwatch.stop()).toBeLessThan(1_000)
    expect(run.relay.requestsOf(A)).toHaveLength(2)
    expect(await run.check()).toMatchObject({ pages: 1 })
  })
})

describe('a relay that asks a source for a wait', () => {
  it('is not asked for a page before it is over, and the source not earlier', async () => {
    let refusedAt: number | undefined
    const later: RelayRequest[] = []
    await using run = await setUp({
      collections: { [A]: SIZE },
      script: (request) => {
        if (refusedAt !== undefined) later.push(request)
        if (request.path !== '/v1/listCollections') return undefined
        if (refusedAt === undefined) {
          refusedAt = performance.now()
          return { status: 429, headers: { 'retry-after': '2' } }
        }
        return { status: 200, body: { collections: { [A]: SIZE } } }
      },
    })
    // A lister and a source that were made apart.
    const collections = [A, collectionDirectory(run.relay.url)]
    await run.start({ collections, retry: { minDelayMs: 1 } }).run()
    const [first] = later
    expect(first).toMatchObject({ path: '/v1/listCollections' })
    for (const { at } of later) expect(at - (refusedAt ?? Infinity)).toBeGreaterThanOrEqual(2_000)
    expect(await run.check()).toMatchObject({ completed: 1, pages: 4 })
  })

  it('for longer than a source is waited for: nothing is claimed, and no walk asks either', async () => {
    await using run = await setUp({
      collections: { [A]: SIZE },
      script: ({ path }) =>
        path === '/v1/listCollections' ? { status: 429, headers: { 'retry-after': '3600' } } : undefined,
    })
    const caller = new AbortController()
    const registered = gate()
    const failed: unknown[] = []
    const onEvent = listenTo({
      discovered: () => void registered.wait(),
      sourceFailed: ({ error }: { error: unknown }) => failed.push(error),
      collectionStarted: () => failed.push('a collection was claimed'),
    })
    const collections = [A, collectionDirectory(run.relay.url)]
    const ended = rejection(run.start({ collections, signal: caller.signal, onEvent }).run())
    await registered.reached
    const progress = kyselyProgressStore(run.db)
    const left = async () => (await progress.remaining(run.relay.url)).dueInMs
    await expect.poll(left, { timeout: 10_000 }).toBeGreaterThan(3_590_000)
    caller.abort('enough')
    expect(await ended).toBe('enough')
    expect(failed).toMatchObject([{ status: 429, retryAfterMs: 3_600_000 }])
    expect(run.relay.requestsOf(A)).toEqual([])
    expect(await run.check()).toMatchObject({ pages: 0 })
  })
})

describe('a relay’s wait outlives the run that it was told', () => {
  const refusal = { status: 429, headers: { 'retry-after': '3600' } }
  const cases: { teller: string; isRefused: (request: RelayRequest) => boolean; wait?: string }[] = [
    {
      teller: 'the check, before anything is registered',
      isRefused: ({ collection }) => collection === PROFILE,
    },
    { teller: 'a source', isRefused: ({ path }) => path === '/v1/listCollections' },
    { teller: 'a walk', isRefused: ({ collection, offset }) => collection === A && offset === 10 },
    {
      teller: 'a walk that sits it out',
      isRefused: ({ collection, offset }) => collection === A && offset === 10,
      wait: '55',
    },
    { teller: 'a walk, as 30 years', isRefused: ({ collection }) => collection === A, wait: '1000000000' },
  ]

  it.concurrent.for(cases)(
    'told to $teller: it gets no request before, however often a run begins anew',
    async ({ isRefused, wait = '3600' }, { expect }) => {
      let refuses = true
      await using run = await setUp({
        collections: { [A]: SIZE, [B]: SIZE },
        script: (request) =>
          refuses && isRefused(request)
            ? { ...refusal, headers: { 'retry-after': wait } }
            : directoryOf(request),
      })
      const isKept = sql<{ kept: boolean }>`
      select coalesce(bool_or(relay_waits_until > clock_timestamp() + interval '10 seconds'), false) as kept
      from backfill_progress
    `
      const kept = async () => (await isKept.execute(run.db)).rows[0]?.kept
      // Each begins with a lister and sources of its own, as a process does.
      const begin = (onEvent: BackfillListener) => {
        const caller = new AbortController()
        const collections = [A, B, collectionDirectory(run.relay.url)]
        const { signal } = caller
        const retry = { minDelayMs: 1, maxDelayMs: 60_000 }
        return {
          caller,
          ended: rejection(run.start({ collections, signal, onEvent, retry, concurrency: 1 }).run()),
        }
      }
      const first = begin(() => {})
      await expect.poll(kept, { timeout: 20_000 }).toBe(true)
      first.caller.abort('killed')
      await first.ended
      refuses = false
      const asked = run.relay.requests.length
      for (let again = 1; again <= 2; again += 1) {
        const paused = gate<never>()
        const others: unknown[] = []
        const next = begin((event) => {
          if (event.type !== 'paused') others.push(event)
          else if (event.waitMs > 40_000) void paused.wait()
        })
        await paused.reached
        next.caller.abort('killed')
        expect([await next.ended, others]).toEqual(['killed', []])
      }
      expect(run.relay.requests).toHaveLength(asked)
      await sql`update backfill_progress set relay_waits_until = now(), not_before = now()`.execute(run.db)
      expect(await begin(() => {}).ended).toBeUndefined()
      expect(await run.check()).toMatchObject({ completed: 2, pages: 8 })
    },
  )

  function directoryOf({ path }: RelayRequest) {
    return path === '/v1/listCollections' ? { status: 200, body: { collections: { [A]: SIZE } } } : undefined
  }
})
