import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { sql } from 'kysely'
import { describe, expect, it } from 'vitest'
import { isBackfillError } from '../../src/errors.ts'
import type { Claim, IndexSink, ProgressStore } from '../../src/index.ts'
import { kyselyIndexSink, kyselyProgressStore, migrateToLatest } from '../../src/kysely/index.ts'
import { openPostgres } from '../../src/postgres/index.ts'
import { check, recordProgress } from '../support/checker.ts'
import type { Commit } from '../support/commit-child.ts'
import { createPostgres, type TestKysely, type TestPostgres } from '../support/databases.ts'
import { setUp } from '../support/fault-run.ts'
import { listenTo } from '../support/listen-to.ts'
import { claimByHand, commitByHand, listOf, pageFor } from '../support/pages-by-hand.ts'
import { startStopwatch } from '../support/stopwatch.ts'
import { BEGINS, type Direction, type Fate, startTcpProxy } from '../support/tcp-proxy.ts'

const A = 'com.example.a'
const B = 'com.example.b'
const collections = { [A]: 45, [B]: 25 }
const COMMIT = /^commit$/i
const SAVE = /^update "backfill_progress" set "cursor"/m
const CLAIM = /^update "backfill_progress" set "owner"/
const PAIRS = /insert into "collection_index_pair"/

async function recorded(): Promise<TestPostgres> {
  const postgres = await createPostgres()
  await migrateToLatest(postgres.db)
  await recordProgress(postgres.db)
  return postgres
}

describe('a connection that breaks', () => {
  /** Only a claim that nobody was told of is waited out; where there is none, no lease ends on a busy machine. */
  const LONG_MS = 60_000
  const moments: {
    moment: string
    sql: RegExp
    after?: RegExp
    fate: Fate
    told: number
    leaseMs?: number
  }[] = [
    {
      moment: 'after the COMMIT happened and before it was answered',
      sql: COMMIT,
      after: SAVE,
      fate: 'cut-answer',
      told: 0,
    },
    { moment: 'before the COMMIT arrived', sql: COMMIT, after: SAVE, fate: 'cut', told: 0 },
    { moment: 'between the cursor and the pairs', sql: PAIRS, fate: 'cut-answer', told: 2 },
    { moment: 'as the transaction begins', sql: BEGINS, fate: 'cut-answer', told: 2 },
    { moment: 'as the cursor is saved', sql: SAVE, fate: 'cut', told: 2 },
    {
      moment: 'after a claim was given and before it was told',
      sql: CLAIM,
      fate: 'cut-answer',
      told: 2,
      leaseMs: 3_000,
    },
  ]

  it.concurrent.each(moments)(
    '$moment: the page counts once',
    async ({ sql, fate, told, leaseMs = LONG_MS, ...which }) => {
      await using run = await setUp({ collections })
      await using proxy = await startTcpProxy(run.postgres.url)
      await using store = await openPostgres(proxy.url())
      const unavailable: unknown[] = []
      const failed: unknown[] = []
      const onEvent = listenTo({
        storeUnavailable: (context: unknown) => unavailable.push(context),
        collectionFailed: (context: unknown) => failed.push(context),
        claimLost: (context: unknown) => failed.push(context),
      })
      const { reached } = proxy.onClientMessage(sql, fate, { times: 2, ...which })
      const { sink, progress } = store
      const summary = await run.start({ store: { sink, progress }, onEvent, maxAttempts: 1, leaseMs }).run()
      await reached
      expect(summary).toMatchObject({ completed: 2, pages: 8, imported: 70, added: 70 })
      expect(unavailable).toHaveLength(told)
      expect(failed).toEqual([])
      expect(await run.check()).toMatchObject({ completed: 2, pages: 8 })
    },
  )

  it.each<Direction>(['to-server', 'to-client'])(
    'at any byte of a page %s: the page is whole or absent, and counts once',
    async (direction) => {
      await using postgres = await recorded()
      await using proxy = await startTcpProxy(postgres.url)
      let claim = await claimByHand(kyselyProgressStore(postgres.db))
      proxy.cutAtByte(direction, Number.POSITIVE_INFINITY)
      claim = await commitOn(postgres, proxy.url(), claim)
      const bytes = proxy.passed[direction]
      // A prime, so that the cuts fall into every kind of message.
      for (let byte = 1; byte < bytes; byte += 23) {
        proxy.cutAtByte(direction, byte)
        const next = await commitOn(postgres, proxy.url(), claim)
        expect(next.pages).toBe(claim.pages + 1)
        claim = next
      }
      expect(claim.pages).toBeGreaterThan(20)
      const { pages } = await check({ progress: postgres.db, relays: [listOf(claim.pages)] })
      expect(pages).toBe(claim.pages)
    },
  )

  /** One page on a connection of its own, made again for as long as the database cannot be used. */
  async function commitOn({ connect }: TestPostgres, url: string, claim: Claim): Promise<Claim> {
    for (let tries = 1; ; tries += 1) {
      const db = connect({ connectionString: url, max: 1 })
      try {
        return await commitByHand(storesOn(db), claim)
      } catch (error) {
        if (!isBackfillError(error, 'STORE_UNAVAILABLE') || tries === 3) throw error
      } finally {
        await db.destroy()
      }
    }
  }
})

