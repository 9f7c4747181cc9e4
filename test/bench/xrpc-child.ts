/**
 * A server of one index over XRPC: the library's handler, or the least that gives the same bytes from the same pairs. It
 * says its port. Its options are in the first line of stdin.
 */
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { DatabaseSync } from 'node:sqlite'
import { getRequestListener } from '@hono/node-server'
import { openPostgres } from '../../src/postgres/index.ts'
import { xrpcHandler } from '../../src/server/xrpc/xrpc-handler.ts'
import { openSqlite } from '../../src/sqlite/index.ts'
import { openPool } from '../support/pool.ts'
import { parent } from './child.ts'

export interface XrpcServerOptions {
  readonly store: 'Postgres' | 'SQLite'
  readonly handler: 'ours' | 'bare'
  /** A URL or a file. */
  readonly place: string
}

/** As many as the library's own pool has. */
const CONNECTIONS = 10

const PIECE = '"},{"did":"'

interface BarePage {
  /** The DIDs, with what JSON has between them. */
  readonly text: string | null
  readonly repos: number
}

type BareQuery = (collection: string, after: string, limit: number) => Promise<BarePage>

/** One statement that is prepared, with the page as one text. */
function barePostgres(url: string): BareQuery {
  const pool = openPool({ connectionString: url, max: CONNECTIONS })
  const text = `select string_agg(did, '${PIECE}' order by did) as text, count(*)::int as repos from (
    select did from collection_index_pair
    where collection_id = (select id from collection_index_nsid where nsid = $1) and did > $2
    order by did limit $3) as page`
  return async (...values) => {
    const { rows } = await pool.query<BarePage>({ name: 'page', text, values })
    return rows[0] as BarePage
  }
}

/** On a table as one would make it by hand, with DIDs as they are read. */
function bareSqlite(file: string): BareQuery {
  const database = new DatabaseSync(`${file}.bare`, { readOnly: true })
  database.exec('pragma cache_size = -16384')
  const page = database.prepare(`select group_concat(did, '${PIECE}') as text, count(*) as repos from (
    select did from pairs where collection = ?1 and did > ?2 order by did limit ?3)`)
  return async (...values) => page.get(...values) as unknown as BarePage
}

/** What the lexicon asks for, without a check of anything. */
function bareListener(query: BareQuery): RequestListener {
  return async (request, response) => {
    const { searchParams } = new URL(request.url ?? '', 'http://localhost')
    const collection = searchParams.get('collection') ?? ''
    const limit = Number(searchParams.get('limit'))
    const after = Buffer.from(searchParams.get('cursor') ?? '', 'base64url').toString()
    const { text, repos } = await query(collection, after, limit)
    const list = text === null ? '[]' : `[{"did":"${text}"}]`
    const last = text?.slice(text.lastIndexOf('"') + 1) ?? ''
    const cursor = repos < limit ? '' : `,"cursor":"${Buffer.from(last).toString('base64url')}"`
    const body = Buffer.from(`{"repos":${list}${cursor}}`)
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length }).end(body)
  }
}

async function listenerOf({ store, handler, place }: XrpcServerOptions): Promise<RequestListener> {
  if (handler === 'bare') return bareListener(store === 'Postgres' ? barePostgres(place) : bareSqlite(place))
  const opened = store === 'Postgres' ? await openPostgres(place) : await openSqlite(place)
  return getRequestListener(
    xrpcHandler({ index: opened.index, onError: ({ error }) => console.error(error) }),
  )
}

const { hear, say } = parent()
const server = createServer(await listenerOf((await hear<XrpcServerOptions>()) as XrpcServerOptions))
await once(server.listen(0, '127.0.0.1'), 'listening')
say((server.address() as AddressInfo).port)
