/**
 * One of several processes that share the work: a backfill whose options are in the first line of stdin. It says what
 * happens in lines of JSON on stdout, ends with 0 when everything is complete, and with stdin, so that it never
 * outlives the process that started it.
 */
import { type BackfillStore, createBackfiller, knownCollections, relayLister } from '../../src/index.ts'
import { openPostgres } from '../../src/postgres/index.ts'
import { openSqlite } from '../../src/sqlite/index.ts'
import { listenTo } from '../support/listen-to.ts'
import { codeOf, runChild, sayLine } from './child.ts'
import { REQUEST_TIMEOUT_MS } from './relay-faults.ts'
import { unfenced } from './unfenced.ts'
import { PAGE_SIZE } from './work.ts'
import { LEASE_MS, type WorkerLine, type WorkerOptions } from './worker-lines.ts'

const say = (line: WorkerLine) => sayLine(line)

async function walkAll(options: WorkerOptions): Promise<void> {
  const { name, databaseUrl, fence } = options
  if (!databaseUrl.startsWith('postgres:')) {
    await using file = await openSqlite(databaseUrl)
    return await walkOn(file, options)
  }
  await using store = await openPostgres(databaseUrl, { applicationName: name })
  await walkOn({ sink: store.sink, progress: fence === 'on' ? store.progress : unfenced(store) }, options)
}

async function walkOn(store: BackfillStore, { name, relayUrl, collections }: WorkerOptions): Promise<void> {
  const known = Object.entries(collections).map(([nsid, estimatedRepos]) => ({ nsid, estimatedRepos }))
  /** The pages of the last commit of each collection whose events are still to come. */
  const unsaid = new Map<string, number>()
  const backfiller = createBackfiller({
    relay: relayLister(relayUrl, {
      pageSize: PAGE_SIZE,
      timeoutMs: REQUEST_TIMEOUT_MS,
      userAgent: name,
    }),
    collections: [knownCollections(known)],
    store,
    leaseMs: LEASE_MS,
    retry: { retries: 4, minDelayMs: 20, maxDelayMs: 1200 },
    maxAttempts: 20,
    onEvent: listenTo({
      page: ({ collection, pages }) => unsaid.set(collection, pages),
      claimLost: () => say({ event: 'claim lost' }),
      collectionFailed: ({ error }) => say({ event: 'collection failed', code: codeOf(error) }),
      storeUnavailable: () => say({ event: 'store unavailable' }),
    }),
  })
  for await (const { collection, pages: page, cursor } of backfiller) {
    const left = (unsaid.get(collection) ?? 0) - 1
    unsaid.set(collection, left)
    say({ event: 'page', collection, pages: page, cursor, saved: left === 0 })
  }
}

runChild<WorkerOptions>(walkAll, (error) =>
  say({
    event: 'ended',
    code: codeOf(error),
    error: error instanceof Error ? (error.stack ?? error.message) : String(error),
  }),
)
