import { openPool } from '../support/pool.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { type Child, startChild } from './child.ts'
import { startCollectionDir } from './collectiondir.ts'
import { serverText, startBenchServer } from './server.ts'
import { atLeast, atMost, type Goal, median, type Row, type Section, spread } from './table.ts'
import type { XrpcServerOptions } from './xrpc-child.ts'
import { bytesOf, type Load, load, PAGE, walk } from './xrpc-load.ts'
import { fillAll, MANY, WALKED, WALKS, WRITE_LATENCY_MS } from './xrpc-pairs.ts'

const FULL = { walked: 250_000, many: 1_000_000, rounds: 21, connections: 50, seconds: 6 }
const QUICK = { walked: 6_000, many: 10_000, rounds: 2, connections: 5, seconds: 0.3 }
type Scale = typeof FULL

const GOAL_RATIO = 1.3
const GOAL_REQUESTS = 500
const GOAL_P99_MS = 200

const STORES = ['Postgres', 'SQLite'] as const

export interface XrpcOptions {
  /** The program of Bluesky's own server of such lists, to be measured beside. */
  readonly collectiondir?: string | undefined
}

/** Pages over HTTP, beside the least that gives the same bytes: one client that walks, and many at once. */
export async function xrpc(quick: boolean, { collectiondir: program }: XrpcOptions = {}): Promise<Section> {
  const scale = quick ? QUICK : FULL
  await using opened = new AsyncDisposableStack()
  const { path } = opened.use(await temporaryFolder())
  const { url } = opened.use(await startBenchServer())
  const file = `${path}/index.sqlite`
  const collectionDir = program === undefined ? undefined : { program, folder: path }
  await fillAll(scale, { url, file, collectionDir })
  const dir = collectionDir && opened.use(await startCollectionDir(collectionDir))
  const problems: string[] = []
  const measured: Measured[] = []
  for (const store of STORES)
    measured.push(await measure({ store, place: store === 'SQLite' ? file : url, dir, scale, problems }))
  const pool = openPool({ connectionString: url })
  const version = await serverText(pool)
  await pool.end()
  return {
    name: 'xrpc',
    setup: [
      `${PAGE} a page. ${scale.connections} connections ask for the pages of ${scale.many} repos in any order for ${scale.seconds} s. Then, ` +
        `once V8 has compiled what it will, one client walks ${scale.walked} repos, ${scale.rounds} times with each server in turns; medians. The bare ` +
        'handler is node:http with one prepared statement that gives the page as one text, checks nothing and has no timeout; for SQLite it has a table of its ' +
        'own with the DIDs as they are read. Ours runs on @hono/node-server; "serve" is ours on the server of the command line, and "while it writes" ' +
        `is that with a backfill in the same process and into the same store, ${WALKS} walks with ${WRITE_LATENCY_MS} ms a page. Client, server and database ` +
        `share the cores. ${version}`,
    ],
    goals: measured.flatMap(goalsOf),
    tables: [
      {
        head: [
          'store',
          'server',
          'walk s',
          'spread',
          'ours / it',
          'requests/s',
          'p50 ms',
          'p99 ms',
          'written/s',
        ],
        rows: measured.flatMap(rowsOf),
      },
    ],
    problems,
    allRight: 'Each walk gave each repo once, and the bare handler and ours the same bytes.',
  }
}

interface Measuring {
  readonly store: XrpcServerOptions['store']
  readonly place: string
  /** Beside it. */
  readonly dir: { readonly port: number } | undefined
  readonly scale: Scale
  readonly problems: string[]
}

/** What was measured of one server. */
interface Server {
  readonly name: string
  /** The seconds of each walk; none for one that is not walked. */
  readonly walks: number[]
  load: Load | undefined
  writtenPerSecond?: number
}

interface Measured {
  readonly store: Measuring['store']
  readonly servers: readonly Server[]
}

