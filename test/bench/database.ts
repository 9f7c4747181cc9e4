import type pg from 'pg'
import { type OpenStore, openPostgres } from '../../src/postgres/index.ts'
import { openPool } from '../support/pool.ts'
import { type ReadyPages, readyPages } from './pages.ts'
import { serverText, startBenchServer } from './server.ts'
import { atLeast, atMost, median, type Row, type Section, spread } from './table.ts'
import { copyWriter, insertWriter, libraryWriter, type Writer } from './writers.ts'

const CONNECTIONS = 4
const GOAL_INSERT = 1.05
const GOAL_INSERT_FULL = 0.95
const GOAL_COPY = 0.75
/** After `compact`, which `run` offers as its last step. */
const GOAL_BYTES = 130

interface Scale {
  readonly collections: number
  readonly pagesEach: number
  readonly pageSize: number
  /** Into the empty table; the first of them is not counted: it has the programs and the connections to warm up. */
  readonly rounds: number
  /** Of known pages. */
  readonly replayRounds: number
  /** How many rounds of pairs the full table holds beforehand. */
  readonly heldRounds: number
  /** Into the full table. */
  readonly fullRounds: number
  /** Of these; more, since the first and the last batch of each connection weigh the more, the fewer batches there are. */
  readonly fullPagesEach: number
}

const FULL: Scale = {
  collections: 8,
  pagesEach: 20,
  pageSize: 2000,
  rounds: 9,
  replayRounds: 3,
  heldRounds: 32,
  fullRounds: 5,
  fullPagesEach: 40,
}
const QUICK: Scale = {
  collections: 5,
  pagesEach: 3,
  pageSize: 100,
  rounds: 2,
  replayRounds: 1,
  heldRounds: 2,
  fullRounds: 1,
  fullPagesEach: 4,
}

const WRITERS = ['ours', 'ours, a page a batch', 'bare insert', 'no ON CONFLICT', 'COPY'] as const
type WriterName = (typeof WRITERS)[number]

interface Case {
  readonly scale: Scale
  readonly pool: pg.Pool
  readonly writers: ReadonlyMap<WriterName, Writer>
  readonly problems: string[]
}

/** Pairs a second into Postgres with no network to wait for, beside the bare statement and COPY. */
export async function database(quick: boolean): Promise<Section> {
  const scale = quick ? QUICK : FULL
  await using server = await startBenchServer()
  const problems: string[] = []
  const { empty, replay, bytes, setting } = await onDatabase(server.url, async (on) => {
    const bench = { ...on, scale, problems }
    const intoNothing = await intoEmpty(bench)
    const known = await replayed(bench)
    return {
      empty: intoNothing,
      replay: known,
      bytes: await fill(bench),
      setting: await serverText(on.pool),
    }
  })
  const full = await intoFull(server.url, scale, problems)
  const compacted = await compactedBytes(server.url)
  const { collections, pagesEach, pageSize, heldRounds, fullPagesEach } = scale
  const pairs = collections * pagesEach * pageSize
  const fullPairs = collections * fullPagesEach * pageSize
  return {
    name: 'database',
    setup: [`${setupOf(scale, bytes)} ${setting}`],
    goals: [
      atLeast(
        'ours / the bare insert statement, empty table',
        median(ratiosTo('bare insert', empty)),
        GOAL_INSERT,
      ),
      atLeast(
        `ours / the bare insert statement, held ${heldRounds * pairs}`,
        median(ratiosTo('bare insert', full)),
        GOAL_INSERT_FULL,
      ),
      atLeast('ours / COPY into the same keyed table', median(ratiosTo('COPY', empty)), GOAL_COPY),
      atMost('bytes per pair on disk, index included, once compacted', compacted, GOAL_BYTES, 1),
    ],
    tables: [
      {
        head: ['table', 'writer', 'pairs/s', 'spread', 'ours / it', 'spread of the ratio', 'it / COPY'],
        rows: [
          ...rowsOf('empty', pairs, empty),
          ...rowsOf(`held ${heldRounds * pairs} at first`, fullPairs, full),
          ...rowsOf('replay of known pages', pairs, replay),
        ],
      },
    ],
    problems,
  }
}

