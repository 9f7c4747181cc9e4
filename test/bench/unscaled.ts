import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import { scaledNetwork } from '../../examples/demo/network.ts'
import { openPostgres } from '../../src/postgres/index.ts'
import { relayContents } from '../../src/testing/contents.ts'
import { openPool } from '../support/pool.ts'
import { startChild } from './child.ts'
import { commandLine } from './compiled.ts'
import type { NetworkRelayOptions } from './network-relay-child.ts'
import { serverText, startBenchServer } from './server.ts'
import { atMost, type Row, type Section } from './table.ts'

const WHOLE_NETWORK = 61_000_000
const QUICK_PAIRS = 20_000
const QUICK_COLLECTIONS = 30
const PAGE_SIZE = 10_000

/** For the whole network. */
const GOAL_SECONDS = 540
const GOAL_MEMORY = 300
const GOAL_ALONE = 60

export interface UnscaledOptions {
  /** How large the network is. @default 61 million, the whole */
  readonly pairs?: number | undefined
}

/** How often is looked at how far the run is, in milliseconds. */
const LOOK_MS = 500
/** The table shows the run in that many stretches of as many pairs. */
const STRETCHES = 10
/** Of each collection each so-many-th DID is looked up, besides that all are counted. */
const LOOKED_UP = 997

/**
 * The command `run` over the whole network: the bundled relay, which waits for nothing, the command line and Postgres share
 * the machine.
 */
export async function unscaled(
  quick: boolean,
  { pairs = quick ? QUICK_PAIRS : WHOLE_NETWORK }: UnscaledOptions = {},
): Promise<Section> {
  const program = await commandLine(quick)
  await using server = await startBenchServer()
  const { sizes } = scaledNetwork(pairs)
  const served = quick
    ? Object.fromEntries(
        Object.entries(sizes)
          .toSorted(([, a], [, b]) => b - a)
          .slice(0, QUICK_COLLECTIONS),
      )
    : sizes
  const options: NetworkRelayOptions = { sizes: served }
  await using relay = startChild('./network-relay-child.ts', options)
  const { url } = await relay.hear<{ url: string }>()
  const pool = openPool({ connectionString: server.url, max: 1 })
  try {
    // The tables, before anything looks for them.
    await (await openPostgres(server.url))[Symbol.asyncDispose]()
    const held = Object.values(served).reduce((sum, size) => sum + size, 0)
    const { seconds, looks, peakBytes } = await watchedRun(pool, [
      program,
      ...['run', '--relay', url, '--database', server.url, '--page-size', String(PAGE_SIZE)],
      ...['--source', 'directory', '--json'],
    ])
    const alone = await secondsAlone(pool)
    const bytes = await bytesPerPair(pool, held)
    const wholeSeconds = (seconds * WHOLE_NETWORK) / held
    return {
      name: 'unscaled',
      setup: [
        `The model of the network, ${held} pairs in ${Object.keys(served).length} collections, nothing divided and no latency: the ` +
          `relay of ./testing with a directory, the command line on its defaults with pages of ${PAGE_SIZE}, and Postgres share the ` +
          `machine. It took ${seconds.toFixed(0)} s, ${Math.round(held / seconds)} pairs/s, ${bytes.toFixed(0)} bytes a pair, ` +
          `index included. "alone" is how long the last collection was walked after the last but one was complete. ${await serverText(pool)}`,
      ],
      goals: [
        atMost('seconds for 61 million pairs at this pace', wholeSeconds, GOAL_SECONDS, 0),
        atMost('peak memory of the command, MB', peakBytes / 1e6, GOAL_MEMORY, 0),
        atMost('seconds in which the last collection was walked alone', alone, GOAL_ALONE, 1),
      ],
      tables: [{ head: ['pairs to', 'second', 'pairs/s', 'walked at once'], rows: stretches(looks, held) }],
      problems: await problemsOf(pool, served),
    }
  } finally {
    await pool.end()
  }
}

/** How far the run was at a moment. */
interface Look {
  readonly second: number
  readonly imported: number
  /** How many collections were claimed. */
  readonly walks: number
}

