import { type RawBuilder, sql } from 'kysely'
import { describe, expect, it } from 'vitest'
import type { BackfillOptions, PageEvent } from '../../src/index.ts'
import { kyselyIndexSink, kyselyProgressStore } from '../../src/kysely/index.ts'
import { NotMigratedError } from '../../src/kysely/table-errors.ts'
import { openPostgres } from '../../src/postgres/index.ts'
import type { TestKysely } from '../support/databases.ts'
import { type FaultRun, rejection, setUp } from '../support/fault-run.ts'
import { listenTo } from '../support/listen-to.ts'
import { startStopwatch } from '../support/stopwatch.ts'

const A = 'com.example.a'
const B = 'com.example.b'
const collections = { [A]: 65, [B]: 45 }
const ALL_PAGES = 7 + 5

/** A trouble that lasts from one call to the other. */
interface Trouble {
  trouble: string
  /** The database as the run opens it. */
  url?: (run: FaultRun) => Promise<string>
  begin: (run: FaultRun) => Promise<unknown>
  end: (run: FaultRun) => Promise<unknown>
  says: RegExp
}

const databaseOf = ({ postgres }: FaultRun) => sql.id(new URL(postgres.url).pathname.slice(1))
const roleOf = ({ postgres }: FaultRun) => `role_of_${new URL(postgres.url).pathname.slice(1)}`

const endSessions = ({ db }: FaultRun) =>
  sql`select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'troubled' and datname = current_database()`.execute(
    db,
  )

const run = (statement: RawBuilder<unknown>) => (at: { db: TestKysely }) => statement.execute(at.db)

/** A role like that of an application, which limits hold for. */
async function urlOfRole(run: FaultRun): Promise<string> {
  const { db, postgres } = run
  const role = sql.id(roleOf(run))
  await sql`create role ${role} login password 'secret'`.execute(db)
  await sql`grant all on all tables in schema public to ${role}`.execute(db)
  await sql`grant all on all sequences in schema public to ${role}`.execute(db)
  await sql`grant all on schema public to ${role}`.execute(db)
  const url = new URL(postgres.url)
  url.username = roleOf(run)
  url.password = 'secret'
  return url.href
}

const troubles: Trouble[] = [
  {
    trouble: 'full',
    // As the server says it when a relation cannot grow.
    begin: async ({ db }) => {
      await sql`
        create function disk_full() returns trigger language plpgsql as $$ begin
          raise exception 'could not extend file "base/1/2": No space left on device' using errcode = 'disk_full';
        end $$
      `.execute(db)
      await sql`
        create trigger disk_full before insert on collection_index_pair for each statement execute function disk_full()
      `.execute(db)
    },
    end: run(sql`drop trigger disk_full on collection_index_pair`),
    says: /No space left on device/,
  },
  {
    trouble: 'read-only',
    begin: async (run) => {
      await sql`alter database ${databaseOf(run)} set default_transaction_read_only = on`.execute(run.db)
      await endSessions(run)
    },
    // Sessions that began meanwhile stay read-only.
    end: (run) => sql`alter database ${databaseOf(run)} reset default_transaction_read_only`.execute(run.db),
    says: /read-only transaction/,
  },
  {
    trouble: 'out of connections',
    url: urlOfRole,
    begin: async (run) => {
      await sql`alter role ${sql.id(roleOf(run))} connection limit 0`.execute(run.db)
      await endSessions(run)
    },
    end: (run) => sql`alter role ${sql.id(roleOf(run))} connection limit -1`.execute(run.db),
    says: /too many connections/,
  },
]

async function play(
  run: FaultRun,
  url: string,
  options: Partial<BackfillOptions>,
  onPage: (page: PageEvent, pages: number) => Promise<unknown>,
): Promise<number> {
  await using store = await openPostgres(url, { applicationName: 'troubled' })
  const { sink, progress } = store
  let pages = 0
  for await (const page of run.start({
    store: { sink, progress },
    maxAttempts: 1,
    pagesAhead: 1,
    ...options,
  })) {
    pages += 1
    await onPage(page, pages)
  }
  return pages
}

/** Notes of what the run says; `onTold` is called when it has said twice that it is this trouble. */
function notes(trouble: RegExp = /./, onTold: () => void = () => {}) {
  const told: unknown[] = []
  const others: unknown[] = []
  const note = (context: unknown) => others.push(context)
  const onEvent = listenTo({
    storeUnavailable: ({ error }) => {
      if (trouble.test(String(error)) && told.push(error) === 2) onTold()
    },
    collectionFailed: note,
    claimLost: note,
    retry: note,
  })
  return { onEvent, told, others }
}