function setupOf(scale: Scale, bytes: readonly number[]): string {
  const { collections, pagesEach, pageSize, rounds, replayRounds, heldRounds, fullRounds, fullPagesEach } =
    scale
  const pairs = collections * pagesEach * pageSize
  return (
    `${pairs} new pairs a round in ${collections} collections, ${pageSize} a page, ${CONNECTIONS} connections; ` +
    `${rounds} rounds into the empty table, the first of which warms up and is not counted, ${replayRounds} of known pages, taken in ` +
    'turns; medians, the spread behind them. "no ON CONFLICT" is the bare insert as it would be if no pair were known beforehand: what ' +
    'it and the bare insert reach of COPY is what holds the library from it. Ours writes up to four pages that wait as one batch, and ' +
    `with "a page a batch" (pagesAhead 1) each by itself. Into the full table ${fullRounds} rounds of ${collections * fullPagesEach * pageSize} ` +
    'pairs, each writer in each round on a copy of one database, so that all find the same pages, as full, and none in memory. ' +
    `While the library brought the table from ${(heldRounds / 2) * pairs} to ${heldRounds * pairs} pairs in random order, a pair took ` +
    `${mean(bytes).toFixed(1)} bytes (${spread(bytes, 1)}: an index that grows so fills and splits its pages in waves).`
  )
}

/** A store and a pool on one database, for as long as `work` takes. */
async function onDatabase<T>(
  url: string,
  work: (on: Pick<Case, 'pool' | 'writers'>) => Promise<T>,
): Promise<T> {
  await using store = await openPostgres(url)
  const pool = openPool({ connectionString: url, max: CONNECTIONS })
  try {
    return await work({ pool, writers: writersOn(store, pool) })
  } finally {
    await pool.end()
  }
}

function writersOn(store: OpenStore, pool: pg.Pool): ReadonlyMap<WriterName, Writer> {
  return new Map([
    ['ours', libraryWriter(store, CONNECTIONS)],
    ['ours, a page a batch', libraryWriter(store, CONNECTIONS, 1)],
    ['bare insert', insertWriter(pool, CONNECTIONS)],
    ['no ON CONFLICT', insertWriter(pool, CONNECTIONS, '')],
    ['COPY', copyWriter(pool, CONNECTIONS)],
  ])
}

type Seconds = ReadonlyMap<WriterName, number[]>

async function intoEmpty({ scale, pool, writers, problems }: Case): Promise<Seconds> {
  const seconds = new Map(WRITERS.map((name) => [name, [] as number[]]))
  for (let round = 0; round < scale.rounds; round += 1) {
    const pages = readyPages({ ...scale, seed: round })
    for (const name of inTurns(WRITERS, round)) {
      await pool.query('truncate collection_index_pair')
      await pool.query('checkpoint')
      const taken = (await writers.get(name)?.(pages)) ?? Number.NaN
      if (round > 0) seconds.get(name)?.push(taken)
      problems.push(...(await check(pool, pages, pages.pairs, name)))
    }
  }
  return seconds
}

/** Each round begins with another one, so that none has a better place than the others. */
function inTurns<T>(all: readonly T[], round: number): T[] {
  const first = round % all.length
  return [...all.slice(first), ...all.slice(0, first)]
}

/** The pages that the last round left in the table; COPY and the insert without ON CONFLICT cannot do it. */
async function replayed({ scale, pool, writers, problems }: Case): Promise<Seconds> {
  const pages = readyPages({ ...scale, seed: scale.rounds - 1 })
  const seconds = new Map<WriterName, number[]>([
    ['ours', []],
    ['bare insert', []],
  ])
  for (let round = 0; round < scale.replayRounds; round += 1) {
    for (const [name, taken] of seconds) {
      const write = writers.get(name)
      if (write !== undefined) taken.push(await write(pages))
      problems.push(...(await check(pool, pages, pages.pairs, `${name}, replayed`)))
    }
  }
  return seconds
}

/**
 * Each on a copy of the filled database: in one that grows from writer to writer, the last of a round took up to half as long
 * again as the first.
 */
