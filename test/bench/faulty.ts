import type pg from 'pg'
import { openPostgres } from '../../src/postgres.ts'
import { indexProblems } from './check.ts'
import type { FaultPlan, FaultReport } from './faults.ts'
import { type Load, networkLoad } from './load.ts'
import { startBenchRelay } from './relay-process.ts'
import { backfill, clearTables } from './runs.ts'
import { benchPool, serverText, startBenchServer } from './server.ts'
import { atMost, median, type Section } from './table.ts'

const GOAL = 0.05
interface Scale {
  /** Each so-many-th page of the network, at its own latency and page size. */
  readonly every: number
  readonly rounds: number
  readonly faults: Pick<FaultPlan, 'failsEach' | 'stormMs' | 'retryAfter'>
}

const FULL: Scale = { every: 50, rounds: 2, faults: { failsEach: 50, stormMs: 3000, retryAfter: 2 } }
const QUICK: Scale = { every: 1500, rounds: 1, faults: { failsEach: 8, stormMs: 100, retryAfter: 1 } }

interface FaultyRun extends FaultReport {
  readonly seconds: number
}

/** The network again, from a relay that fails now and then and refuses everybody for a while. */
export async function faulty(quick: boolean): Promise<Section> {
  const { every, rounds, faults } = quick ? QUICK : FULL
  const load = networkLoad({ divisor: 1, pageSize: 2000, every })
  const plan = { ...faults, stormsAfter: [Math.round(load.pages / 2)] }
  await using server = await startBenchServer()
  const pool = benchPool(server.url, 1)
  const bench = { url: server.url, pool, load, problems: [] as string[] }
  try {
    await (await openPostgres(server.url))[Symbol.asyncDispose]()
    const calm: FaultyRun[] = []
    const runs: FaultyRun[] = []
    for (let round = 0; round < rounds; round += 1) {
      calm.push(await run(bench))
      runs.push(await run(bench, plan))
    }
    const calmSeconds = median(calm.map(({ seconds }) => seconds))
    const lost = runs.map(({ seconds, askedMs }) => lostShare(seconds, calmSeconds, askedMs))
    return {
      name: 'faulty',
      setup: [
        `Each ${every}th page of the model of the network, nothing divided (${load.pages} pages of 2000, ${load.latencyMs} ms each), on ` +
          `the default settings. Each ${plan.failsEach}th answer fails: a 500, a 502 in HTML, a connection that breaks before the answer or ` +
          `in the middle of it. Half-way, every request is refused for ${plan.stormMs} ms, with 429 and Retry-After: ${plan.retryAfter}. ` +
          '"asked to wait" is the time in which nobody should have asked, by the account of the relay, and "too early" how many asked ' +
          `all the same. "lost" is what is left of the difference to the runs without faults, as a share of their median; taken in turns. ${await serverText(pool)}`,
      ],
      goals: [atMost('time lost beyond the waits asked for', median(lost), GOAL, 3)],
      tables: [
        {
          head: ['run', 'seconds', 'failed', 'refused', 'asked to wait', 'too early', 'lost'],
          rows: [
            ...calm.map(({ seconds }) => ['no faults', seconds.toFixed(1), '0', '0', '', '', '']),
            ...runs.map(({ seconds, failed, refused, askedMs, early }, round) => [
              'with faults',
              seconds.toFixed(1),
              String(failed),
              String(refused),
              `${(askedMs / 1000).toFixed(1)} s`,
              String(early),
              `${((lost[round] ?? Number.NaN) * 100).toFixed(1)} %`,
            ]),
          ],
        },
      ],
      problems: bench.problems,
    }
  } finally {
    await pool.end()
  }
}

/** What the faults cost beyond what the relay asked for, as a share of the time without any. */
export function lostShare(seconds: number, calmSeconds: number, askedMs: number): number {
  return (seconds - calmSeconds - askedMs / 1000) / calmSeconds
}

interface Bench {
  readonly url: string
  readonly pool: pg.Pool
  readonly load: Load
  readonly problems: string[]
}

async function run({ url, pool, load, problems }: Bench, faults?: FaultPlan): Promise<FaultyRun> {
  await using relay = await startBenchRelay({ ...load, faults })
  await clearTables(pool)
  const seconds = await backfill({ url, relay, load })
  const who = faults === undefined ? 'without faults' : 'with faults'
  problems.push(...(await indexProblems(pool, relay.contents, who)))
  const report = faults ? await relay.faults() : { failed: 0, refused: 0, askedMs: 0, early: 0 }
  // Without both, the figure would be of something else.
  if (faults !== undefined && (report.failed === 0 || report.refused === 0))
    throw new Error(`The relay did not do what was planned: ${JSON.stringify(report)}`)
  return { seconds, ...report }
}
