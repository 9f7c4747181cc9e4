import { hostname } from 'node:os'
import { sql } from 'kysely'
import { describe, expect, it } from 'vitest'
import { type FaultProcess, type Line, startFaultProcess } from '../support/fault-process.ts'
import { type FaultRun, PAGE, setUp } from '../support/fault-run.ts'
import { gate } from '../support/scripted-lister.ts'

const A = 'com.example.a'
const B = 'com.example.b'
/** Longer than any test may take: what goes on does not wait for it. */
const LEASE_MS = 3_600_000

function start({ postgres, relay }: FaultRun, name: string): FaultProcess {
  return startFaultProcess({
    name,
    databaseUrl: postgres.url,
    relayUrl: relay.url,
    collections: [A, B],
    pageSize: PAGE,
    leaseMs: LEASE_MS,
    concurrency: 2,
    pagesAhead: 1,
  })
}

const waits = (lines: readonly Line[]) => lines.filter(({ event }) => event === 'waiting')

describe('what a process of this host held', () => {
  it('that was killed is taken over at once, however often that happens', async () => {
    await using run = await setUp({ collections: { [A]: 100, [B]: 80 } })
    for (const line of [2, 4]) {
      await using child = start(run, `killed at ${line}`)
      let seen = 0
      await child.until(() => ++seen === line)
      await child.kill()
      expect(waits(child.lines)).toEqual([])
      await run.check()
    }
    await using last = start(run, 'the last')
    expect(await last.finish()).toMatchObject({ code: 0 })
    expect(waits(last.lines)).toEqual([])
    expect(await run.check()).toMatchObject({ completed: 2, pages: 20 })
  }, 60_000)

  it('that lives is waited for, and taken over at once when it dies', async () => {
    const parked = gate()
    await using run = await setUp({
      collections: { [A]: 45, [B]: 25 },
      script: async ({ offset, headers }) => {
        if (offset === 10 && String(headers['user-agent']).startsWith('first')) await parked.wait()
        return undefined
      },
    })
    await using first = start(run, 'first')
    for (let pages = 0; pages < 2; ) pages += (await first.until(({ event }) => event === 'page')) ? 1 : 0
    await using second = start(run, 'second')
    const waiting = await second.until(({ event }) => event === 'waiting')
    const holder = `process ${first.pid} on ${hostname()}`
    expect(waiting).toMatchObject({ holders: [{ holder, collections: 2 }] })
    await first.kill()
    expect(await second.finish()).toMatchObject({ code: 0 })
    parked.pass()
    // Once when it begins, and once when it is over.
    expect(waits(second.lines)).toEqual([waiting, { event: 'waiting', holders: [] }])
    expect(await run.check()).toMatchObject({ completed: 2, pages: 8 })
  })
})

describe('a process that is killed while it sits out a wait that the relay asked for', () => {
  it('asks for nothing when it is started again, until the wait is over', async () => {
    let told = false
    await using run = await setUp({
      collections: { [A]: 45, [B]: 25 },
      script: ({ offset }) => {
        if (offset !== 10 || told) return undefined
        told = true
        return { status: 429, headers: { 'retry-after': '55' } }
      },
    })
    await using first = start(run, 'first')
    await first.until(({ event }) => event === 'paused')
    const kept = sql`select 1 from backfill_progress where relay_waits_until > clock_timestamp() + interval '30 s'`
    await expect.poll(async () => (await kept.execute(run.db)).rows.length, { timeout: 10_000 }).toBe(1)
    await first.kill()
    const asked = run.relay.requests.length
    await using second = start(run, 'second')
    const paused = await second.until(({ event }) => event === 'paused')
    expect(paused).toMatchObject({ waitMs: expect.any(Number) })
    await second.kill()
    expect(run.relay.requests).toHaveLength(asked)
    await sql`update backfill_progress set relay_waits_until = now()`.execute(run.db)
    await using last = start(run, 'last')
    expect(await last.finish()).toMatchObject({ code: 0 })
    expect(waits(last.lines)).toEqual([])
    expect(await run.check()).toMatchObject({ completed: 2, pages: 8 })
  })
})

describe('what a process of another host held that was killed', () => {
  it('is waited for until its lease ends, and the run says for whom and how long', async () => {
    await using run = await setUp({ collections: { [A]: 45, [B]: 25 } })
    await using first = start(run, 'first')
    await first.until(({ event }) => event === 'page')
    await first.kill()
    const elsewhere = async (lease: string) => {
      const owner = sql`regexp_replace(owner, '^[^/]+', 'web%202')`
      await sql`
        update backfill_progress set owner = ${owner}, lease_ends_at = now() + ${lease}::interval
        where owner is not null
      `.execute(run.db)
    }
    await elsewhere('50 minutes')
    await using second = start(run, 'second')
    const { holders } = (await second.until(({ event }) => event === 'waiting')) as Waiting
    expect(holders).toMatchObject([{ holder: `process ${first.pid} on web 2` }])
    expect(holders[0]?.leaseLeftMs).toBeGreaterThan(2_900_000)
    expect(holders[0]?.leaseLeftMs).toBeLessThanOrEqual(3_000_000)
    await elsewhere('0 minutes')
    expect(await second.finish()).toMatchObject({ code: 0 })
    expect(waits(second.lines)).toHaveLength(2)
    expect(await run.check()).toMatchObject({ completed: 2, pages: 8 })
  })

  type Waiting = Extract<Line, { event: 'waiting' }>
})