async function intoFull(url: string, scale: Scale, problems: string[]): Promise<Seconds> {
  const seconds = new Map(WRITERS.map((name) => [name, [] as number[]]))
  const admin = openPool({ connectionString: databaseUrl(url, 'template1'), max: 1 })
  try {
    const held = scale.collections * scale.pagesEach * scale.pageSize * scale.heldRounds
    for (let round = 0; round < scale.fullRounds; round += 1) {
      const pages = readyPages({ ...scale, pagesEach: scale.fullPagesEach, seed: 1000 + round })
      for (const name of inTurns(WRITERS, round)) {
        await admin.query(`create database ${COPY} template postgres strategy file_copy`)
        await onDatabase(databaseUrl(url, COPY), async ({ pool, writers }) => {
          await pool.query('checkpoint')
          seconds.get(name)?.push((await writers.get(name)?.(pages)) ?? Number.NaN)
          problems.push(...(await check(pool, pages, held + pages.pairs, `${name}, into a full table`)))
        })
        await admin.query(`drop database ${COPY} with (force)`)
      }
    }
  } finally {
    await admin.end()
  }
  return seconds
}

const COPY = 'copy_of_full'

function databaseUrl(url: string, name: string): string {
  return Object.assign(new URL(url), { pathname: `/${name}` }).href
}

/**
 * Has the library fill the same collections with DIDs of the same kind in random order, so that new ones fall between them
 * everywhere. In portions, for the memory's sake.
 *
 * @returns the bytes that a pair takes, again and again while the table doubles
 */
async function fill({ scale, pool, writers }: Case): Promise<number[]> {
  const bytes: number[] = []
  await pool.query('truncate collection_index_pair')
  for (let portion = 0; portion < scale.heldRounds; portion += 1) {
    await writers.get('ours')?.(readyPages({ ...scale, seed: 1_000_000 + portion }))
    if (portion + 1 >= scale.heldRounds / 2) bytes.push((await tableBytes(pool)) / (await pairCount(pool)))
  }
  await pool.query('vacuum analyze collection_index_pair')
  return bytes
}

async function compactedBytes(url: string): Promise<number> {
  await using store = await openPostgres(url)
  await store.compact()
  return await onDatabase(url, async ({ pool }) => (await tableBytes(pool)) / (await pairCount(pool)))
}

/** Every page must be there whole, and nothing else: held in full, and the count is what it must be. */
async function check(pool: pg.Pool, pages: ReadyPages, expected: number, who: string): Promise<string[]> {
  const problems: string[] = []
  for (const [nsid, collection] of pages.byCollection) {
    const { rows } = await pool.query<{ held: number }>(
      'select count(*)::int as held from collection_index where collection = $1 and did = any ($2::text[])',
      [nsid, collection.flatMap(({ dids }) => dids)],
    )
    const size = collection.reduce((sum, { dids }) => sum + dids.length, 0)
    if (rows[0]?.held !== size) problems.push(`${who}: ${nsid} holds ${rows[0]?.held} of ${size}`)
  }
  const held = await pairCount(pool)
  if (held !== expected) problems.push(`${who}: ${held} pairs in the index, not ${expected}`)
  return problems
}

async function pairCount(pool: pg.Pool): Promise<number> {
  const { rows } = await pool.query<{ n: number }>('select count(*)::int as n from collection_index_pair')
  return rows[0]?.n ?? 0
}

async function tableBytes(pool: pg.Pool): Promise<number> {
  const { rows } = await pool.query<{ n: number }>(
    `select pg_total_relation_size('collection_index_pair')::float8 as n`,
  )
  return rows[0]?.n ?? 0
}

/** Round by round, how many times as fast as that writer ours was. */
function ratiosTo(writer: WriterName, seconds: Seconds): number[] {
  const ours = seconds.get('ours') ?? []
  return (seconds.get(writer) ?? []).map((each, round) => each / (ours[round] ?? Number.NaN))
}

function rowsOf(table: string, pairs: number, seconds: Seconds): Row[] {
  return [...seconds].map(([writer, taken]) => {
    const rates = taken.map((each) => pairs / each)
    const ours = ratiosTo(writer, seconds)
    const ofOurs = writer === 'ours' ? ['', ''] : [median(ours).toFixed(2), spread(ours, 2)]
    const copied = seconds.get('COPY')?.map((each, round) => each / (taken[round] ?? Number.NaN))
    const ofCopy = copied === undefined ? '' : median(copied).toFixed(2)
    return [table, writer, Math.round(median(rates)).toString(), spread(rates, 0), ...ofOurs, ofCopy]
  })
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
