import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { kyselyProgressStore } from '../../src/kysely/index.ts'
import { startRelay, type TestRelay } from '../../src/testing/index.ts'
import { createPostgres, type TestKysely, type TestPostgres } from '../support/databases.ts'
import type { RunningProgram } from '../support/program.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { startExample } from './run-example.ts'

/** Nine of three pages each: more than one machine walks at once, fewer than two do. */
const COLLECTIONS: Record<string, number> = {
  'app.bsky.actor.profile': 250,
  ...Object.fromEntries(Array.from({ length: 8 }, (_, i) => [`com.example.collection${i}`, 250])),
}
const PAGES = Object.keys(COLLECTIONS).flatMap((nsid) => [1, 2, 3].map((page) => `${nsid}: page ${page}`))
const ALL_COMPLETE = Object.keys(COLLECTIONS).map((collection) => ({
  collection,
  state: 'complete',
  pages: 3,
  imported: 250,
}))

/** A relay whose second pages can be held back. */
interface Site extends AsyncDisposable {
  readonly relay: TestRelay
  readonly postgres: TestPostgres
  /** From now on second pages wait. `waiting` resolves once as many do as there are collections. */
  hold(): { readonly waiting: Promise<void>; letGo(): void }
  startMachine(options?: { clockOffMs: number }): RunningProgram
}

const HOUR_MS = 3_600_000
const WRONG_CLOCK = new URL('../support/wrong-clock.ts', import.meta.url).href

async function openSite(leaseMs = 60_000): Promise<Site> {
  const postgres = await createPostgres()
  let held = new Set<string>()
  let waiting = Promise.withResolvers<void>()
  let gate: PromiseWithResolvers<void> | undefined
  const relay = await startRelay({
    collections: COLLECTIONS,
    maxLimit: 100,
    async script({ collection, offset }) {
      if (gate === undefined || collection === undefined || offset !== 100) return undefined
      held.add(collection)
      if (held.size === PAGES.length / 3) waiting.resolve()
      await gate.promise
      return undefined
    },
  })
  const letGo = () => {
    gate?.resolve()
    gate = undefined
  }
  const [DATABASE_URL, RELAY, GARDEN] = [postgres.url, relay.url, relay.gardenUrl]
  const env = { DATABASE_URL, RELAY, GARDEN, LEASE_MS: String(leaseMs) }
  return {
    relay,
    postgres,
    hold() {
      held = new Set()
      waiting = Promise.withResolvers()
      gate = Promise.withResolvers()
      return { waiting: waiting.promise, letGo }
    },
    startMachine({ clockOffMs } = { clockOffMs: 0 }) {
      const wrong = { NODE_OPTIONS: `--import=${WRONG_CLOCK}`, WRONG_CLOCK: String(clockOffMs) }
      return startExample('graphile-worker.ts', { env: { ...env, ...(clockOffMs !== 0 && wrong) } })
    },
    async [Symbol.asyncDispose]() {
      letGo()
      await relay[Symbol.asyncDispose]()
      await postgres[Symbol.asyncDispose]()
    },
  }
}

