import { type Kysely, sql } from 'kysely'
import type { CollectionIndex, RepoCollections } from '../contracts/opened-store.ts'
import type { IndexedCollections, IndexedRepos, IndexPageRequest } from '../contracts/repo-index.ts'
import { NotIndexedError } from '../util/not-indexed-error.ts'
import { pageLimit } from '../util/page-limit.ts'
import { wholeNumber } from '../util/validate-options.ts'
import { estimatesOf, type ReadEstimates } from './collection-estimates.ts'
import { hasDidIndex } from './did-index.ts'
import { jsonRow, rowOf } from './json-row.ts'
import { asking, readOnce, storable } from './reading.ts'
import { pairsOf, repoPagesOf } from './repo-pages.ts'
import { type BackfillDatabase, backfillTables, type SchemaOptions, tableName } from './schema.ts'

/**
 * The index on Postgres, PGlite or a database that speaks their SQL. Run `migrateToLatest(db)` first. The Kysely stays
 * the caller's: it is never closed here.
 *
 * Each page is answered from the pairs' primary key, in the same time wherever it is in the list: its cursor is its
 * last DID.
 *
 * `listCollections` tells collections under 100 repos exactly. For a larger one it takes the larger of what the planner
 * knows since the last ANALYZE and of what the largest walk of it has imported; where there is neither, 100, its least.
 * The planner knows from a sample: of 5.3 million pairs, it was 2 % off for the largest collection and 68 % for one of
 * 4,009 repos. `countRepos` counts.
 */
export function collectionIndex<Database>(
  db: Kysely<Database>,
  options: SchemaOptions = {},
): CollectionIndex {
  const tables = backfillTables(db, options)
  const repos = repoPagesOf(tables)
  const askFor = asking(tables, pairsOf(tables, '').select('did').where('did', '=', ''))
  const readEstimates = estimatesOf(tables, options)
  return {
    listRepos: (collection, request = {}) => repos.list(collection, request),
    listReposJson: (collection, request = {}) => repos.json(collection, request),
    listAllRepos: (request = {}) => listAllRepos(tables, options, request),
    listCollections: (request = {}) => listCollections(readEstimates, request),
    countRepos: (collection, { signal } = {}) => countRepos(tables, collection, signal),
    collectionsOf: (did, request = {}) => collectionsOf(tables, options, did, request),
    has: async (collection, did, { signal } = {}) => (await askFor([collection, did], signal)).length > 0,
    remove: (collection, dids, { signal } = {}) => remove(tables, collection, dids, signal),
    removeRepo: (did, { signal } = {}) => removeRepo(tables, options, did, signal),
  }
}

type Tables = Kysely<BackfillDatabase>

const BUILD_IT =
  "Run `await createDidIndex(db)` from 'atproto-collection-backfill/kysely' once, after the import, with the same `schema`."

/** The largest `integer` of Postgres. */
const MAX_COLLECTION_ID = 2 ** 31 - 1

/** The index by DID has each DID as often as it has collections, side by side. */
async function listAllRepos(
  tables: Tables,
  options: SchemaOptions,
  request: IndexPageRequest,
): Promise<IndexedRepos> {
  const limit = pageLimit(request)
  const { cursor, signal } = request
  const after = storable(cursor)
  await mustHaveDidIndex(tables, options, signal)
  const page = tables
    .selectFrom('collection_index_pair')
    .select('did')
    .where('did', '>', after)
    .groupBy('did')
    .orderBy('did')
    .limit(limit + 1)
  const list = tables
    .selectFrom(page.as('page'))
    .select(jsonRow<{ dids: string[] | null }>({ dids: sql`json_agg(did order by did)` }))
  const [row] = await readOnce(list, signal)
  const dids = (row && rowOf(row).dids) ?? []
  return dids.length > limit ? { dids: dids.slice(0, limit), cursor: dids[limit - 1] } : { dids }
}

async function mustHaveDidIndex(
  tables: Tables,
  options: SchemaOptions,
  signal: AbortSignal | undefined,
): Promise<void> {
  const isThere = await readOnce({ execute: () => hasDidIndex(tables, options) }, signal)
  if (!isThere) throw new NotIndexedError(BUILD_IT)
}

async function listCollections(
  readEstimates: ReadEstimates,
  request: IndexPageRequest,
): Promise<IndexedCollections> {
  const limit = pageLimit(request)
  const after = storable(request.cursor)
  const page = { execute: () => readEstimates(after, limit + 1) }
  const rows = await readOnce(page, request.signal)
  const known = rows.slice(0, limit)
  // The dictionary keeps the names of collections that have lost their last repo.
  const collections = known.filter(({ estimatedRepos }) => estimatedRepos > 0)
  return rows.length > limit ? { collections, cursor: known.at(-1)?.nsid } : { collections }
}

async function countRepos(
  tables: Tables,
  collection: string,
  signal: AbortSignal | undefined,
): Promise<number> {
  const count = pairsOf(tables, collection).select(jsonRow<{ repos: number }>({ repos: sql`count(*)` }))
  const [row] = await readOnce(count, signal)
  return row === undefined ? 0 : Number(rowOf(row).repos)
}

/** By the collection's number and not by its name, as the index by DID has them. */
async function collectionsOf(
  tables: Tables,
  options: SchemaOptions,
  did: string,
  request: IndexPageRequest,
): Promise<RepoCollections> {
  const limit = pageLimit(request)
  const { cursor = '0', signal } = request
  const after = wholeNumber('cursor', Number(cursor), 0, MAX_COLLECTION_ID)
  await mustHaveDidIndex(tables, options, signal)
  const page = tables
    .selectFrom('collection_index_pair as pair')
    .innerJoin('collection_index_nsid as known', 'known.id', 'pair.collection_id')
    .select(jsonRow<{ id: number; nsid: string }>({ id: sql.ref('known.id'), nsid: sql.ref('known.nsid') }))
    .where('pair.did', '=', did)
    .where('pair.collection_id', '>', after)
    .orderBy('pair.collection_id')
    .limit(limit + 1)
  const rows = (await readOnce(page, signal)).map(rowOf)
  const collections = rows.slice(0, limit).map(({ nsid }) => nsid)
  return rows.length > limit ? { collections, cursor: String(rows[limit - 1]?.id) } : { collections }
}

async function remove(
  tables: Tables,
  collection: string,
  dids: string | readonly string[],
  signal: AbortSignal | undefined,
): Promise<{ removed: number }> {
  const gone = typeof dids === 'string' ? [dids] : [...dids]
  if (gone.length === 0) return { removed: 0 }
  const removal = tables
    .deleteFrom('collection_index_pair')
    .where('collection_id', '=', ({ selectFrom }) =>
      selectFrom('collection_index_nsid').select('id').where('nsid', '=', collection),
    )
    .where(sql<boolean>`did = any (${gone}::text[])`)
  const [result] = await readOnce(removal, signal)
  return { removed: Number(result?.numDeletedRows ?? 0) }
}

/** Naming the numbers lets the primary key answer where there is no index by DID, and the lesser of two evils win. */
async function removeRepo(
  tables: Tables,
  options: SchemaOptions,
  did: string,
  signal: AbortSignal | undefined,
): Promise<{ removed: number }> {
  const removal = sql`
    delete from ${tableName('collection_index_pair', options)}
    where did = ${did} and collection_id = any (array (select id from ${tableName('collection_index_nsid', options)}))
  `
  const { numAffectedRows = 0n } = await readOnce({ execute: () => removal.execute(tables) }, signal)
  return { removed: Number(numAffectedRows) }
}