async function measure({ store, place, dir, scale, problems }: Measuring): Promise<Measured> {
  await using opened = new AsyncDisposableStack()
  const start = (handler: XrpcServerOptions['handler']) =>
    opened.use(startChild('xrpc-child.ts', { store, place, handler }, ['--no-warnings']))
  const children = { bare: start('bare'), ours: start('ours'), serve: start('serve') }
  const ports = new Map<string, number>()
  for (const [name, child] of Object.entries(children)) ports.set(name, await child.hear<number>())
  if (dir) ports.set('collectiondir', dir.port)
  const servers = [...ports.keys()].map((name): Server => ({ name, walks: [], load: undefined }))
  const portOf = ({ name }: Server) => ports.get(name) ?? 0
  const [bare, ours] = await Promise.all(['bare', 'ours'].map((name) => bytesOf(ports.get(name) ?? 0, MANY)))
  if (bare !== ours) problems.push(`${store}: the bare handler gives ${bare}, and ours ${ours}`)
  for (const server of servers) server.load = await load(portOf(server), MANY, scale)
  for (let round = 0; round < scale.rounds; round += 1)
    for (const server of servers) {
      const { seconds, repos } = await walk(portOf(server), WALKED)
      if (repos !== scale.walked) problems.push(`${store}, ${server.name}: ${repos} repos`)
      server.walks.push(seconds)
    }
  const writing = await loadWhileWriting(children.serve, ports.get('serve') ?? 0, scale)
  return { store, servers: [...servers, { name: 'serve, while it writes', walks: [], ...writing }] }
}

async function loadWhileWriting(child: Child, port: number, scale: Scale) {
  child.say('write')
  const before = await child.hear<number>()
  const startedAt = performance.now()
  const measured = await load(port, MANY, scale)
  const passed = (performance.now() - startedAt) / 1_000
  child.say('how much')
  return { load: measured, writtenPerSecond: ((await child.hear<number>()) - before) / passed }
}

function serverOf({ servers }: Measured, name: string): Server | undefined {
  return servers.find((server) => server.name === name)
}

/** How many times the walks of another one ours took, round by round. */
function ratioTo(measured: Measured, name: string): number {
  const others = serverOf(measured, name)?.walks ?? []
  const ours = serverOf(measured, 'ours')?.walks ?? []
  return median(ours.map((seconds, i) => seconds / (others[i] ?? Number.NaN)))
}

function goalsOf(measured: Measured): Goal[] {
  const { store } = measured
  const rate = (name: string) => serverOf(measured, name)?.load?.requestsPerSecond ?? Number.NaN
  const p99 = (name: string) => serverOf(measured, name)?.load?.p99 ?? Number.NaN
  const goals = [
    atMost(`${store}, one client: ours / the bare handler`, ratioTo(measured, 'bare'), GOAL_RATIO),
    atLeast(`${store}, many connections: requests/s`, rate('ours'), GOAL_REQUESTS, 0),
    atMost(`${store}, many connections: p99 in ms`, p99('ours'), GOAL_P99_MS, 0),
    atMost(
      `${store}, many connections, while it writes: p99 in ms`,
      p99('serve, while it writes'),
      GOAL_P99_MS,
      0,
    ),
  ]
  if (serverOf(measured, 'collectiondir') === undefined) return goals
  return [
    ...goals,
    atMost(`${store}, one client: ours / collectiondir`, ratioTo(measured, 'collectiondir'), 1),
    atLeast(`${store}, many connections: ours / collectiondir`, rate('ours') / rate('collectiondir'), 1),
  ]
}

function rowsOf(measured: Measured): Row[] {
  return measured.servers.map(({ name, walks, load: many, writtenPerSecond }) => {
    const isWalked = walks.length > 0
    return [
      measured.store,
      name,
      isWalked ? median(walks).toFixed(3) : '',
      isWalked ? spread(walks, 3) : '',
      isWalked && name !== 'ours' ? ratioTo(measured, name).toFixed(2) : '',
      many?.requestsPerSecond.toFixed(0) ?? '',
      many?.p50.toFixed(1) ?? '',
      many?.p99.toFixed(1) ?? '',
      writtenPerSecond?.toFixed(0) ?? '',
    ]
  })
}
