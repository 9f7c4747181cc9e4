import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import { describe, expect, it } from 'vitest'
import { kyselyProgressStore, migrateToLatest } from '../../src/kysely/index.ts'
import { type RelayScript, startRelay, type TestRelay } from '../../src/testing/index.ts'
import { didsFrom } from '../../src/testing/suites/samples.ts'
import { createPostgres, type TestKysely, type TestPostgres } from '../support/databases.ts'
import { differences, NONE, PROFILE, pageCount } from '../support/e2e.ts'
import { type BackfillProcess, startBackfillProcess } from '../support/e2e-process.ts'
import { gate } from '../support/scripted-lister.ts'

const WALKED = 'app.bsky.feed.like'
const PAGE = 100
const SIZE = 3_950
const PAGES = pageCount(SIZE, PAGE)
// In the order of the DIDs: then pages that wait are committed together.
const collections = { [PROFILE]: 1, [WALKED]: didsFrom(0, SIZE).sort() }
const NAME = 'killed-in-mid-collection'
/** Behind the page that is saved: those that are being committed, those that wait, each as many as `pagesAhead`. */
const IN_FLIGHT = 2 * 4

function start(postgres: TestPostgres, relay: TestRelay): BackfillProcess {
  return startBackfillProcess({
    name: NAME,
    databaseUrl: postgres.url,
    relayUrl: relay.url,
    collections: [WALKED],
    pageSize: PAGE,
    // Short enough to be waited for.
    leaseMs: 1_000,
    // A second worker might take over from the first when a busy machine lets a lease run out.
    concurrency: 1,
  })
}

interface Parts extends AsyncDisposable {
  readonly postgres: TestPostgres
  readonly relay: TestRelay
}

async function open(script?: RelayScript): Promise<Parts> {
  const postgres = await createPostgres()
  const relay = await startRelay({ collections, script })
  return {
    postgres,
    relay,
    async [Symbol.asyncDispose]() {
      await relay[Symbol.asyncDispose]()
      await postgres[Symbol.asyncDispose]()
    },
  }
}

/** What is saved, once the server has ended the sessions of the process that was killed. */
async function savedAfterKill({
  postgres: { db },
  relay,
}: Parts): Promise<{ pages: number; cursor?: string | undefined }> {
  const sessions = sql`
    select 1 from pg_stat_activity where application_name = ${NAME} and datname = current_database()
  `
  while ((await sessions.execute(db)).rows.length > 0) await sleep(10)
  const [row] = await kyselyProgressStore(db).list()
  if (row === undefined) throw new Error('no progress row')
  const { pages: page, cursor } = row
  expect(row).toMatchObject({ imported: page * PAGE, completedAt: undefined })
  expect(cursor).toBe(page === 0 ? undefined : relay.cursorAt(WALKED, page * PAGE))
  return { pages: page, cursor }
}

/** Starts it again, to the end. */
async function resume(parts: Parts): Promise<void> {
  const { postgres, relay } = parts
  const saved = await savedAfterKill(parts)
  const asked = relay.requestsOf(WALKED).length
  await using child = start(postgres, relay)
  const { code, summary } = await child.finish()
  expect(code).toBe(0)
  expect(summary).toMatchObject({
    pages: PAGES - saved.pages,
    imported: SIZE - saved.pages * PAGE,
    completed: 1,
  })
  const again = relay.requestsOf(WALKED).slice(asked)
  const offsets = Array.from({ length: PAGES - saved.pages }, (_, i) => (saved.pages + i) * PAGE)
  // The first page again, before it goes on and before the end.
  const checks = saved.pages === 0 ? [] : [0]
  expect(again.map(({ offset }) => offset)).toEqual([...checks, ...offsets, 0])
  expect(again[checks.length]?.cursor).toBe(saved.cursor)
  await expectComplete(postgres, relay)
}

async function expectComplete({ db }: TestPostgres, relay: TestRelay): Promise<void> {
  expect(await differences(db, { ...relay, collections: [WALKED] })).toEqual(NONE)
  expect(await kyselyProgressStore(db).list()).toMatchObject([
    { collection: WALKED, state: 'complete', imported: SIZE, pages: PAGES, cursor: undefined, attempts: 0 },
  ])
}

/** Of each page but the first that was asked for more than once, which it is and how often. */
function repeats(relay: TestRelay): { pages: number; times: number }[] {
  const times = new Map<number, number>()
  for (const { offset = -1, attempt } of relay.requestsOf(WALKED)) times.set(offset / PAGE, attempt)
  return Array.from(times, ([page, attempt]) => ({ pages: page, times: attempt })).filter(
    ({ pages, times }) => pages > 0 && times > 1,
  )
}

/** Keeps pages back, so that a process cannot get to the end before it is killed. */
function holdBack(): { script: RelayScript; from: (page: number) => void; lift: () => void } {
  let offset = Number.POSITIVE_INFINITY
  let held = gate()
  return {
    async script(request) {
      if (request.collection === WALKED && (request.offset ?? 0) >= offset) await held.wait()
      return undefined
    },
    from(page) {
      offset = page * PAGE
    },
    lift() {
      offset = Number.POSITIVE_INFINITY
      held.pass()
      held = gate()
    },
  }
}

