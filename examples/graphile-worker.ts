// A weekly refresh on graphile-worker, run by any number of machines: its cron wakes one, and others that are free join in.
//
//   DATABASE_URL   the database, the same for every machine; without it, a Postgres of its own in ./.backfill-postgres
//   RELAY          the relay; without it, a bundled one
//   GARDEN         where llms.txt is, when not at lexicon.garden
//   LEASE_MS       how long a machine that died keeps its collections from the others (60000)
//
// A refresh by hand: `select graphile_worker.add_job('refresh')`.
import { createBackfiller, lexiconGarden, relayLister } from 'atproto-collection-backfill'
import { openPostgres } from 'atproto-collection-backfill/postgres'
import { startRelay } from 'atproto-collection-backfill/testing'
import { type JobHelpers, run } from 'graphile-worker'
import pg from 'pg'
import { startLocalPostgres } from './support/local-postgres.ts'

/** Sundays at three (UTC), or as soon as a machine is up again; tried ten times in some four hours. */
const CRONTAB = '0 3 * * 0 refresh ?id=weekly-refresh&fill=6d&max=10'

const { DATABASE_URL, RELAY, GARDEN, LEASE_MS = '60000' } = process.env
await using server = DATABASE_URL ? undefined : await startLocalPostgres('.backfill-postgres')
await using bundled = RELAY ? undefined : await startBundledRelay()
const connectionString = server?.url ?? DATABASE_URL ?? ''
const lister = relayLister(bundled?.url ?? RELAY ?? '')
const garden = lexiconGarden({ url: bundled?.gardenUrl ?? GARDEN })
await using store = await openPostgres(connectionString)

// A pool of the worker's own would not be waited for, nor heard when the server ends its sessions meanwhile.
const pgPool = new pg.Pool({ connectionString })
const tell = (error: Error) => console.error(`Postgres: ${error.message}`)
pgPool.on('error', tell).on('connect', (client) => client.on('error', tell))
const runner = await run({
  pgPool,
  crontab: CRONTAB,
  taskList: { refresh, join },
  // One run is all that a machine needs: it walks six collections at once.
  concurrency: 1,
  // What is under way is given up at once, since the next run goes on there.
  gracefulShutdownAbortTimeout: 0,
  noHandleSignals: true,
})
const stop = new AbortController()
stop.signal.addEventListener('abort', () => runner.stop('a signal'))
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stop.abort())
if (bundled)
  console.log(
    `more machines: DATABASE_URL=${connectionString} RELAY=${bundled.url} GARDEN=${bundled.gardenUrl}`,
  )
// A machine that comes up helps with what is under way, and the very first one begins.
await callForHelp(runner)
await runner.promise
await pgPool.end()

/** Walks what was completed before this job was made, once: also when it is tried again, and on every machine that joins. */
async function refresh(_payload: unknown, helpers: JobHelpers): Promise<void> {
  // By the database's clock, as the times of the progress are.
  await backfill(helpers, helpers.job.created_at)
}

/** Takes part in what is open. What was given up is for the refresh to try again, after a pause. */
async function join(_payload: unknown, helpers: JobHelpers): Promise<void> {
  const rows = await store.progress.list({ relay: lister.relay })
  const isOpen = rows.some(({ state }) => state === 'pending' || state === 'running')
  if (isOpen || rows.length === 0) await backfill(helpers)
}

async function backfill(helpers: JobHelpers, refreshBefore?: Date): Promise<void> {
  let called: Promise<unknown> | undefined
  const backfiller = createBackfiller({
    relay: lister,
    collections: [garden, store.observed],
    store,
    refreshBefore,
    leaseMs: Number(LEASE_MS),
    signal: helpers.abortSignal,
    onEvent({ type }) {
      if (type !== 'collectionStarted') return undefined
      called ??= callForHelp(helpers)
      return called
    },
  })
  for await (const { collection, pages: page, imported, completed } of backfiller) {
    console.log(`${collection}: page ${page}, ${imported} repos${completed ? ', complete' : ''}`)
  }
}

/**
 * While there is work, one job more waits than machines are working, for the next one that is free or comes up. So it does
 * not matter that graphile-worker keeps the job of a machine that died locked for four hours: its collections are claimed
 * by others once their lease has run out, and the job itself finds nothing left to do.
 */
async function callForHelp({ addJob }: Pick<JobHelpers, 'addJob'>): Promise<void> {
  await addJob('join', {}, { jobKey: 'join', maxAttempts: 10 })
}

function startBundledRelay() {
  const collections = {
    'app.bsky.actor.profile': 60_000,
    'app.bsky.feed.post': 50_000,
    'app.bsky.feed.like': 40_000,
    'com.whtwnd.blog.entry': 700,
  }
  // A page of a real relay takes about as long.
  return startRelay({ collections, latencyMs: 140 })
}
