import {
  type Backfiller,
  createBackfiller,
  IncompleteError,
  knownCollections,
  type RelayListerOptions,
  type RepoLister,
  relayLister,
} from '../../src/index.ts'
import { kyselyIndexSink, kyselyProgressStore, migrateToLatest } from '../../src/kysely/index.ts'
import { startRelay, type TestRelay, type TestRelayOptions } from '../../src/testing/index.ts'
import { type MoreOptions, withMore } from './backfill-set-up.ts'
import { type CheckOptions, check, recordProgress, type Served, type Verdict } from './checker.ts'
import { createPostgres, type TestKysely, type TestPostgres } from './databases.ts'
import { PROFILE, quick } from './e2e.ts'

/** So many DIDs are in a page, unless a test says otherwise. */
export const PAGE = 10

/** A relay, an empty database that records what becomes of its progress rows, and backfills from the one to the other. */
export interface FaultRun extends AsyncDisposable {
  readonly postgres: TestPostgres
  readonly db: TestKysely
  readonly relay: TestRelay
  lister(options?: RelayListerOptions): RepoLister
  start(options?: MoreOptions): Backfiller
  /** The verdict on everything so far: see `check`. */
  check(options?: Partial<CheckOptions>): Promise<Verdict>
}

/** @param onServer a Postgres of the test's own, in place of the suite's */
export async function setUp(options: TestRelayOptions, onServer?: string): Promise<FaultRun> {
  const postgres = await createPostgres(onServer)
  const { db } = postgres
  await migrateToLatest(db)
  await recordProgress(db)
  const relay = await startRelay({ ...options, collections: { [PROFILE]: 1, ...options.collections } })
  const walked = Object.keys(options.collections)
  const lister = (more: RelayListerOptions = {}) => relayLister(relay.url, { pageSize: PAGE, ...more })
  return {
    postgres,
    db,
    relay,
    lister,
    start: (more) =>
      createBackfiller(
        withMore(
          {
            relay: lister(),
            collections: [knownCollections(walked)],
            store: { sink: kyselyIndexSink(db), progress: kyselyProgressStore(db) },
            retry: quick,
            maxAttempts: 2,
          },
          more,
        ),
      ),
    check: (more = {}) => check({ progress: db, relays: [relay], ...more }),
    async [Symbol.asyncDispose]() {
      await relay[Symbol.asyncDispose]()
      await postgres[Symbol.asyncDispose]()
    },
  }
}

/** A relay whose list of one collection is another one than it holds: what its script makes of it. */
export function serving(relay: TestRelay, lists: Readonly<Record<string, readonly string[]>>): Served {
  const { url, collections, cursorAt } = relay
  return { url, collections, cursorAt, dids: (collection) => lists[collection] ?? relay.dids(collection) }
}

/** What a promise rejects with. */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  )
}

/** The collections that a run could not complete, each with the last error. */
export async function failuresOf(run: Promise<unknown>): Promise<Record<string, string>> {
  const error = await rejection(run)
  if (!(error instanceof IncompleteError))
    throw new Error(`not an IncompleteError: ${error}`, { cause: error })
  return Object.fromEntries(error.failures.map(({ collection, lastError }) => [collection, lastError]))
}