describe('a connection over which bytes vanish', () => {
  /** What openPostgres sets, but for the test's patience. */
  const deadlines = { query_timeout: '300', idle_in_transaction_session_timeout: '600' }
  const moments: { moment: string; sql: RegExp; after?: RegExp; fate: Fate }[] = [
    { moment: 'with the answer to a COMMIT', sql: COMMIT, after: SAVE, fate: 'swallow-answer' },
    { moment: 'with a COMMIT', sql: COMMIT, after: SAVE, fate: 'swallow' },
    { moment: 'with a COMMIT, both ways', sql: COMMIT, after: SAVE, fate: 'vanish' },
    { moment: 'with the answer to the pairs', sql: PAIRS, fate: 'swallow-answer' },
    { moment: 'with the cursor', sql: SAVE, fate: 'swallow' },
    { moment: 'with a BEGIN', sql: BEGINS, fate: 'vanish' },
    { moment: 'with a claim', sql: CLAIM, fate: 'vanish' },
  ]

  it.concurrent.each(moments)(
    '$moment: a deadline ends it, and the page counts once',
    async ({ sql, fate, ...which }) => {
      await using run = await setUp({ collections })
      await using proxy = await startTcpProxy(run.postgres.url)
      await using store = await openPostgres(proxy.url(deadlines))
      const { reached } = proxy.onClientMessage(sql, fate, which)
      const { sink, progress } = store
      const failed: unknown[] = []
      const onEvent = listenTo({
        collectionFailed: (context: unknown) => failed.push(context),
        claimLost: (context: unknown) => failed.push(context),
      })
      const stopwatch = startStopwatch()
      const summary = await run.start({ store: { sink, progress }, onEvent, maxAttempts: 1 }).run()
      await reached
      expect(stopwatch.stop()).toBeLessThan(10_000)
      expect(summary).toMatchObject({ completed: 2, pages: 8, imported: 70, added: 70 })
      expect(failed).toEqual([])
      expect(await run.check()).toMatchObject({ completed: 2, pages: 8 })
    },
  )

  it('is not used again by openPostgres once a query on it ran out of time', async () => {
    await using postgres = await createPostgres()
    await using proxy = await startTcpProxy(postgres.url)
    await using store = await openPostgres(proxy.url(deadlines), { max: 1 })
    const { accepted } = proxy
    const { reached } = proxy.onClientMessage(CLAIM, 'swallow-answer')
    const claim = () => store.progress.claim({ relay: 'any', owner: 'worker', leaseMs: 1_000 })
    await expect(claim()).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
    await reached
    expect(await claim()).toBeUndefined()
    expect(proxy.accepted).toBe(accepted + 1)
    await expect.poll(() => proxy.open).toBe(1)
  })

  it('keeps nobody from closing the database, nor the process from its end', async () => {
    await using postgres = await createPostgres()
    await using proxy = await startTcpProxy(postgres.url)
    const before = sockets()
    const store = await openPostgres(proxy.url(deadlines))
    // Idle when the network goes: nobody has noticed.
    proxy.loseEverything()
    await store[Symbol.asyncDispose]()
    // Its two ends in the proxy are open; the store's own end keeps no process alive.
    await expect.poll(sockets).toBe(before + 2 * proxy.accepted)
  })
})

