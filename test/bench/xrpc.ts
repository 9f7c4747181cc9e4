import { DatabaseSync } from 'node:sqlite'
import { sql } from 'kysely'
import type { OpenedStore } from '../../src/contracts/opened-store.ts'
import { openPostgres } from '../../src/postgres/index.ts'
import { openSqlite } from '../../src/sqlite/index.ts'
import { didOf, mix } from '../../src/testing/dids.ts'
import { openPool } from '../support/pool.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { startChild } from './child.ts'
import { openPageClient } from './page-client.ts'
import { serverText, startBenchServer } from './server.ts'
import { atLeast, atMost, type Goal, median, type Row, type Section, spread } from './table.ts'
import type { XrpcServerOptions } from './xrpc-child.ts'

const PAGE = 2_000
const COLLECTION = 'com.example.bench.walked'
const MANY = 'com.example.bench.many'

const FULL = { walked: 250_000, many: 1_000_000, rounds: 9, connections: 50, seconds: 10 }
const QUICK = { walked: 6_000, many: 10_000, rounds: 2, connections: 5, seconds: 0.3 }
type Scale = typeof FULL

const GOAL_RATIO = 1.3
const GOAL_REQUESTS = 500
const GOAL_P99_MS = 200

type Store = XrpcServerOptions['store']
type Handler = XrpcServerOptions['handler']
const HANDLERS: readonly Handler[] = ['bare', 'ours']

/** Pages over HTTP, beside the least that gives the same bytes: one client that walks, and many at once. */
export async function xrpc(quick: boolean): Promise<Section> {
  const scale = quick ? QUICK : FULL
  await using folder = await temporaryFolder()
  await using server = await startBenchServer()
  const file = `${folder.path}/index.sqlite`
  const problems = await fillAll(scale, server.url, file)
  const pool = openPool({ connectionString: server.url })
  const version = await serverText(pool)
  await pool.end()
  const measured: Measured[] = []
  for (const [store, place] of [
    ['Postgres', server.url],
    ['SQLite', file],
  ] as const)
    measured.push(await measure({ store, place, scale, problems }))
  return {
    name: 'xrpc',
    setup: [
      `${PAGE} a page. One client walks ${scale.walked} repos, ${scale.rounds} times with each handler in turns, the first not counted; ` +
        `then ${scale.connections} connections ask for the pages of ${scale.many} repos in any order for ${scale.seconds} s. The bare handler ` +
        'is node:http with one prepared statement that gives the page as one text, checks nothing and has no timeout; for SQLite it has a table of its ' +
        'own with the DIDs as they are read. Ours runs on @hono/node-server. Client, handler and database share the cores. ' +
        `${version}`,
    ],
    goals: measured.flatMap(goalsOf),
    tables: [
      {
        head: ['store', 'handler', 'walk s', 'spread', 'ours / bare', 'requests/s', 'p50 ms', 'p99 ms'],
        rows: measured.flatMap(rowsOf),
      },
    ],
    problems,
    allRight: 'Each walk gave each repo once.',
  }
}

async function fillAll(scale: Scale, url: string, file: string) {
  const problems: string[] = []
  await using postgres = await openPostgres(url)
  await using sqlite = await openSqlite(file)
  using bare = new DatabaseSync(`${file}.bare`)
  bare.exec(`pragma page_size = 8192; pragma journal_mode = wal;
    create table pairs (collection text not null, did text not null, primary key (collection, did)) strict, without rowid`)
  const insert = bare.prepare('insert into pairs values (?1, ?2)')
  for (const [collection, size] of [
    [COLLECTION, scale.walked],
    [MANY, scale.many],
  ] as const) {
    bare.exec('begin')
    for (let from = 0; from < size; from += 10_000) {
      const dids = didsOf(collection, from, Math.min(10_000, size - from))
      for (const store of [postgres, sqlite] satisfies OpenedStore[])
        await store.sink.add({ relay: 'bench.invalid', collection, dids })
      for (const did of dids) insert.run(collection, did)
    }
    bare.exec('commit')
    await complete(sqlite, collection)
  }
  await sql`vacuum analyze collection_index_pair`.execute(postgres.db)
  return problems
}

/** As a run does with the last page: then the pairs are merged. */
async function complete({ progress }: OpenedStore, nsid: string): Promise<void> {
  await progress.register('bench.invalid', [{ nsid }])
  const claim = await progress.claim({ relay: 'bench.invalid', owner: 'bench', leaseMs: 60_000 })
  if (claim === undefined) throw new Error('a collection that was registered is free')
  await progress.advance(claim, { pages: 1, imported: 0, invalid: 0, cursor: undefined })
}

