import { type Kysely, type SelectQueryBuilder, sql } from 'kysely'
import type { IndexedRepos, IndexPageRequest, ServedRepos } from '../contracts/repo-index.ts'
import { pageLimit } from '../util/page-limit.ts'
import { joinedReposJson, reposJson } from '../util/repos-json.ts'
import { type JsonRow, jsonRow, rowOf } from './json-row.ts'
import { asking, storable } from './reading.ts'
import type { BackfillDatabase } from './schema.ts'

type PairsOf = SelectQueryBuilder<BackfillDatabase, 'collection_index_pair', object>

/** The repos of a collection, page by page. */
export interface RepoPages {
  list(collection: string, request: IndexPageRequest): Promise<IndexedRepos>
  json(collection: string, request: IndexPageRequest): Promise<ServedRepos>
}

/** A page as the database gives it: its DIDs with commas between them, and one more when there are more. */
interface Joined {
  dids: string | null
  repos: number
}

export function repoPagesOf(tables: Kysely<BackfillDatabase>): RepoPages {
  const askForJoined = askingForPage<Joined>(tables, {
    dids: sql`string_agg(did, ',' order by did)`,
    repos: sql`count(*)`,
  })
  const askForList = askingForPage<{ dids: string[] | null }>(tables, {
    dids: sql`json_agg(did order by did)`,
  })

  async function list(collection: string, request: IndexPageRequest): Promise<IndexedRepos> {
    const limit = pageLimit(request)
    const { dids, repos } = await askForJoined(collection, request, limit + 1)
    const split = dids?.split(',') ?? []
    // A list of texts takes twice the time of one text. It is for entries that are no DIDs: they may hold a comma.
    const all = split.length === repos ? split : (await askForList(collection, request, limit + 1)).dids
    if (all === null || all.length <= limit) return { dids: all ?? [] }
    return { dids: all.slice(0, limit), cursor: all[limit - 1] }
  }

  async function json(collection: string, request: IndexPageRequest): Promise<ServedRepos> {
    const limit = pageLimit(request)
    const { dids: all, repos } = await askForJoined(collection, request, limit + 1)
    const isLast = repos <= limit
    const dids = (isLast ? all : all?.slice(0, all.lastIndexOf(','))) ?? ''
    const served = joinedReposJson(dids, Math.min(repos, limit))
    if (served === undefined) {
      const page = await list(collection, request)
      return { json: reposJson(page.dids), cursor: page.cursor }
    }
    return isLast ? { json: served } : { json: served, cursor: dids.slice(dids.lastIndexOf(',') + 1) }
  }

  return { list, json }
}

function askingForPage<Row extends object>(
  tables: Kysely<BackfillDatabase>,
  columns: Parameters<typeof jsonRow<Row>>[0],
) {
  const page = pairsOf(tables, '').select('did').where('did', '>', '').orderBy('did').limit(0)
  const ask = asking(tables, tables.selectFrom(page.as('page')).select(jsonRow<Row>(columns)))
  return async (collection: string, { cursor, signal }: IndexPageRequest, most: number): Promise<Row> => {
    const [row] = await ask([collection, storable(cursor), most], signal)
    return rowOf(row as JsonRow<Row>)
  }
}

/** The number is looked up in the statement itself: a collection that is not known has none, and no pairs. */
export function pairsOf(tables: Kysely<BackfillDatabase>, collection: string): PairsOf {
  return tables
    .selectFrom('collection_index_pair')
    .where('collection_id', '=', ({ selectFrom }) =>
      selectFrom('collection_index_nsid').select('id').where('nsid', '=', collection),
    )
}
