import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { BackfillOptions, PageEvent } from '../../src/index.ts'
import { kyselyProgressStore } from '../../src/kysely/index.ts'
import { openPostgres } from '../../src/postgres/index.ts'
import { type FaultRun, setUp } from '../support/fault-run.ts'
import { listenTo } from '../support/listen-to.ts'
import { type PostgresServer, startPostgresServer } from '../support/postgres-server.ts'
import { gate } from '../support/scripted-lister.ts'

const A = 'com.example.a'
const B = 'com.example.b'
const collections = { [A]: 95, [B]: 45 }
const ALL_PAGES = 10 + 5

/** Notes of what the run says, and a step that is reached when the store has been told unavailable. */
function notes() {
  const told = gate()
  const failed: unknown[] = []
  const lost: string[] = []
  const onEvent = listenTo({
    storeUnavailable: () => void told.wait(),
    collectionFailed: (context) => failed.push(context),
    claimLost: ({ collection }) => lost.push(collection),
  })
  return { onEvent, failed, lost, untilTold: () => told.reached }
}

/** Runs on a store of its own; `onPage` is awaited for each page, while the next ones are under way. */
async function play(
  run: FaultRun,
  options: Partial<BackfillOptions>,
  onPage: (event: PageEvent, pages: number) => Promise<void>,
): Promise<number> {
  await using store = await openPostgres(run.postgres.url, { applicationName: 'played' })
  const { sink, progress } = store
  let pages = 0
  for await (const event of run.start({
    store: { sink, progress },
    maxAttempts: 1,
    pagesAhead: 1,
    ...options,
  })) {
    pages += 1
    await onPage(event, pages)
  }
  return pages
}

describe('a database that is stopped hard', () => {
  let server: PostgresServer
  beforeAll(async () => {
    server = await startPostgresServer()
  })
  afterAll(() => server[Symbol.asyncDispose]())

  it('between pages, and started again: the run pauses, says so, goes on, and uses up no attempt', async () => {
    await using run = await setUp({ collections }, server.url)
    const { onEvent, failed, lost, untilTold } = notes()
    const pages = await play(run, { onEvent }, async (_, page) => {
      if (page !== 4) return
      await server.stopHard()
      await untilTold()
      await server.start()
    })
    expect([pages, failed, lost]).toEqual([ALL_PAGES, [], []])
    expect(await run.check()).toMatchObject({ completed: 2, pages: ALL_PAGES })
    const rows = await kyselyProgressStore(run.db).list()
    expect(rows.map(({ attempts }) => attempts)).toEqual([0, 0])
  })

  it('in mid-page: the page is absent, and comes again', async () => {
    await using run = await setUp({ collections: { [A]: 45 } }, server.url)
    const { db } = run
    // The commit behind page 1 has saved the cursor and waits for a lock that the crash takes with it.
    await sql`
      create function park() returns trigger language plpgsql as $$ begin
        perform pg_advisory_xact_lock_shared(3);
        return null;
      end $$
    `.execute(db)
    await sql`
      create trigger park after update on backfill_progress for each row
      when (old.page_count = 1 and new.page_count > 1) execute function park()
    `.execute(db)
    const { onEvent, failed, lost, untilTold } = notes()
    const holder = db.connection().execute(async (connection) => {
      await sql`select pg_advisory_lock(3)`.execute(connection)
      const parked = sql`select 1 from pg_locks where locktype = 'advisory' and not granted`
      const count = async () => (await parked.execute(db)).rows.length
      await expect.poll(count, { timeout: 10_000 }).toBe(1)
      await server.stopHard()
      await untilTold()
      await server.start()
    })
    const [pages] = await Promise.all([play(run, { onEvent }, async () => {}), holder])
    expect([pages, failed, lost]).toEqual([5, [], []])
    // No page twice, but for the first before the end of the list.
    const repeated = run.relay.requestsOf(A).filter(({ attempt }) => attempt > 1)
    expect(repeated.map(({ offset }) => offset)).toEqual([0])
    expect(await run.check()).toMatchObject({ completed: 1, pages: 5 })
  })
})

describe('a database that forgets what it committed last (synchronous_commit=off)', () => {
  let server: PostgresServer
  beforeAll(async () => {
    // Nothing is written out between the checkpoints that the test asks for.
    server = await startPostgresServer({
      synchronous_commit: 'off',
      wal_writer_delay: '10s',
      wal_writer_flush_after: '1GB',
      autovacuum: 'off',
    })
  })
  afterAll(() => server[Symbol.asyncDispose]())

  it.each([
    { forgotten: 'some pages: they are walked again', remembered: 3, first: 'page' },
    { forgotten: 'all of the run: it is registered and walked again', remembered: 0, first: 'row' },
  ])('and with it $forgotten', async ({ remembered }) => {
    await using run = await setUp({ collections }, server.url)
    const checkpoint = () => sql`checkpoint`.execute(run.db)
    await checkpoint()
    const { onEvent, failed, lost, untilTold } = notes()
    // Page by page, so that some are committed after the one that is remembered.
    const pages = await play(run, { onEvent, leaseMs: 1_500, pagesAhead: 1 }, async (_, page) => {
      if (page === remembered) await checkpoint()
      if (page !== 8) return
      await server.stopHard()
      await untilTold()
      await server.start()
    })
    expect(failed).toEqual([])
    expect(lost.length).toBeGreaterThan(0)
    expect(pages).toBeGreaterThan(ALL_PAGES)
    const { completed, missing } = await run.check()
    expect([completed, missing]).toEqual([2, 0])
  })

  it('gives its epochs out again, so no two claims of a run have the same owner', async () => {
    await using run = await setUp({ collections }, server.url)
    const owners: string[] = []
    const progress = kyselyProgressStore(run.db)
    const noting: typeof progress = {
      ...progress,
      claim(request) {
        owners.push(request.owner)
        return progress.claim(request)
      },
    }
    await run.start({ progress: noting }).run()
    expect(owners.length).toBeGreaterThanOrEqual(2)
    expect(new Set(owners).size).toBe(owners.length)
  })
})

describe('a database that ends our connections', () => {
  it('with every third page, in use or idle: the run goes on, and uses up no attempt', async () => {
    await using run = await setUp({ collections })
    const { onEvent, failed, lost } = notes()
    let ended = 0
    const pages = await play(run, { onEvent }, async (_, page) => {
      if (page % 3 !== 0) return
      const { rows } = await sql`
        select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'played'
      `.execute(run.db)
      ended += rows.length
    })
    expect(ended).toBeGreaterThanOrEqual(5)
    expect([pages, failed, lost]).toEqual([ALL_PAGES, [], []])
    expect(await run.check()).toMatchObject({ completed: 2, pages: ALL_PAGES })
  })
})