function didsOf(collection: string, from: number, count: number): string[] {
  const key = mix(collection.length)
  return Array.from({ length: count }, (_, i) => didOf(from + i, key))
}

interface Measuring {
  readonly store: Store
  readonly place: string
  readonly scale: Scale
  readonly problems: string[]
}

interface Measured {
  readonly store: Store
  readonly walks: Readonly<Record<Handler, readonly number[]>>
  readonly loads: Readonly<Record<Handler, Load>>
}

interface Load {
  readonly requestsPerSecond: number
  readonly p50: number
  readonly p99: number
}

async function measure({ store, place, scale, problems }: Measuring): Promise<Measured> {
  await using bare = startChild('xrpc-child.ts', { store, place, handler: 'bare' }, ['--no-warnings'])
  await using ours = startChild('xrpc-child.ts', { store, place, handler: 'ours' }, ['--no-warnings'])
  const ports = { bare: await bare.hear<number>(), ours: await ours.hear<number>() }
  const walks: Record<Handler, number[]> = { bare: [], ours: [] }
  for (let round = 0; round < scale.rounds; round += 1)
    for (const handler of HANDLERS) {
      const { seconds, repos } = await walk(ports[handler], COLLECTION)
      if (repos !== scale.walked) problems.push(`${store}, ${handler}: ${repos} repos`)
      if (round > 0) walks[handler].push(seconds)
    }
  const loads = {
    bare: await load(ports.bare, scale),
    ours: await load(ports.ours, scale),
  }
  return { store, walks, loads }
}

async function walk(port: number, collection: string) {
  const client = await openPageClient(port, `collection=${collection}&limit=${PAGE}`)
  const startedAt = performance.now()
  const cursors: (string | undefined)[] = []
  let repos = 0
  let cursor: string | undefined
  do {
    cursors.push(cursor)
    const page = await client.page(cursor)
    repos += page.repos
    if (page.cursor !== undefined && page.cursor === cursor) throw new Error('A cursor led to itself.')
    cursor = page.cursor
  } while (cursor !== undefined)
  client.close()
  return { seconds: (performance.now() - startedAt) / 1_000, repos, cursors }
}

async function load(port: number, { connections, seconds }: Scale): Promise<Load> {
  const { cursors } = await walk(port, MANY)
  const times: number[] = []
  const until = performance.now() + seconds * 1_000
  const ask = async (_: unknown, number: number) => {
    const client = await openPageClient(port, `collection=${MANY}&limit=${PAGE}`)
    for (let i = number; performance.now() < until; i += 1) {
      const startedAt = performance.now()
      await client.page(cursors[(mix(i * connections + number) >>> 0) % cursors.length])
      times.push(performance.now() - startedAt)
    }
    client.close()
  }
  const startedAt = performance.now()
  await Promise.all(Array.from({ length: connections }, ask))
  const passed = (performance.now() - startedAt) / 1_000
  const sorted = times.toSorted((a, b) => a - b)
  const at = (share: number) => sorted[Math.floor(sorted.length * share)] ?? Number.NaN
  return { requestsPerSecond: times.length / passed, p50: at(0.5), p99: at(0.99) }
}

function ratiosOf({ walks }: Measured): number[] {
  return walks.ours.map((seconds, i) => seconds / (walks.bare[i] ?? Number.NaN))
}

function goalsOf(measured: Measured): Goal[] {
  const { store, loads } = measured
  return [
    atMost(`${store}, one client: ours / the bare handler`, median(ratiosOf(measured)), GOAL_RATIO),
    atLeast(`${store}, many connections: requests/s`, loads.ours.requestsPerSecond, GOAL_REQUESTS, 0),
    atMost(`${store}, many connections: p99 in ms`, loads.ours.p99, GOAL_P99_MS, 0),
  ]
}

function rowsOf(measured: Measured): Row[] {
  const { store, walks, loads } = measured
  return HANDLERS.map((handler) => [
    store,
    handler,
    median(walks[handler]).toFixed(3),
    spread(walks[handler], 3),
    handler === 'ours' ? median(ratiosOf(measured)).toFixed(2) : '',
    loads[handler].requestsPerSecond.toFixed(0),
    loads[handler].p50.toFixed(1),
    loads[handler].p99.toFixed(1),
  ])
}
