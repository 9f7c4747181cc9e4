import type pg from 'pg'
import { openPostgres } from '../../src/postgres/index.ts'
import { openPool } from '../support/pool.ts'
import { indexProblems } from './check.ts'
import { type Load, networkLoad, projected } from './load.ts'
import { goalsOf, type Measured, type Rivals, rivalRows, runRows } from './network-figures.ts'
import { readyPages } from './pages.ts'
import { type BenchRelay, startBenchRelay } from './relay-process.ts'
import { handWrittenLoop, type RivalParts, zigProcedure } from './rivals.ts'
import { backfill, barePageMs, clearTables, defaultConcurrency } from './runs.ts'
import { serverText, startBenchServer } from './server.ts'
import { median, type Section } from './table.ts'
import { insertWriter } from './writers.ts'

/** The pause of the relay in Zig after each page, and the size of its pages. */
const ZIG_PAUSE_MS = 100
const RIVAL_PAGE = 1000
/** The default of `relayLister`, and the largest page that the relays of bsky.network serve. */
const WHOLE_PAGE_SIZES = [2000, 10_000] as const

/** On two cores, more of them take in no more. */
const RATE_CONNECTIONS = 4

interface Scale {
  readonly divisor: number
  /** Each so-many-th page for the runs of the whole network. */
  readonly wholeEvery: number
  /** For the run at the latency and page size of the network. */
  readonly undividedEvery: number
  /** Pages in a sample for the table by page size and concurrency. */
  readonly samplePages: number
  readonly pageSizes: readonly number[]
  readonly concurrencies: readonly number[]
  readonly rounds: number
  /** For the database's own rate. */
  readonly ratePairs: number
  /** For the page time of a bare client. */
  readonly barePages: number
}

const FULL: Scale = {
  divisor: 10,
  wholeEvery: 1,
  undividedEvery: 30,
  samplePages: 500,
  pageSizes: [1000, 2000, 10_000],
  concurrencies: [1, 4, 16],
  rounds: 3,
  ratePairs: 320_000,
  barePages: 100,
}
const QUICK: Scale = {
  divisor: 100,
  wholeEvery: 400,
  undividedEvery: 8000,
  samplePages: 24,
  pageSizes: [1000],
  concurrencies: [1, 4],
  rounds: 1,
  ratePairs: 20_000,
  barePages: 5,
}

interface Bench {
  readonly scale: Scale
  readonly url: string
  readonly pool: pg.Pool
  readonly problems: string[]
}

/** The model of the network from end to end, against the least time that its relay and its database allow. */
export async function network(quick: boolean): Promise<Section> {
  const scale = quick ? QUICK : FULL
  await using server = await startBenchServer()
  const pool = openPool({ connectionString: server.url, max: RATE_CONNECTIONS })
  const bench: Bench = { scale, url: server.url, pool, problems: [] }
  try {
    // The tables, before anything else looks for them.
    await (await openPostgres(server.url))[Symbol.asyncDispose]()
    const rates = new Map<number, number>()
    for (const pageSize of new Set([...scale.pageSizes, ...WHOLE_PAGE_SIZES])) {
      rates.set(pageSize, await databaseRate(bench, pageSize))
    }
    const whole: Measured[] = []
    for (const pageSize of WHOLE_PAGE_SIZES) {
      const load = networkLoad({ divisor: scale.divisor, pageSize, every: scale.wholeEvery })
      whole.push(await measureLoad(bench, { load, pageSize, rates, divisor: scale.divisor }))
    }
    const undivided = networkLoad({ divisor: 1, pageSize: 2000, every: scale.undividedEvery })
    whole.push(await measureLoad(bench, { load: undivided, pageSize: 2000, rates, divisor: 1 }))
    const rivals = await measureRivals(bench)
    const grid = await measureGrid(bench, rates)
    return {
      name: 'network',
      setup: setupOf(scale, await serverText(pool)),
      goals: goalsOf(whole, rivals),
      tables: [runRows(whole), rivalRows(whole, rivals), runRows(grid)],
      problems: bench.problems,
    }
  } finally {
    await pool.end()
  }
}

/** Pairs a second by the bare statement, on pages of full size, from memory: the most that this database takes in. */
async function databaseRate({ scale, pool }: Bench, pageSize: number): Promise<number> {
  const collections = RATE_CONNECTIONS
  const pagesEach = Math.max(1, Math.round(scale.ratePairs / collections / pageSize))
  const rates: number[] = []
  for (let round = 0; round < scale.rounds; round += 1) {
    const pages = readyPages({ collections, pagesEach, pageSize, seed: round })
    await clearTables(pool)
    rates.push(pages.pairs / (await insertWriter(pool, collections)(pages)))
  }
  return median(rates)
}

interface LoadCase {
  readonly load: Load
  /** On the network. */
  readonly pageSize: number
  readonly divisor: number
  readonly rates: ReadonlyMap<number, number>
  readonly concurrency?: number
  readonly rounds?: number
}

