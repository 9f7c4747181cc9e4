import { type CompiledQuery, type Kysely, sql } from 'kysely'
import type { IndexedRepos, IndexPageRequest, ServedRepos } from '../contracts/repo-index.ts'
import { pageLimit } from '../util/page-limit.ts'
import { joinedReposJson, reposJson } from '../util/repos-json.ts'
import { type JsonRow, jsonRow, rowOf } from './json-row.ts'
import { readOnce, storable } from './reading.ts'
import type { BackfillDatabase } from './schema.ts'

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
  // Made once: to put the words of a statement together takes as long as a tenth of a page.
  const joinedPage = pageStatement<Joined>(tables, {
    dids: sql`string_agg(did, ',' order by did)`,
    repos: sql`count(*)`,
  })
  const listedPage = pageStatement<{ dids: string[] | null }>(tables, {
    dids: sql`json_agg(did order by did)`,
  })

  async function ask<Row extends object>(
    statement: CompiledQuery<JsonRow<Row>>,
    collection: string,
    { cursor, limit, signal }: IndexPageRequest & { limit: number },
  ): Promise<Row> {
    const parameters = [collection, storable(cursor), limit + 1]
    const execute = () => tables.executeQuery({ ...statement, parameters })
    const { rows } = await readOnce({ execute }, signal)
    return rowOf(rows[0] as JsonRow<Row>)
  }

  /** A list of texts takes twice the time of one text. It is for entries that are no DIDs: they may hold a comma. */
  async function listed(collection: string, request: IndexPageRequest & { limit: number }) {
    return (await ask(listedPage, collection, request)).dids ?? []
  }

  return {
    async list(collection, request) {
      const limit = pageLimit(request)
      const { dids, repos } = await ask(joinedPage, collection, { ...request, limit })
      const split = dids?.split(',') ?? []
      const all = split.length === repos ? split : await listed(collection, { ...request, limit })
      return all.length > limit ? { dids: all.slice(0, limit), cursor: all[limit - 1] } : { dids: all }
    },

    async json(collection, request) {
      const limit = pageLimit(request)
      const { dids: all, repos } = await ask(joinedPage, collection, { ...request, limit })
      const isLast = repos <= limit
      const dids = (isLast ? all : all?.slice(0, all.lastIndexOf(','))) ?? ''
      const json = joinedReposJson(dids, Math.min(repos, limit))
      if (json === undefined) {
        const page = await this.list(collection, request)
        return { json: reposJson(page.dids), cursor: page.cursor }
      }
      return isLast ? { json } : { json, cursor: dids.slice(dids.lastIndexOf(',') + 1) }
    },
  }
}

/** Its parameters are the collection, the DID before the page, and the most repos. */
function pageStatement<Row extends object>(
  tables: Kysely<BackfillDatabase>,
  columns: Parameters<typeof jsonRow<Row>>[0],
): CompiledQuery<JsonRow<Row>> {
  const page = tables
    .selectFrom('collection_index_pair')
    .where('collection_id', '=', ({ selectFrom }) =>
      // The number is looked up in the statement itself: a collection that is not known has none, and no pairs.
      selectFrom('collection_index_nsid').select('id').where('nsid', '=', ''),
    )
    .select('did')
    .where('did', '>', '')
    .orderBy('did')
    .limit(0)
  return tables.selectFrom(page.as('page')).select(jsonRow<Row>(columns)).compile() as CompiledQuery<
    JsonRow<Row>
  >
}