describe('a database that is', () => {
  it.concurrent.each(troubles)(
    '$trouble for a while: the run pauses, says so, and goes on',
    async (trouble) => {
      await using run = await setUp({ collections })
      let ended: Promise<unknown> | undefined
      const { onEvent, told, others } = notes(trouble.says, () => {
        ended = trouble.end(run)
      })
      const url = (await trouble.url?.(run)) ?? run.postgres.url
      const stopwatch = startStopwatch()
      const pages = await play(run, url, { onEvent }, async (_, page) => {
        if (page === 3) await trouble.begin(run)
      })
      await ended
      expect(stopwatch.stop()).toBeLessThan(9_000)
      expect(told.length).toBeGreaterThanOrEqual(2)
      expect([pages, others]).toEqual([ALL_PAGES, []])
      const rows = await kyselyProgressStore(run.db).list()
      expect(rows.map(({ attempts, lastError }) => [attempts, lastError])).toEqual([
        [0, undefined],
        [0, undefined],
      ])
      expect(await run.check()).toMatchObject({ completed: 2, pages: ALL_PAGES })
    },
  )

  it.concurrent('locked by somebody else for longer than the lock timeout: it goes on when the lock is gone', async () => {
    await using run = await setUp({ collections })
    const unlock = Promise.withResolvers<void>()
    const { onEvent, told, others } = notes(/lock timeout/, unlock.resolve)
    const locked = Promise.withResolvers<void>()
    let holder: Promise<void> | undefined
    const pages = await play(run, `${run.postgres.url}?lock_timeout=100`, { onEvent }, async (_, page) => {
      if (page !== 3) return
      holder = run.db.transaction().execute(async (transaction) => {
        await sql`lock table collection_index_pair in access exclusive mode`.execute(transaction)
        locked.resolve()
        await unlock.promise
      })
      await locked.promise
    })
    await holder
    expect(told.length).toBeGreaterThanOrEqual(2)
    for (const error of told) expect(String(error)).toContain('lock timeout')
    expect([pages, others]).toEqual([ALL_PAGES, []])
    expect(await run.check()).toMatchObject({ completed: 2, pages: ALL_PAGES })
  })

  it.concurrent('without one of its tables: the run ends with an error that names the migration', async () => {
    await using run = await setUp({ collections })
    const { onEvent, told, others } = notes()
    // Page by page, so that no collection is complete by then.
    const played = play(
      run,
      run.postgres.url,
      { onEvent, maxAttempts: 5, pagesAhead: 1 },
      async (_, page) => {
        if (page === 3) await sql`alter table collection_index_pair rename to gone`.execute(run.db)
      },
    )
    const error = await rejection(played)
    expect(error).toBeInstanceOf(NotMigratedError)
    expect(error).toMatchObject({ message: expect.stringContaining('await migrateToLatest(db)') })
    expect([told, others]).toEqual([[], []])
    await sql`alter table gone rename to collection_index_pair`.execute(run.db)
    const rows = await kyselyProgressStore(run.db).list()
    expect(rows.map(({ state, attempts }) => [state, attempts])).toEqual([
      ['pending', 0],
      ['pending', 0],
    ])
    const { completed, missing } = await run.check()
    expect([completed, missing]).toEqual([0, 0])
  })
})

describe.each(['read committed', 'serializable'])('a third of all statements refused (%s)', (isolation) => {
  it.concurrent.each([
    ['40001', 'serialization failures'],
    ['40P01', 'deadlocks'],
  ])('with %s: %s are invisible', async (code) => {
    await using run = await setUp({ collections })
    await refuseAThird(run.db, code)
    const options = `-c default_transaction_isolation=${isolation.replace(' ', '\\ ')}`
    const db = run.postgres.connect({ options })
    const { onEvent, told, others } = notes()
    const [sink, progress] = [kyselyIndexSink(db), kyselyProgressStore(db)]
    const summary = await run.start({ store: { sink, progress }, onEvent, maxAttempts: 1 }).run()
    expect(summary).toMatchObject({ completed: 2, pages: ALL_PAGES, imported: 110, added: 110 })
    expect([told, others]).toEqual([[], []])
    const { rows } = await sql<{ tries: number }>`select last_value::float8 as tries from tries`.execute(
      run.db,
    )
    // Some 12 pages of three statements, register and claims: a third more than without refusals.
    expect(rows[0]?.tries).toBeGreaterThan(50)
    expect(await run.check()).toMatchObject({ completed: 2, pages: ALL_PAGES })
  })

  /** Before the cursor, before the pairs, and in the COMMIT itself; the number drawn is not given back by a rollback. */
  async function refuseAThird(db: TestKysely, code: string): Promise<void> {
    await sql`create sequence tries`.execute(db)
    await sql`
      create function refuse() returns trigger language plpgsql as $$ begin
        if hashint8(nextval('tries')) % 3 = 0 then
          raise exception 'could not serialize access' using errcode = ${sql.lit(code)};
        end if;
        return null;
      end $$
    `.execute(db)
    const refuse = sql`execute function refuse()`
    await sql`
      create trigger refuse before insert or update on backfill_progress for each statement ${refuse}
    `.execute(db)
    await sql`create trigger refuse before insert on collection_index_pair for each statement ${refuse}`.execute(
      db,
    )
    await sql`
      create constraint trigger refuse_commit after update on backfill_progress
      deferrable initially deferred for each row ${refuse}
    `.execute(db)
  }
})
