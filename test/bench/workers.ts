import { openPostgres } from '../../src/postgres/index.ts'
import { openPool } from '../support/pool.ts'
import { indexProblems } from './check.ts'
import { startChild } from './child.ts'
import { type Load, networkLoad } from './load.ts'
import { type BenchRelay, startBenchRelay } from './relay-process.ts'
import { clearTables } from './runs.ts'
import { serverText, startBenchServer } from './server.ts'
import { atLeast, median, type Section, spread } from './table.ts'
import type { WorkerOptions, WorkerReport } from './worker-child.ts'

const GOAL = 3.8
/** Four walks in all, of which the largest takes a fifth of the pages: so not one long walk is what is waited for. */
const CONCURRENCY = 1

interface Scale {
  readonly processes: readonly number[]
  readonly divisor: number
  readonly every: number
  readonly rounds: number
}

const FULL: Scale = { processes: [1, 2, 4], divisor: 4, every: 40, rounds: 2 }
const QUICK: Scale = { processes: [1, 4], divisor: 100, every: 800, rounds: 1 }

/** One database, shared by several processes, while the relay's latency is what holds them. */
export async function workers(quick: boolean): Promise<Section> {
  const { processes: counts, divisor, every, rounds } = quick ? QUICK : FULL
  const load = networkLoad({ divisor, pageSize: 2000, every })
  await using server = await startBenchServer()
  await using relay = await startBenchRelay(load)
  const pool = openPool({ connectionString: server.url, max: 1 })
  try {
    await (await openPostgres(server.url))[Symbol.asyncDispose]()
    const problems: string[] = []
    const seconds = new Map(counts.map((processes) => [processes, [] as number[]]))
    for (let round = 0; round < rounds; round += 1) {
      for (const [processes, taken] of seconds) {
        await clearTables(pool)
        taken.push(await together(processes, server.url, relay, load, problems))
        problems.push(...(await indexProblems(pool, relay.contents, `${processes} processes`)))
      }
    }
    const alone = seconds.get(1) ?? []
    const speedUps = (taken: readonly number[]) =>
      taken.map((each, round) => (alone[round] ?? Number.NaN) / each)
    return {
      name: 'workers',
      setup: [
        `Each ${every}th page of the model of the network, divided by ${divisor} (${load.pages} pages, ${load.latencyMs} ms each, ` +
          `${load.longest} in the longest walk), concurrency ${CONCURRENCY} in each process. The time is from the word to begin, to ` +
          'processes that are ready, to the last durable page: then the index is whole. Medians of ' +
          `${rounds} rounds taken in turns. ${await serverText(pool)}`,
      ],
      goals: [atLeast('4 processes: times one', median(speedUps(seconds.get(4) ?? [])), GOAL)],
      tables: [
        {
          head: ['processes', 'seconds', 'spread', 'speed-up', 'spread of the speed-up'],
          rows: [...seconds].map(([processes, taken]) => [
            String(processes),
            median(taken).toFixed(2),
            spread(taken, 2),
            median(speedUps(taken)).toFixed(2),
            spread(speedUps(taken), 2),
          ]),
        },
      ],
      problems,
    }
  } finally {
    await pool.end()
  }
}

/** @returns the seconds from the word to begin to the last durable page */
async function together(
  processes: number,
  databaseUrl: string,
  relay: BenchRelay,
  { sizes, pageSize, pages }: Load,
  problems: string[],
): Promise<number> {
  const options: WorkerOptions = {
    databaseUrl,
    relayUrl: relay.url,
    load: { sizes, pageSize },
    concurrency: CONCURRENCY,
  }
  await using children = new AsyncDisposableStack()
  const team = Array.from({ length: processes }, () => children.use(startChild('./worker-child.ts', options)))
  await Promise.all(team.map((child) => child.hear()))
  const beganAt = Date.now()
  for (const child of team) child.say('begin')
  const reports = await Promise.all(team.map((child) => child.hear<WorkerReport>()))
  const walked = reports.reduce((sum, report) => sum + report.pages, 0)
  if (walked !== pages) problems.push(`${processes} processes: ${walked} pages walked, not ${pages}`)
  return (Math.max(...reports.map(({ lastPageAt }) => lastPageAt)) - beganAt) / 1000
}
