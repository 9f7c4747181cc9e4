/**
 * A server of one index over XRPC: the library's handler, or the least that gives the same bytes from the same pairs. It
 * says its port. Its options are in the first line of stdin; told to write, it writes into the same store from then on,
 * as `serve` does, and asked how much, it says how many pairs that were.
 */
import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { DatabaseSync } from 'node:sqlite'
import { getRequestListener } from '@hono/node-server'
import { serveRoutes } from '../../src/cli/serve/serve-routes.ts'
import { startWebServer } from '../../src/cli/web-server.ts'
import type { OpenedStore } from '../../src/contracts/opened-store.ts'
import { createBackfiller } from '../../src/index.ts'
import { openPostgres } from '../../src/postgres/index.ts'
import { xrpcAnswers, xrpcHandler } from '../../src/server/xrpc/xrpc-handler.ts'
import { openSqlite } from '../../src/sqlite/index.ts'
import { openPool } from '../support/pool.ts'
import { parent } from './child.ts'
import { bareFile, ENDLESS, endlessLister, WALKS } from './xrpc-pairs.ts'

export interface XrpcServerOptions {
  readonly store: 'Postgres' | 'SQLite'
  /** `serve`: ours, as the command line serves it. */
  readonly handler: 'ours' | 'bare' | 'serve'
  /** A URL or a file. */
  readonly place: string
}

/** As many as the library's own pool has. */
const CONNECTIONS = 10

const PIECE = '"},{"did":"'

interface BarePage {
  /** The DIDs, with what JSON has between them. */
  readonly dids: Buffer
  readonly repos: number
}

type BareQuery = (collection: string, after: string, limit: number) => Promise<BarePage>

/** One statement that is prepared, with the page as one text. */
function barePostgres(url: string): BareQuery {
  const pool = openPool({ connectionString: url, max: CONNECTIONS })
  const text = `select string_agg(did, '${PIECE}' order by did) as dids, count(*)::int as repos from (
    select did from collection_index_pair
    where collection_id = (select id from collection_index_nsid where nsid = $1) and did > $2
    order by did limit $3) as page`
  return async (...values) => {
    const { rows } = await pool.query<{ dids: string | null; repos: number }>({ name: 'page', text, values })
    const { dids, repos } = rows[0] ?? { dids: null, repos: 0 }
    return { dids: Buffer.from(dids ?? '', 'latin1'), repos }
  }
}

/** On a table as one would make it by hand, with DIDs as they are read. */
function bareSqlite(file: string): BareQuery {
  const database = new DatabaseSync(file, { readOnly: true })
  database.exec('pragma cache_size = -16384')
  const page =
    database.prepare(`select cast(group_concat(did, '${PIECE}') as blob) as dids, count(*) as repos from (
    select did from pairs where collection = ?1 and did > ?2 order by did limit ?3)`)
  return async (...values) => {
    const { dids, repos } = page.get(...values) as { dids: Uint8Array | null; repos: number }
    return {
      dids: dids === null ? Buffer.alloc(0) : Buffer.from(dids.buffer, dids.byteOffset, dids.byteLength),
      repos,
    }
  }
}

/** What the lexicon asks for, without a check of anything. */
function bareListener(query: BareQuery): RequestListener {
  return async (request, response) => {
    const { searchParams } = new URL(request.url ?? '', 'http://localhost')
    const collection = searchParams.get('collection') ?? ''
    const limit = Number(searchParams.get('limit'))
    const cursor = Buffer.from(searchParams.get('cursor') ?? '', 'base64url').toString('latin1')
    const { dids, repos } = await query(collection, cursor.slice(collection.length + 1), limit)
    const last = dids.toString('latin1', dids.lastIndexOf('"') + 1)
    const next = Buffer.from(`${collection}\0${last}`, 'latin1').toString('base64url')
    const [before, behind] = repos === 0 ? ['[', ']'] : ['[{"did":"', '"}]']
    const end = repos < limit ? '}' : `,"cursor":"${next}"}`
    const body = Buffer.concat([Buffer.from(`{"repos":${before}`), dids, Buffer.from(behind + end)])
    const headers = { 'access-control-allow-origin': '*', 'content-type': 'application/json' }
    response.writeHead(200, { ...headers, 'content-length': body.length }).end(body)
  }
}

async function bareServer({ store, place }: XrpcServerOptions): Promise<number> {
  const query = store === 'Postgres' ? barePostgres(place) : bareSqlite(bareFile(place))
  return listening(createServer(bareListener(query)))
}

const onError = (error: unknown) => console.error(error)

async function ownServer(
  { handler }: XrpcServerOptions,
  { index, feed, progress }: OpenedStore,
): Promise<number> {
  if (handler === 'serve') {
    const xrpc = xrpcAnswers({ index, feed, progress, onError })
    const health = async () => new Response()
    const routes = { health, metrics: undefined, xrpc: () => xrpc, admin: false as const, onAnswer: () => {} }
    const server = await startWebServer({ host: '127.0.0.1', port: 0, handle: serveRoutes(routes), onError })
    return server.port
  }
  return listening(createServer(getRequestListener(xrpcHandler({ index, onError }))))
}

async function listening(server: Server): Promise<number> {
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return (server.address() as AddressInfo).port
}

/** As `serve` does: on a Postgres with connections of its own. @returns how many pairs it has written by now */
async function write({ store, place }: XrpcServerOptions, reading: OpenedStore): Promise<() => number> {
  const writing = store === 'Postgres' ? await openPostgres(place) : reading
  const backfiller = createBackfiller({
    relay: endlessLister(),
    collections: ENDLESS,
    store: writing,
    concurrency: WALKS,
  })
  backfiller.run().catch(onError)
  return () => backfiller.summary.imported
}

async function main(): Promise<void> {
  const { hear, say } = parent()
  const options = (await hear<XrpcServerOptions>()) as XrpcServerOptions
  if (options.handler === 'bare') {
    say(await bareServer(options))
    return
  }
  const opened =
    options.store === 'Postgres' ? await openPostgres(options.place) : await openSqlite(options.place)
  say(await ownServer(options, opened))
  let written = () => 0
  for (let line = await hear<string>(); line !== undefined; line = await hear<string>()) {
    if (line === 'write') written = await write(options, opened)
    say(written())
  }
}

await main()
