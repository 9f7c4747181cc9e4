import { sql } from 'kysely'
import { describe, expect, it } from 'vitest'
import { kyselyProgressStore } from '../../src/kysely/index.ts'
import type { Fault, RelayRequest } from '../../src/testing/index.ts'
import { type FaultProcess, type Line, type Stop, startFaultProcess } from '../support/fault-process.ts'
import { type FaultRun, PAGE, setUp } from '../support/fault-run.ts'
import { gate } from '../support/scripted-lister.ts'

const A = 'com.example.a'
const B = 'com.example.b'
const NAME = 'stopped'

interface Case {
  moment: string
  stop: Stop
  /** What the relay does to a request for a page of A. */
  script?: (request: RelayRequest) => Fault | undefined | Promise<Fault | undefined>
  before?: (run: FaultRun) => Promise<void>
  /** What the test does meanwhile; it may tell the consumer to stop. */
  meanwhile?: (run: FaultRun, child: FaultProcess) => Promise<void>
  /** Whether the run rejects with the consumer's own reason, or just ends. */
  ends?: 'quietly'
  /** @default none */
  heldByOthers?: readonly string[]
}

const never = gate<undefined>()
const isParked = ({ collection, offset }: RelayRequest) => collection === A && offset === 20

const cases: Case[] = [
  { moment: 'aborted beforehand', stop: { at: 'beforehand', how: 'abort' } },
  { moment: 'aborted before the first page', stop: { at: 'started', how: 'abort' } },
  {
    moment: 'aborted in a fetch that is never answered',
    stop: { at: 'told', how: 'abort' },
    script: (request) => (isParked(request) ? never.wait() : undefined),
    meanwhile: async ({ relay }, child) => {
      await expect.poll(() => relay.requests.some(isParked), { timeout: 10_000 }).toBe(true)
      child.tell()
    },
  },
  {
    moment: 'aborted in a body that is never whole',
    stop: { at: 'told', how: 'abort' },
    script: (request) => (isParked(request) ? { stall: 'body' } : undefined),
    meanwhile: async ({ relay }, child) => {
      await expect.poll(() => relay.requests.some(isParked), { timeout: 10_000 }).toBe(true)
      child.tell()
    },
  },
  { moment: 'aborted in a commit', stop: { at: 'commit', nth: 3, how: 'abort' } },
  {
    moment: 'aborted in a commit that waits for a lock',
    stop: { at: 'told', how: 'abort' },
    meanwhile: ({ db }, child) =>
      db.transaction().execute(async (holder) => {
        await child.until(({ event }) => event === 'opened')
        await sql`lock table collection_index_pair in exclusive mode`.execute(holder)
        const waiting = sql`select 1 from pg_stat_activity where application_name = ${NAME} and wait_event_type = 'Lock'`
        const count = async () => (await waiting.execute(db)).rows.length
        await expect.poll(count, { timeout: 10_000 }).toBeGreaterThan(0)
        child.tell()
        await child.until(({ event }) => event === 'ended')
      }),
  },
  {
    moment: 'aborted in a backoff',
    stop: { at: 'backoff', how: 'abort' },
    script: (request) => (isParked(request) ? { status: 500 } : undefined),
  },
  {
    moment: 'aborted in the pause that the relay asks for',
    stop: { at: 'backoff', how: 'abort' },
    script: (request) => (isParked(request) ? { status: 429, headers: { 'retry-after': '30' } } : undefined),
  },
  {
    moment: 'aborted while it waits for another worker',
    stop: { at: 'told', how: 'abort' },
    before: async ({ db, relay }) => {
      const progress = kyselyProgressStore(db)
      await progress.register(relay.url, [{ nsid: A }])
      await progress.claim({ relay: relay.url, owner: 'somebody else', leaseMs: 60_000 })
    },
    meanwhile: async (_, child) => {
      await child.until((line) => line.event === 'completed' && line.collection === B)
      child.tell()
    },
    heldByOthers: [A],
  },
  { moment: 'aborted twice: the first reason counts', stop: { at: 'page', nth: 2, how: 'abort twice' } },
  { moment: 'left by break', stop: { at: 'page', nth: 3, how: 'break' }, ends: 'quietly' },
  { moment: 'left by a throw, which goes through as it is', stop: { at: 'page', nth: 3, how: 'throw' } },
  {
    moment: 'aborted by a consumer that never comes back',
    stop: { at: 'page', how: 'stay away' },
    ends: 'quietly',
  },
]

describe('a run on Postgres and HTTP that is', () => {
  it.each(cases)(
    '$moment settles in a second, and leaves nothing',
    async ({ stop, script, before, meanwhile, ends, heldByOthers = [] }) => {
      await using run = await setUp({
        collections: { [A]: 95, [B]: 45 },
        script: (request) => (request.collection === A ? script?.(request) : undefined),
      })
      await before?.(run)
      await using child = startFaultProcess({
        name: NAME,
        databaseUrl: run.postgres.url,
        relayUrl: run.relay.url,
        collections: [A, B],
        pageSize: PAGE,
        leaseMs: 60_000,
        concurrency: 2,
        retry: { minDelayMs: 60_000 },
        stop,
      })
      await meanwhile?.(run, child)
      const { code, lines } = await child.finish()
      expect(endOf(lines)).toEqual({ event: ends ? 'done' : 'ended', own: true, inTime: true })
      expect(lines.at(-1)).toEqual({ event: 'left', resources: [] })
      expect(lines.filter(({ event }) => event === 'unhandled' || event === 'failed')).toEqual([])
      expect(code).toBe(0)
      const rows = await kyselyProgressStore(run.db).list()
      const walking = rows.filter(({ state }) => state === 'running')
      expect(walking.map(({ collection }) => collection)).toEqual(heldByOthers)
      expect(rows.every(({ attempts, lastError }) => attempts === 0 && lastError === undefined)).toBe(true)
      const { missing, foreign } = await run.check()
      expect([missing, foreign]).toEqual([0, 0])
      // Every page that was told is durable.
      const told = lines.filter(({ event }) => event === 'page').length
      const durable = rows.reduce((pages, { pages: page }) => pages + page, 0)
      expect(durable).toBeGreaterThanOrEqual(told)
    },
  )
})

function endOf(lines: readonly Line[]): { event: string; own: boolean; inTime: boolean } | undefined {
  const end = lines.find((line) => line.event === 'done' || line.event === 'ended')
  if (end === undefined || !('ms' in end)) return undefined
  return { event: end.event, own: end.event === 'done' || end.own, inTime: end.ms < 1_000 }
}