interface WatchedRun {
  readonly seconds: number
  readonly looks: readonly Look[]
  readonly peakBytes: number
}

async function watchedRun(pool: pg.Pool, args: readonly string[]): Promise<WatchedRun> {
  const startedAt = performance.now()
  const since = () => (performance.now() - startedAt) / 1000
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] })
  const ended = once(child, 'exit')
  let endedAt: number | undefined
  void ended.finally(() => {
    endedAt = since()
  })
  const looks: Look[] = []
  let peakBytes = 0
  while (endedAt === undefined) {
    const { rows } = await pool.query<{ imported: number; walks: number }>(
      `select coalesce(sum(imported_count), 0)::float8 as imported,
        count(*) filter (where owner is not null and completed_at is null)::int as walks from backfill_progress`,
    )
    if (rows[0] !== undefined) looks.push({ second: since(), ...rows[0] })
    peakBytes = Math.max(peakBytes, await peakOf(child))
    await Promise.race([ended, sleep(LOOK_MS)])
  }
  const [code] = await ended
  if (code !== 0) throw new Error(`run ended with ${code}.`)
  return { seconds: endedAt, looks, peakBytes }
}

/** The most memory that a process has had, by its own account: 0 where there is none, or when it is gone. */
async function peakOf({ pid }: ChildProcess): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')
  return Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024
}

async function secondsAlone(pool: pg.Pool): Promise<number> {
  const { rows } = await pool.query<{ at: number }>(
    'select extract(epoch from completed_at)::float8 as at from backfill_progress order by completed_at desc limit 2',
  )
  return (rows[0]?.at ?? 0) - (rows[1]?.at ?? 0)
}

async function bytesPerPair(pool: pg.Pool, pairs: number): Promise<number> {
  const { rows } = await pool.query<{ bytes: number }>(
    `select pg_total_relation_size('collection_index_pair')::float8 as bytes`,
  )
  return (rows[0]?.bytes ?? 0) / pairs
}

function stretches(looks: readonly Look[], pairs: number): Row[] {
  const rows: Row[] = []
  let before: Look = { second: 0, imported: 0, walks: 0 }
  for (let part = 1; part <= STRETCHES; part += 1) {
    const reached = looks.find(({ imported }) => imported >= (pairs * part) / STRETCHES)
    const end = reached ?? looks.at(-1)
    if (end === undefined || end === before) continue
    const within = looks.filter(({ second }) => second > before.second && second <= end.second)
    const walks = within.reduce((sum, look) => sum + look.walks, 0) / Math.max(1, within.length)
    const rate = (end.imported - before.imported) / (end.second - before.second)
    rows.push([String(end.imported), end.second.toFixed(0), Math.round(rate).toString(), walks.toFixed(1)])
    before = end
  }
  return rows
}

/** Each collection is counted, and a sample of its DIDs looked up: to hold all of them here would take some GB. */
async function problemsOf(pool: pg.Pool, sizes: Readonly<Record<string, number>>): Promise<string[]> {
  const served = relayContents({ collections: sizes })
  const problems: string[] = []
  const { rows } = await pool.query<{ nsid: string; held: number }>(
    `select nsid, held from collection_index_nsid join
      (select collection_id, count(*)::float8 as held from collection_index_pair group by 1) as counted on collection_id = id`,
  )
  const held = new Map(rows.map((row) => [row.nsid, row.held]))
  for (const nsid of new Set([...served.collections, ...held.keys()])) {
    const size = served.size(nsid)
    if ((held.get(nsid) ?? 0) !== size) problems.push(`${nsid} holds ${held.get(nsid) ?? 0} of ${size}`)
    const sample = [...everyNth(served.dids(nsid), LOOKED_UP)]
    const { rows: found } = await pool.query<{ n: number }>(
      'select count(*)::int as n from collection_index where collection = $1 and did = any ($2::text[])',
      [nsid, sample],
    )
    if (found[0]?.n !== sample.length) problems.push(`${nsid} lacks DIDs of the sample`)
  }
  return problems
}

function* everyNth<T>(values: Iterable<T>, n: number): Generator<T, void, void> {
  let at = 0
  for (const value of values) {
    if (at % n === 0) yield value
    at += 1
  }
}