/** The sockets that keep this process alive. */
function sockets(): number {
  return process.getActiveResourcesInfo().filter((kind) => kind === 'TCPSocketWrap').length
}

describe.each(['read committed', 'serializable'])('a page committed twice at once (%s)', (isolation) => {
  const options = `-c default_transaction_isolation=${isolation.replace(' ', '\\ ')}`

  it('from two pools: one wins, the other changes nothing', async () => {
    await using postgres = await recorded()
    const pools = [postgres.connect({ options }), postgres.connect({ options })].map(storesOn)
    let claim = await claimByHand(kyselyProgressStore(postgres.db))
    const last = 20
    for (let page = 1; page <= last; page += 1) {
      const both = await inStep(postgres.db, () =>
        pools.map((pool) => commitByHand(pool, claim, page === last)),
      )
      expect(both.map((next) => next.pages)).toEqual([page, page])
      claim = both[0] ?? claim
    }
    const verdict = await check({ progress: postgres.db, relays: [listOf(last)] })
    expect(verdict).toMatchObject({ pages: last, completed: 1 })
  })

  it('from two processes, and by a worker whose claim is gone', async () => {
    await using postgres = await recorded()
    const url = new URL(postgres.url)
    url.searchParams.set('options', options)
    await using one = startCommitter(url.href)
    await using other = startCommitter(url.href)
    const progress = kyselyProgressStore(postgres.db)
    const stale = await claimByHand(progress)
    await progress.release(stale)
    let claim = await claimByHand(progress, 'successor')
    for (let page = 1; page <= 5; page += 1) {
      const outcomes = await inStep(postgres.db, () => [one.commit(claim), other.commit(claim)])
      expect(outcomes).toEqual([page, page])
      claim = { ...claim, pages: page }
    }
    const late = { ...stale, pages: claim.pages }
    const outcomes = await inStep(postgres.db, () => [one.commit(claim), other.commit(late)], 1)
    expect(outcomes).toEqual([6, 'CLAIM_LOST'])
    expect(await check({ progress: postgres.db, relays: [listOf(6)] })).toMatchObject({ pages: 6 })
  })
})

function storesOn(db: TestKysely): { progress: ProgressStore; sink: IndexSink } {
  return { progress: kyselyProgressStore(db), sink: kyselyIndexSink(db) }
}

/** Starts commits while their row is locked, and lets them go once so many wait for it. */
async function inStep<T>(db: TestKysely, start: () => Promise<T>[], waiters = 2): Promise<T[]> {
  const commits = await db.transaction().execute(async (holder) => {
    await holder.selectFrom('backfill_progress').select('epoch').forUpdate().execute()
    const started = start()
    const waiting = sql`
      select 1 from pg_stat_activity
      where datname = current_database() and wait_event_type = 'Lock' and query like 'update%'
    `
    await expect.poll(async () => (await waiting.execute(db)).rows.length, { timeout: 15_000 }).toBe(waiters)
    return { started }
  })
  return Promise.all(commits.started)
}

/** A process that commits the page which a claim has come to. */
function startCommitter(url: string) {
  const entry = fileURLToPath(new URL('../support/commit-child.ts', import.meta.url))
  const child = spawn(process.execPath, [entry, url], { stdio: ['pipe', 'pipe', 'inherit'] })
  const exited = once(child, 'exit')
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  return {
    async commit(claim: Claim): Promise<number | string> {
      const commit: Commit = { claim, ...pageFor(claim) }
      child.stdin.write(`${JSON.stringify(commit)}\n`)
      const { value, done } = await answers.next()
      if (done) throw new Error('The process ended.')
      return JSON.parse(value)
    },
    async [Symbol.asyncDispose]() {
      child.stdin.end()
      await exited
    },
  }
}