describe('a process that is killed', () => {
  it.each([0, 1, 2, 17, PAGES - 2])('after page %i goes on at the saved cursor', async (page) => {
    const pages = holdBack()
    await using parts = await open(pages.script)
    const { postgres, relay } = parts
    // One page is on its way into the database meanwhile, or was committed together with the one that is waited for.
    pages.from(page + 1)
    await using child = start(postgres, relay)
    await child.until((line) => line.event === (page === 0 ? 'started' : 'page') && line.pages >= page)
    await child.kill()
    pages.lift()

    const saved = await savedAfterKill(parts)
    expect([page, page + 1]).toContain(saved.pages)
    await resume(parts)
    for (const repeat of repeats(relay)) {
      expect([saved.pages, saved.pages + 1]).toContain(repeat.pages)
      expect(repeat.times).toBe(2)
    }
  })

  it('again and again gets to the end, and counts nothing twice', async () => {
    const pages = holdBack()
    await using parts = await open(pages.script)
    const { postgres, relay } = parts
    for (const page of [6, 13, 21, 28]) {
      pages.from(page + 1)
      await using child = start(postgres, relay)
      await child.until((line) => line.event === 'page' && line.pages >= page)
      await child.kill()
      pages.lift()
      expect([page, page + 1]).toContain((await savedAfterKill(parts)).pages)
    }
    await resume(parts)
  })
})

/** The advisory lock that the first commit waits for, until so many pages wait behind it, and that of the second one. */
const FIRST = 1
const SECOND = 2
const isSecond = sql.raw('old.page_count = 1 and new.page_count > 1')
const park = sql.raw('execute function park()')
const onProgress = sql`on backfill_progress`

const moments = [
  {
    moment: 'before the cursor moves',
    happens: false,
    trigger: sql`create trigger park before update ${onProgress} for each row when (${isSecond}) ${park}`,
  },
  {
    moment: 'between the cursor and the pairs',
    happens: false,
    trigger: sql`create trigger park after update ${onProgress} for each row when (${isSecond}) ${park}`,
  },
  {
    moment: 'between the pairs and the COMMIT',
    happens: false,
    trigger: sql`create trigger park after insert on collection_index_pair for each statement ${park}`,
  },
  {
    moment: 'in the COMMIT, which then happens',
    happens: true,
    trigger: sql`create constraint trigger park after update ${onProgress} deferrable initially deferred
      for each row when (${isSecond}) ${park}`,
  },
]

/** The second commit comes to this function and waits there for as long as the test holds the lock, as the first did before it. */
async function parkCommitsAt(db: TestKysely, trigger: ReturnType<typeof sql>): Promise<void> {
  await migrateToLatest(db)
  await sql`
    create function park() returns trigger language plpgsql as $$ begin
      if tg_table_name = 'backfill_progress' or exists (select from backfill_progress where page_count > 1) then
        perform pg_advisory_xact_lock(${sql.lit(SECOND)});
      end if;
      return new;
    end $$
  `.execute(db)
  await trigger.execute(db)
  await sql`
    create function hold() returns trigger language plpgsql as $$ begin
      perform pg_advisory_xact_lock(${sql.lit(FIRST)});
      return new;
    end $$
  `.execute(db)
  await sql`
    create trigger hold before update ${onProgress} for each row
    when (old.page_count = 0 and new.page_count = 1) execute function hold()
  `.execute(db)
}

async function untilParked(db: TestKysely, lock: number): Promise<void> {
  const waiting = sql`
    select 1 from pg_locks join pg_database on pg_database.oid = pg_locks.database
    where locktype = 'advisory' and objid = ${lock} and not granted and datname = current_database()
  `
  while ((await waiting.execute(db)).rows.length === 0) await sleep(10)
}

describe('a process that is killed while it commits several pages', () => {
  it.each(moments)('$moment, leaves rows and cursor both or neither', async ({ happens, trigger }) => {
    const fifth = gate()
    await using parts = await open(({ collection, offset }) => {
      if (collection === WALKED && offset === 4 * PAGE) void fifth.wait()
      return undefined
    })
    const { postgres, relay } = parts
    const { db } = postgres
    await parkCommitsAt(db, trigger)
    await db.connection().execute(async (holder) => {
      await sql`select pg_advisory_lock(${FIRST}), pg_advisory_lock(${SECOND})`.execute(holder)
      await using child = start(postgres, relay)
      // Whoever asks for the fifth page has the second to the fourth, which wait for the first to be committed.
      await Promise.all([untilParked(db, FIRST), fifth.reached])
      await sql`select pg_advisory_unlock(${FIRST})`.execute(holder)
      await untilParked(db, SECOND)
      await child.kill()
      await sql`select pg_advisory_unlock(${SECOND})`.execute(holder)
    })

    const { pages: saved } = await savedAfterKill(parts)
    expect(happens ? [4, 5] : [1]).toContain(saved)
    const prefix = [...relay.dids(WALKED)].slice(0, saved * PAGE)
    const held = { ...relay, collections: [WALKED], dids: () => prefix }
    expect(await differences(db, held)).toEqual(NONE)
    await resume(parts)
    for (const repeat of repeats(relay)) {
      expect(repeat.pages).toBeGreaterThanOrEqual(saved)
      expect(repeat.pages).toBeLessThan(1 + IN_FLIGHT)
      expect(repeat.times).toBe(2)
    }
  })
})
