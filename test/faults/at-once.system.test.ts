import { sql } from 'kysely'
import { expect, it } from 'vitest'
import { kyselyIndexSink, kyselyProgressStore } from '../../src/kysely/index.ts'
import { startRelay, type TestRelay } from '../../src/testing/index.ts'
import { check, recordProgress } from '../support/checker.ts'
import { createPostgres, type TestKysely } from '../support/databases.ts'
import { PROFILE, pageCount } from '../support/e2e.ts'
import { type FaultProcess, startFaultProcess } from '../support/fault-process.ts'
import { gate } from '../support/scripted-lister.ts'

const PROCESSES = 10
const PAGE = 50
const walked = Object.fromEntries(
  Array.from({ length: 30 }, (_, i) => [`com.example.many.n${i}`, (i * 97) % 700]),
)

it('ten processes on an empty database, beside a live feed: one schema, one claim per collection, no deadlock', async () => {
  await using postgres = await createPostgres()
  const { db } = postgres
  const allHere = gate()
  await using relay = await startRelay({
    collections: { [PROFILE]: 1, ...walked },
    // Nobody gets a page before all of them have opened the empty database.
    script: async ({ collection }) => {
      if (collection !== PROFILE) await allHere.wait()
      return undefined
    },
  })
  const processes = Array.from({ length: PROCESSES }, (_, i) =>
    startFaultProcess({
      name: `process ${i}`,
      databaseUrl: postgres.url,
      relayUrl: relay.url,
      collections: Object.keys(walked),
      pageSize: PAGE,
      leaseMs: 60_000,
      concurrency: 2,
    }),
  )
  await using _ = { [Symbol.asyncDispose]: () => endAll(processes) }
  await Promise.all(processes.map((child) => child.until(({ event }) => event === 'opened')))
  await recordProgress(db)
  const feed = startFeed(db, relay)
  allHere.pass()
  const ends = await Promise.all(processes.map((child) => child.finish()))
  expect(await feed.stop()).toBeGreaterThan(0)

  expect(ends.map(({ code }) => code)).toEqual(Array(PROCESSES).fill(0))
  const lines = ends.flatMap(({ lines }) => lines)
  const started = lines.flatMap((line) => (line.event === 'started' ? [line.collection] : []))
  expect(started.sort()).toEqual(Object.keys(walked).sort())
  const troubles = ['retry', 'failed', 'claim lost', 'store unavailable', 'unhandled']
  expect(lines.filter(({ event }) => troubles.includes(event))).toEqual([])

  expect((await sql`select 1 from backfill_migration`.execute(db)).rows).toHaveLength(1)
  const deadlocks = sql<{ deadlocks: number }>`
    select deadlocks::float8 from pg_stat_database where datname = current_database()
  `
  expect((await deadlocks.execute(db)).rows).toEqual([{ deadlocks: 0 }])
  const rows = await kyselyProgressStore(db).list()
  expect(rows.map(({ collection, imported }) => [collection, imported])).toEqual(
    rows.map(({ collection }) => [collection, relay.size(collection)]),
  )
  const pages = Object.values(walked).map((size) => pageCount(size, PAGE))
  // Each page, and the first again before the end of several.
  const requests = pages.reduce((sum, count) => sum + (count > 1 ? count + 1 : count), 0)
  expect(relay.requests.filter(({ collection }) => collection !== PROFILE)).toHaveLength(requests)
  const { completed, missing, foreign } = await check({ progress: db, relays: [relay] })
  expect([completed, missing, foreign]).toEqual([Object.keys(walked).length, 0, 0])
})

/** Adds what the relay holds too, in another order and in pieces that overlap, until it is told to stop. */
function startFeed(db: TestKysely, relay: TestRelay): { stop(): Promise<number> } {
  const sink = kyselyIndexSink(db)
  const lists = Object.keys(walked).map((collection) => ({
    collection,
    dids: [...relay.dids(collection)].reverse(),
  }))
  let stopped = false
  const feed = async (first: number): Promise<number> => {
    let batches = 0
    for (let n = first; !stopped; n += 1) {
      const { collection, dids } = lists[n % lists.length] ?? { collection: '', dids: [] }
      const from = (n * 13) % (dids.length + 1)
      await sink.add({ relay: 'live', collection, dids: dids.slice(from, from + 70) })
      batches += 1
    }
    return batches
  }
  const feeds = [feed(0), feed(7)]
  return {
    async stop() {
      stopped = true
      const counts = await Promise.all(feeds)
      return counts.reduce((sum, count) => sum + count, 0)
    },
  }
}

async function endAll(processes: readonly FaultProcess[]): Promise<void> {
  await Promise.all(processes.map((child) => child.kill()))
}