/** A run ends when nothing is left for anyone. */
const untilDone = (machine: RunningProgram) => machine.until(/Completed task \d+ \((refresh|join)/)

async function progressOf(db: TestKysely) {
  const rows = await kyselyProgressStore(db).list()
  return {
    rows: rows.map(({ collection, state, pages, imported }) => ({ collection, state, pages, imported })),
    completedAt: rows.map(({ completedAt }) => completedAt?.getTime() ?? 0),
  }
}

async function pairsIn(db: TestKysely): Promise<string[]> {
  const rows = await db.selectFrom('collection_index').selectAll().execute()
  return rows.map(({ collection, did }) => `${collection} ${did}`).sort()
}

const pairsOf = (relay: TestRelay) =>
  relay.collections.flatMap((nsid) => [...relay.dids(nsid)].map((did) => `${nsid} ${did}`)).sort()

const pagesIn = (stdout: string) => stdout.match(/^\S+: page \d+(?=,)/gm) ?? []

const addRefresh = (db: TestKysely) => sql`select graphile_worker.add_job('refresh')`.execute(db)

test('two machines share the first import and a refresh, each page committed once, and stop on SIGTERM', async () => {
  await using site = await openSite()
  const { db } = site.postgres
  const first = site.hold()
  // Whichever of them takes the refresh: what is due is a matter of the database's clock.
  await using a = site.startMachine({ clockOffMs: HOUR_MS })
  await using b = site.startMachine({ clockOffMs: HOUR_MS })
  const imported = Promise.all([untilDone(a), untilDone(b)])
  // So many at once are more than one machine walks.
  await first.waiting
  first.letGo()
  await imported
  const before = await progressOf(db)
  expect(before.rows).toEqual(ALL_COMPLETE)
  expect(await pairsIn(db)).toEqual(pairsOf(site.relay))

  const second = site.hold()
  const refreshed = Promise.all([untilDone(a), untilDone(b)])
  await addRefresh(db)
  await second.waiting
  second.letGo()
  await refreshed
  const after = await progressOf(db)
  expect(after.rows).toEqual(ALL_COMPLETE)
  for (const [i, at] of after.completedAt.entries()) expect(at).toBeGreaterThan(before.completedAt[i] ?? 0)

  const third = site.hold()
  await addRefresh(db)
  await third.waiting
  a.kill('SIGTERM')
  b.kill('SIGTERM')
  const ended = await Promise.all([a.ended, b.ended])
  expect(ended.map(({ code }) => code)).toEqual([0, 0])
  const walks = ended.map(({ stdout }) => pagesIn(stdout))
  const told = walks.flat().sort()
  // A second page that was committed together with the third is told with it.
  const isSecond = (page: string) => page.endsWith('page 2')
  expect(told.some((page, i) => isSecond(page) && told[i - 2] === page)).toBe(false)
  // Of the third walk a first page or another was committed before the stop.
  const others = told.filter((page) => !isSecond(page))
  expect(others.filter((page, i) => !page.endsWith('page 1') || others[i - 2] !== page)).toEqual(
    [...PAGES, ...PAGES].filter((page) => !isSecond(page)).sort(),
  )
  expect(told.some((page, i) => told[i - 3] === page)).toBe(false)
  expect(Math.min(...walks.map(({ length }) => length))).toBeGreaterThan(0)
  // Handed back, not left to run out.
  const stopped = await progressOf(db)
  expect(stopped.rows.map(({ state }) => state)).toEqual(ALL_COMPLETE.map(() => 'pending'))
}, 60_000)

test('what machines that were killed were walking is taken over, though their jobs stay locked', async () => {
  await using site = await openSite(1_000)
  const { db } = site.postgres
  const hold = site.hold()
  await using a = site.startMachine()
  await using b = site.startMachine()
  await hold.waiting
  a.kill('SIGKILL')
  b.kill('SIGKILL')
  await Promise.all([a.ended, b.ended])
  hold.letGo()
  await using c = site.startMachine()
  await untilDone(c)
  expect((await progressOf(db)).rows).toEqual(ALL_COMPLETE)
  expect(await pairsIn(db)).toEqual(pairsOf(site.relay))

  // One is killed beside another that goes on.
  const again = site.hold()
  await using d = site.startMachine()
  await addRefresh(db)
  await again.waiting
  d.kill('SIGKILL')
  await d.ended
  const done = untilDone(c)
  again.letGo()
  await done
  expect((await progressOf(db)).rows).toEqual(ALL_COMPLETE)
  const { rows } = await sql<{ task: string }>`
    select task_identifier as task from graphile_worker.jobs where locked_at is not null
  `.execute(db)
  expect(rows.length).toBeGreaterThanOrEqual(3)
}, 60_000)

test('a Sunday on which no machine was up is made up for', async () => {
  await using site = await openSite()
  const { db } = site.postgres
  await using first = site.startMachine()
  await untilDone(first)
  first.kill('SIGTERM')
  await first.ended
  const before = await progressOf(db)
  await sql`
    update graphile_worker._private_known_crontabs set known_since = now() - interval '8 days', last_execution = null
  `.execute(db)

  await using second = site.startMachine()
  await second.until(/Completed task \d+ \(refresh/)
  const after = await progressOf(db)
  expect(after.rows).toEqual(ALL_COMPLETE)
  for (const [i, at] of after.completedAt.entries()) expect(at).toBeGreaterThan(before.completedAt[i] ?? 0)
  const { rows } = await sql<{ identifier: string; at: string }>`
    select identifier, to_char(last_execution at time zone 'utc', 'ID HH24:MI') as at from graphile_worker._private_known_crontabs
  `.execute(db)
  expect(rows).toEqual([{ identifier: 'weekly-refresh', at: '7 03:00' }])
}, 60_000)

test('without a database and a relay it brings its own, and takes them down on Ctrl-C', async () => {
  await using folder = await temporaryFolder()
  const env = { DATABASE_URL: '', RELAY: '' }
  await using machine = startExample('graphile-worker.ts', { cwd: folder.path, env })
  await machine.until(/app\.bsky\.feed\.post: page \d+, \d+ repos/)
  const pidFile = join(folder.path, '.backfill-postgres', 'data', 'postmaster.pid')
  expect(existsSync(pidFile)).toBe(true)
  machine.kill('SIGINT')
  const { code, stdout, stderr } = await machine.ended
  expect(code, stderr).toBe(0)
  expect(stdout).toMatch(
    /^more machines: DATABASE_URL=postgres:\S+ RELAY=http:\S+ GARDEN=http:\S+llms\.txt$/m,
  )
  expect(existsSync(pidFile)).toBe(false)
}, 60_000)