async function measureLoad(bench: Bench, given: LoadCase): Promise<Measured> {
  await using relay = await startBenchRelay(given.load)
  return await measureOn(bench, relay, given)
}

async function measureOn(
  { scale, url, pool, problems }: Bench,
  relay: BenchRelay,
  { load, pageSize, divisor, rates, concurrency, rounds = 1 }: LoadCase,
): Promise<Measured> {
  const walks = concurrency ?? defaultConcurrency()
  const bareMs = await barePageMs({ url: relay.url, load, clients: walks, pages: scale.barePages })
  const seconds: number[] = []
  for (let round = 0; round < rounds; round += 1) {
    await clearTables(pool)
    seconds.push(await backfill({ url, relay, load, concurrency }))
    problems.push(...(await indexProblems(pool, relay.contents, `${pageSize} a page, ${walks} at once`)))
  }
  const pairsPerSecond = rates.get(pageSize) ?? Number.NaN
  return {
    load,
    pageSize,
    divisor,
    concurrency: walks,
    isDefault: concurrency === undefined,
    seconds,
    bareMs,
    pairsPerSecond,
  }
}

async function measureGrid(bench: Bench, rates: ReadonlyMap<number, number>): Promise<Measured[]> {
  const { divisor, samplePages, rounds, pageSizes, concurrencies } = bench.scale
  const grid: Measured[] = []
  for (const pageSize of pageSizes) {
    const { pages } = networkLoad({ divisor, pageSize, every: 1 })
    const load = networkLoad({ divisor, pageSize, every: Math.round(pages / samplePages) })
    await using relay = await startBenchRelay(load)
    for (const concurrency of concurrencies) {
      // One at a time waits for the relay and for nothing else: it takes longest, and varies least.
      const given = { load, pageSize, divisor, rates, concurrency, rounds: concurrency === 1 ? 1 : rounds }
      grid.push(await measureOn(bench, relay, given))
    }
  }
  return grid
}

/** On two samples, of which one is twice as large: what they project must agree. */
async function measureRivals(bench: Bench): Promise<Rivals> {
  const { divisor, samplePages } = bench.scale
  const whole = networkLoad({ divisor, pageSize: RIVAL_PAGE, every: 1 })
  const zig: number[] = []
  const byHand: number[] = []
  const samples: number[] = []
  const pauseMs = ZIG_PAUSE_MS / divisor
  for (const pages of [samplePages, samplePages / 2]) {
    const load = networkLoad({ divisor, pageSize: RIVAL_PAGE, every: Math.round(whole.pages / pages) })
    samples.push(load.pages)
    await using relay = await startBenchRelay(load)
    const run = (name: string, rival: (parts: RivalParts) => Promise<void>) =>
      rivalSeconds(bench, relay, load, name, rival)
    zig.push(projected(await run('Zig', (parts) => zigProcedure(parts, pauseMs)), load, whole))
    byHand.push(projected(await run('by hand', handWrittenLoop), load, whole))
  }
  return { zig, byHand, samples, whole, divisor, pauseMs }
}

async function rivalSeconds(
  { url, pool, problems }: Bench,
  relay: BenchRelay,
  load: Load,
  name: string,
  rival: (parts: RivalParts) => Promise<void>,
): Promise<number> {
  await clearTables(pool)
  await using store = await openPostgres(url)
  const startedAt = performance.now()
  await rival({ db: store.db, url: relay.url, load })
  const seconds = (performance.now() - startedAt) / 1000
  problems.push(...(await indexProblems(pool, relay.contents, name)))
  return seconds
}

function setupOf({ divisor, wholeEvery, undividedEvery, rounds }: Scale, server: string): string[] {
  const whole = wholeEvery === 1 ? 'all of its pages' : `each ${wholeEvery}th page`
  return [
    `The model of the network (61 million pairs, 140 ms a page), ${whole}: repos, page size, latency and pauses divided by ` +
      `${divisor}. That leaves the collections, the pages of each and the pairs a second as they are, so the ratios carry over; ` +
      `only what a page costs beside its latency weighs ${divisor} times as much, and the real ratio to the bound is below the one ` +
      `measured. The run "as it is" shows it: nothing divided, each ${undividedEvery}th page of all, counted from the largest ` +
      'collection on. So two requests weigh that many times what they do in the whole: the check of the relay before the ' +
      'longest walk, and that of its cursors at its end. "at full size" is what the measured time comes to on the whole network.',
    'The lower bound is the largest of: the longest walk; all pages / concurrency, both at the nominal latency or as a client sees ' +
      'it that fetches with the same concurrency and does nothing else (its timers and its HTTP are on this machine); and all ' +
      'pairs / what the bare insert statement does on full pages from memory, measured in this run.',
    `The rivals go one page after the other, so they were timed on samples of each so-many-th page and projected; the table is small ` +
      `then, which favours them. The table by concurrency is on samples too; medians of ${rounds} runs, one run at concurrency 1. ` +
      server,
  ]
}
