// Fills an index in Postgres through a Kysely of your own. Stop it with Ctrl-C or `kill -9` and start it again: it resumes.
//
//   DATABASE_URL   the database; without it, a Postgres of its own in ./.backfill-postgres
//   RELAY          the relay; without it, a bundled one on RELAY_PORT (2584), the same each time, since progress is kept by relay
import {
  type CollectionSource,
  createBackfiller,
  lexiconGarden,
  type PageEvent,
  relayLister,
} from 'atproto-collection-backfill'
import {
  type BackfillDatabase,
  kyselyIndexSink,
  kyselyProgressStore,
  migrateToLatest,
  observedCollections,
} from 'atproto-collection-backfill/kysely'
import { startRelay } from 'atproto-collection-backfill/testing'
import { Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'
import { startLocalPostgres } from './support/local-postgres.ts'

/** Your own tables beside those of the backfill. */
interface Database extends BackfillDatabase {
  example_account: { did: string }
}

const stop = new AbortController()
process.once('SIGINT', () => stop.abort())

const { DATABASE_URL, RELAY, RELAY_PORT = '2584' } = process.env
await using server = DATABASE_URL ? undefined : await startLocalPostgres('.backfill-postgres')
await using bundled = RELAY ? undefined : await startBundledRelay(Number(RELAY_PORT))
await using db = openKysely(server?.url ?? DATABASE_URL)

try {
  await migrateToLatest(db)
  await backfill(bundled?.url ?? RELAY ?? '', bundled && lexiconGarden({ url: bundled.gardenUrl }))
  await readIndex()
} catch (error) {
  if (stop.signal.aborted) console.log('Stopped. The next start resumes here.')
  else console.error(error instanceof Error ? error.message : error)
  process.exitCode = stop.signal.aborted ? 130 : 1
}

/** What `openPostgres(url)` does, on a pool and with tables of your own. */
function openKysely(connectionString: string | undefined): Kysely<Database> {
  const pool = new pg.Pool({
    connectionString,
    keepAlive: true,
    statement_timeout: 30_000,
    query_timeout: 40_000,
    lock_timeout: 20_000,
    idle_in_transaction_session_timeout: 10_000,
  })
  // The pool replaces a connection that breaks, idle or lent; without listeners, its error would end the process.
  pool.on('error', () => {})
  pool.on('connect', (client) => client.on('error', () => {}))
  return new Kysely<Database>({ dialect: new PostgresDialect({ pool }) })
}

async function backfill(relay: string, garden: CollectionSource = lexiconGarden()): Promise<void> {
  const backfiller = createBackfiller({
    relay: relayLister(relay),
    collections: [garden, observedCollections(db)],
    store: { sink: kyselyIndexSink(db), progress: kyselyProgressStore(db) },
    // So long do a killed run's collections stay taken.
    leaseMs: 3_000,
    signal: stop.signal,
    onEvent: (event) => event.type === 'sourceFailed' && console.error(event.source, event.error),
  })
  const { complete, total, imported } = await backfiller.status()
  if (total > 0) console.log(`resuming: ${complete} of ${total} collections done, ${imported} pairs`)
  for await (const page of backfiller) console.log(lineOf(page))
  console.log('complete')
}

function lineOf({ collection, pages: page, dids, added, imported, completed }: PageEvent): string {
  const end = completed ? ', complete' : ''
  return `${collection}: page ${page}, ${dids.length} repos, ${added} new, ${imported} so far${end}`
}

/** The index is two tables and a view, to be joined with your own. */
async function readIndex(): Promise<void> {
  const sizes = await db
    .selectFrom('collection_index')
    .select((eb) => ['collection', eb.fn.countAll<string>().as('repos')])
    .groupBy('collection')
    .orderBy('repos', 'desc')
    .limit(10)
    .execute()
  console.table(sizes)

  await db.schema
    .createTable('example_account')
    .ifNotExists()
    .addColumn('did', 'text', (column) => column.primaryKey())
    .execute()
  await db
    .insertInto('example_account')
    .expression(db.selectFrom('collection_index').select('did').distinct().orderBy('did').limit(3))
    .onConflict((conflict) => conflict.doNothing())
    .execute()
  const ours = await db
    .selectFrom('example_account')
    .innerJoin('collection_index', 'collection_index.did', 'example_account.did')
    .select((eb) => ['example_account.did', eb.fn.countAll<string>().as('collections')])
    .groupBy('example_account.did')
    .orderBy('example_account.did')
    .execute()
  console.table(ours)
}

function startBundledRelay(port: number) {
  const collections = {
    'app.bsky.actor.profile': 60_000,
    'app.bsky.feed.post': 50_000,
    'app.bsky.feed.like': 40_000,
    'com.whtwnd.blog.entry': 700,
    'app.bsky.actor.getProfile': 0,
  }
  // A page of a real relay takes about as long.
  return startRelay({ collections, port, latencyMs: 140 })
}
