import { sql } from 'kysely'
import { describe, expect, it } from 'vitest'
import { kyselyProgressStore } from '../../src/kysely/index.ts'
import type { TestKysely } from '../support/databases.ts'
import {
  type FaultChildOptions,
  type FaultProcess,
  type Line,
  startFaultProcess,
} from '../support/fault-process.ts'
import { type FaultRun, PAGE, setUp } from '../support/fault-run.ts'
import { gate } from '../support/scripted-lister.ts'
import { startTcpProxy } from '../support/tcp-proxy.ts'

const A = 'com.example.a'
const B = 'com.example.b'
const LEASE_MS = 1_000

function start(
  { postgres, relay }: FaultRun,
  name: string,
  options: Partial<FaultChildOptions> = {},
  clock?: number | 'jumping',
): FaultProcess {
  const all: FaultChildOptions = {
    name,
    databaseUrl: postgres.url,
    relayUrl: relay.url,
    collections: [A],
    pageSize: PAGE,
    leaseMs: LEASE_MS,
    concurrency: 1,
    ...options,
  }
  return startFaultProcess(all, clock)
}

const isAgent = (headers: Readonly<Record<string, unknown>>, name: string) =>
  String(headers['user-agent']).startsWith(name)

/** The collections that a process has said this of. */
function said(lines: readonly Line[], event: Line['event']): string[] {
  return lines.flatMap((line) => (line.event === event && 'collection' in line ? [line.collection] : []))
}

describe('a process that is killed', () => {
  it('at its first line, its second, its third, and so on: each one goes on at the saved cursor', async () => {
    await using run = await setUp({ collections: { [A]: 200, [B]: 150 } })
    const options = { collections: [A, B], concurrency: 2, leaseMs: 300, pagesAhead: 1 }
    for (let line = 1; line <= 9; line += 1) {
      await using child = start(run, `killed at ${line}`, options)
      let seen = 0
      await child.until(() => ++seen === line)
      await child.kill()
      await run.check()
    }
    await using last = start(run, 'the last', options)
    expect(await last.finish()).toMatchObject({ code: 0 })
    const { completed, pages } = await run.check()
    expect([completed, pages]).toEqual([2, 37])
    const rows = await kyselyProgressStore(run.db).list()
    expect(rows.map(({ imported, attempts }) => [imported, attempts])).toEqual([
      [200, 0],
      [150, 0],
    ])
    // Ten processes of Node start one after the other.
  }, 120_000)
})

describe('a process that is stopped for longer than its lease', () => {
  /** The second process is kept at the last page of A until the first one has found other work, which is B. */
  async function takenOver(
    pause: (parts: Parts) => Promise<void>,
    databaseUrlOf: (url: string) => string | Promise<string> = (url) => url,
  ): Promise<void> {
    const firstAsks = gate()
    const firstWorks = gate()
    await using run = await setUp({
      collections: { [A]: 75, [B]: 25 },
      script: async ({ collection, offset, headers }) => {
        if (collection === B) firstWorks.pass()
        if (collection !== A) return undefined
        if (isAgent(headers, 'first') && offset === 30) await firstAsks.wait()
        if (isAgent(headers, 'second') && offset === 70) await firstWorks.wait()
        return undefined
      },
    })
    await using first = start(run, 'first', { databaseUrl: await databaseUrlOf(run.postgres.url) })
    await first.until((line) => line.event === 'page' && line.pages >= 2)
    await pause({ first, run, answer: firstAsks.pass })
    await using second = start(run, 'second')
    await second.until((line) => line.event === 'page' && line.pages > 3)
    firstAsks.pass()
    const before = await kyselyProgressStore(run.db).list()
    first.resume()
    await first.until((line) => line.event === 'claim lost')
    const { pages: page, imported, cursor } = (await kyselyProgressStore(run.db).list())[0] ?? {}
    expect(page).toBeGreaterThanOrEqual(before[0]?.pages ?? 0)
    expect(imported).toBe((page ?? 0) * PAGE)
    expect(cursor).toBe(run.relay.cursorAt(A, imported ?? 0))
    await kyselyProgressStore(run.db).register(run.relay.url, [{ nsid: B }])
    const [one, other] = await Promise.all([first.finish(), second.finish()])
    expect([one.code, other.code]).toEqual([0, 0])
    expect([said(one.lines, 'claim lost'), said(one.lines, 'failed')]).toEqual([[A], []])
    expect([said(one.lines, 'completed'), said(other.lines, 'completed')]).toEqual([[B], [A]])
    expect(said(other.lines, 'claim lost')).toEqual([])
    expect(await run.check()).toMatchObject({ completed: 2, pages: 11 })
  }

  const whileItWaits = async ({ first, run }: Parts) => {
    const isAsked = () => run.relay.requestsOf(A).some(({ offset }) => offset === 30)
    await expect.poll(isAsked, { timeout: 10_000 }).toBe(true)
    first.pause()
  }

  it('while it waits for the relay: it writes nothing, says so, and goes on with other work', () =>
    takenOver(whileItWaits))

  it('and whose renewals tell it nothing: the commit itself finds that the claim is gone', async () => {
    await using proxies = new AsyncDisposableStack()
    await takenOver(whileItWaits, async (url) => {
      const proxy = proxies.use(await startTcpProxy(url))
      const renewal = /^update "backfill_progress" set "lease_ends_at"/
      proxy.onClientMessage(renewal, new Promise(() => {}), { times: Number.POSITIVE_INFINITY })
      return proxy.url({ query_timeout: '2000' })
    })
  })

  it('in mid-commit: its transaction holds nobody up for long, and the same comes of it', () =>
    takenOver(
      async ({ first, run: { db }, answer }) => {
        await db.connection().execute(async (holder) => {
          await parkPage4(holder)
          answer()
          const parked = sql`select 1 from pg_locks where locktype = 'advisory' and not granted`
          const count = async () => (await parked.execute(db)).rows.length
          await expect.poll(count, { timeout: 10_000 }).toBe(1)
          first.pause()
          await sql`select pg_advisory_unlock(4)`.execute(holder)
        })
      },
      (url) => `${url}?idle_in_transaction_session_timeout=300`,
    ))

  interface Parts {
    first: FaultProcess
    run: FaultRun
    /** Lets the relay give the first process page 4. */
    answer: () => void
  }

  /** From now on, whoever has saved the cursor of page 4 waits before the pairs for as long as the lock is held. */
  async function parkPage4(holder: TestKysely): Promise<void> {
    await sql`select pg_advisory_lock(4)`.execute(holder)
    await sql`
      create function park() returns trigger language plpgsql as $$ begin
        perform pg_advisory_xact_lock_shared(4);
        return null;
      end $$
    `.execute(holder)
    await sql`
      create trigger park after update on backfill_progress for each row
      when (old.page_count = 3 and new.page_count = 4) execute function park()
    `.execute(holder)
  }
})

