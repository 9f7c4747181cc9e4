import { type Kysely, sql } from 'kysely'
import type {
  FeedAccount,
  FeedAccounts,
  FeedStore,
  NewcomerPage,
  NewcomerPositions,
  NewcomersRequest,
  RepoToLookUp,
} from '../contracts/feed-store.ts'
import type { IndexPageRequest } from '../contracts/repo-index.ts'
import { pageLimit } from '../util/page-limit.ts'
import { epochMs, jsonRow, msUntil, rowOf } from './json-row.ts'
import { applyFeedBatch } from './kysely-feed-batch.ts'
import { readOnce, storable } from './reading.ts'
import { type BackfillDatabase, backfillTables, databaseOf, type SchemaOptions } from './schema.ts'
import { inTransaction, namingErrors, ownTransaction, statement } from './transaction.ts'

type Tables = Kysely<BackfillDatabase>
type Signal = AbortSignal | undefined

/**
 * What a live feed keeps on Postgres, PGlite or a database that speaks their SQL. Run `migrateToLatest(db)` first. The
 * Kysely stays the caller's: it is never closed here.
 */
export function kyselyFeedStore<Database>(db: Kysely<Database>, options: SchemaOptions = {}): FeedStore {
  const tables = backfillTables(db, options)
  const database = databaseOf(db)
  return {
    database,
    async apply(batch, { transaction, signal } = {}) {
      signal?.throwIfAborted()
      if (transaction === undefined)
        return statement(() => inTransaction(tables, (own) => applyFeedBatch(own, batch, options)))
      // A failed statement ends the whole transaction, so only its owner can repeat it.
      const given = backfillTables(ownTransaction(database, transaction), options)
      return namingErrors(() => applyFeedBatch(given, batch, options))
    },
    followedSince: (feed, { signal } = {}) => followedSince(tables, feed, signal),
    listAccounts: (request = {}) => listAccounts(tables, request),
    accountsOf: (dids, { signal } = {}) => accountsOf(tables, dids, signal),
    positions: ({ signal } = {}) => positions(tables, signal),
    newcomers: (collection, request) => newcomersOf(tables, collection, request),
    listToLookUp: (request = {}) => listToLookUp(tables, request),
  }
}

async function followedSince(tables: Tables, feed: string, signal: Signal): Promise<Date | undefined> {
  const query = tables
    .selectFrom('collection_feed_followed')
    .select(jsonRow<{ since: number }>({ since: epochMs(sql.ref('since')) }))
    .where('feed', '=', feed)
  const [row] = await readOnce(query, signal)
  return row && new Date(Number(rowOf(row).since))
}

type AccountRow = { [Name in keyof FeedAccount]-?: Exclude<FeedAccount[Name], undefined> | null }

const ACCOUNT = jsonRow<AccountRow>({
  did: sql.ref('did'),
  active: sql.ref('active'),
  status: sql.ref('status'),
  rev: sql.ref('rev'),
  head: sql.ref('head'),
})

function accountOf({ did, active, status, rev, head }: AccountRow): FeedAccount {
  return {
    did: String(did),
    active: active === true,
    ...(status !== null && { status }),
    ...(rev !== null && { rev }),
    ...(head !== null && { head }),
  }
}

async function listAccounts(tables: Tables, request: IndexPageRequest): Promise<FeedAccounts> {
  const limit = pageLimit(request)
  const query = tables
    .selectFrom('collection_feed_account')
    .select(ACCOUNT)
    .where('did', '>', storable(request.cursor))
    .orderBy('did')
    .limit(limit + 1)
  const rows = (await readOnce(query, request.signal)).map((row) => accountOf(rowOf(row)))
  const accounts = rows.slice(0, limit)
  return rows.length > limit ? { accounts, cursor: accounts.at(-1)?.did } : { accounts }
}

async function accountsOf(tables: Tables, dids: readonly string[], signal: Signal): Promise<FeedAccount[]> {
  if (dids.length === 0) return []
  const query = tables
    .selectFrom('collection_feed_account')
    .select(ACCOUNT)
    .where(sql<boolean>`did = any (${[...dids]}::text[])`)
  return (await readOnce(query, signal)).map((row) => accountOf(rowOf(row)))
}

async function positions(tables: Tables, signal: Signal): Promise<NewcomerPositions> {
  const query = tables.selectFrom('collection_feed_counts').select(
    jsonRow<NewcomerPositions>({
      series: sql.ref('series'),
      latest: sql.ref('latest'),
      forgotten: sql.ref('forgotten'),
    }),
  )
  const [row] = await readOnce(query, signal)
  const { series, latest, forgotten } =
    row === undefined ? { series: '', latest: 0, forgotten: 0 } : rowOf(row)
  return { series, latest: Number(latest), forgotten: Number(forgotten) }
}

/** In two steps: the pairs may be on other machines than what the feed keeps. */
async function newcomersOf(
  tables: Tables,
  collection: string,
  request: NewcomersRequest,
): Promise<NewcomerPage> {
  const limit = pageLimit(request)
  const { after, upTo, signal } = request
  const query = tables
    .selectFrom('collection_feed_newcomer')
    .select(
      jsonRow<{ id: number; did: string; position: number }>({
        id: sql.ref('collection_id'),
        did: sql.ref('did'),
        position: sql.ref('position'),
      }),
    )
    .where('collection_id', '=', ({ selectFrom }) =>
      selectFrom('collection_index_nsid').select('id').where('nsid', '=', collection),
    )
    .where(sql<boolean>`position > ${after}::bigint and position <= ${upTo}::bigint`)
    .orderBy('position')
    .limit(limit)
  const rows = (await readOnce(query, signal)).map(rowOf)
  const held = await heldOf(tables, rows, signal)
  const newcomers = rows
    .filter(({ did }) => held.has(did))
    .map(({ did, position }) => ({ did, position: Number(position) }))
  return { newcomers, readUpTo: rows.length < limit ? upTo : Number(rows.at(-1)?.position) }
}

/** Which of these pairs, all of one collection, the index holds. */
async function heldOf(
  tables: Tables,
  rows: readonly { readonly id: number; readonly did: string }[],
  signal: Signal,
): Promise<ReadonlySet<string>> {
  const [first] = rows
  if (first === undefined) return new Set()
  const query = tables
    .selectFrom('collection_index_pair')
    .select(jsonRow<{ did: string }>({ did: sql.ref('did') }))
    .where('collection_id', '=', first.id)
    .where(sql<boolean>`did = any (${rows.map(({ did }) => did)}::text[])`)
  return new Set((await readOnce(query, signal)).map((row) => rowOf(row).did))
}

async function listToLookUp(
  tables: Tables,
  request: { limit?: number | undefined; signal?: Signal },
): Promise<RepoToLookUp[]> {
  const query = tables
    .selectFrom('collection_feed_to_look_up as noted')
    .leftJoin('collection_feed_account as account', 'account.did', 'noted.did')
    .select(
      jsonRow<{ did: string; note: number; rev: string | null; wait: number | null }>({
        did: sql.ref('noted.did'),
        note: sql.ref('noted.note'),
        rev: sql.ref('account.rev'),
        wait: msUntil(sql.ref('noted.due')),
      }),
    )
    .orderBy('noted.due', (order) => order.asc().nullsFirst())
    .orderBy('noted.place')
    .limit(pageLimit(request))
  const rows = (await readOnce(query, request.signal)).map(rowOf)
  return rows.map(({ did, note, rev, wait }) => ({
    did,
    note: Number(note),
    ...(rev !== null && { rev }),
    ...(Number(wait) > 0 && { retryInMs: Number(wait) }),
  }))
}