describe('a process whose clock is wrong', () => {
  it.each([
    ['an hour ahead', 3_600_000],
    ['an hour behind', -3_600_000],
    ['jumping', 'jumping' as const],
  ])('%s: its lease holds as long as that of everybody else, and no longer', async (_, clock) => {
    const parked = gate()
    await using run = await setUp({
      collections: { [A]: 45, [B]: 25 },
      script: async ({ collection, offset, headers }) => {
        if (collection === A && offset === 10 && isAgent(headers, 'wrong')) await parked.wait()
        return undefined
      },
    })
    await using wrong = start(run, 'wrong', { collections: [A, B] }, clock)
    await wrong.until((line) => line.event === 'page' && line.collection === A)
    await using other = start(run, 'other', { collections: [A, B] })
    await other.until((line) => line.event === 'completed' && line.collection === B)
    // Four renewals are longer than the lease.
    const ends = new Set<string>()
    await expect
      .poll(async () => ends.add(await leaseOfA(run.db)).size, { interval: 20, timeout: 10_000 })
      .toBe(5)
    parked.pass()
    const [one, two] = await Promise.all([wrong.finish(), other.finish()])
    expect([one.code, two.code]).toEqual([0, 0])
    expect([said(one.lines, 'started'), said(two.lines, 'started')]).toEqual([[A], [B]])
    expect(await completedAgo(run.db)).toBeLessThan(60_000)
    expect(await run.check()).toMatchObject({ completed: 2, pages: 8 })
  })

  it('and that is killed: its lease runs out on the database’s clock', async () => {
    const parked = gate()
    await using run = await setUp({
      collections: { [A]: 45 },
      script: async ({ offset, headers }) => {
        if (offset === 10 && isAgent(headers, 'wrong')) await parked.wait()
        return undefined
      },
    })
    await using wrong = start(run, 'wrong', {}, 3_600_000)
    await wrong.until((line) => line.event === 'page')
    await wrong.kill()
    // As of another host, whose processes cannot be looked for.
    await sql`update backfill_progress set owner = 'elsewhere/' || owner where owner is not null`.execute(
      run.db,
    )
    await using other = start(run, 'other', {}, -3_600_000)
    expect(await other.finish()).toMatchObject({ code: 0 })
    parked.pass()
    expect(said(other.lines, 'completed')).toEqual([A])
    expect(await run.check()).toMatchObject({ completed: 1, pages: 5 })
  })

  /** When the lease ends, which is never later than it lasts from now. */
  async function leaseOfA(db: TestKysely): Promise<string> {
    const { rows } = await sql<{ endsAt: string; leftMs: number }>`
      select lease_ends_at::text as "endsAt",
        (extract(epoch from lease_ends_at - clock_timestamp()) * 1000)::float8 as "leftMs"
      from backfill_progress where collection = ${A}
    `.execute(db)
    const { endsAt = '', leftMs } = rows[0] ?? {}
    expect(leftMs).toBeLessThanOrEqual(LEASE_MS)
    return endsAt
  }

  async function completedAgo(db: TestKysely): Promise<number> {
    const { rows } = await sql<{ ms: number }>`
      select max(abs(extract(epoch from clock_timestamp() - completed_at)) * 1000)::float8 as ms from backfill_progress
    `.execute(db)
    return rows[0]?.ms ?? Number.NaN
  }
})
