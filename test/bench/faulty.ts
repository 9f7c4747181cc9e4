import type pg from 'pg'
import { type BackfillListener, RelayError } from '../../src/index.ts'
import { openPostgres } from '../../src/postgres/index.ts'
import { openPool } from '../support/pool.ts'
import { indexProblems } from './check.ts'
import type { FaultPlan, FaultReport } from './faults.ts'
import { type Load, networkLoad } from './load.ts'
import { type Lost, lostIn, type OwnFaults } from './lost.ts'
import { startBenchRelay } from './relay-process.ts'
import { backfill, clearTables } from './runs.ts'
import { serverText, startBenchServer } from './server.ts'
import { atMost, median, type Section, type Table } from './table.ts'

const GOAL = 0.05
interface Scale {
  /** Each so-many-th page of the network, at its own latency and page size. */
  readonly every: number
  readonly rounds: number
  readonly faults: Pick<FaultPlan, 'failsEach' | 'stormMs' | 'retryAfter'>
}

const FULL: Scale = { every: 25, rounds: 2, faults: { failsEach: 50, stormMs: 3000, retryAfter: 2 } }
const QUICK: Scale = { every: 1500, rounds: 1, faults: { failsEach: 8, stormMs: 100, retryAfter: 1 } }

interface FaultyRun extends FaultReport {
  readonly seconds: number
  /** What the longest walk met. */
  readonly longest: OwnFaults
}

/** The network again, from a relay that fails now and then and refuses everybody for a while. */
export async function faulty(quick: boolean): Promise<Section> {
  const scale = quick ? QUICK : FULL
  const load = networkLoad({ divisor: 1, pageSize: 2000, every: scale.every })
  const plan = { ...scale.faults, stormsAfter: [Math.round(load.pages / 2)] }
  await using server = await startBenchServer()
  const pool = openPool({ connectionString: server.url, max: 1 })
  const bench = { url: server.url, pool, load, problems: [] as string[] }
  try {
    await (await openPostgres(server.url))[Symbol.asyncDispose]()
    const calm: FaultyRun[] = []
    const runs: FaultyRun[] = []
    for (let round = 0; round < scale.rounds; round += 1) {
      calm.push(await run(bench))
      runs.push(await run(bench, plan))
    }
    // The fastest: one that something else slowed down would hide what the faults cost.
    const calmSeconds = Math.min(...calm.map(({ seconds }) => seconds))
    const lost = runs.map((one) => lostIn({ ...one, calmSeconds, pageMs: load.latencyMs }))
    const share = median(lost.map(({ seconds }) => seconds / calmSeconds))
    return {
      name: 'faulty',
      setup: [...setup(load, plan, scale.every), await serverText(pool)],
      goals: [atMost('time lost beyond the waits asked for', share, GOAL, 3)],
      tables: [runsTable(calm, runs, lost, calmSeconds), lostTable(lost, calmSeconds, scale.every)],
      problems: bench.problems,
    }
  } finally {
    await pool.end()
  }
}

function setup({ pages, longest, latencyMs }: Load, plan: FaultPlan, every: number): readonly string[] {
  return [
    `Each ${every}th page of the model of the network, nothing divided (${pages} pages of 2000, ${longest} in the longest walk, ` +
      `${latencyMs} ms each), on the default settings. Of the answers of each walk, each ${plan.failsEach}th fails: a 500, a 502 in ` +
      'HTML, a connection that breaks before the answer or in the middle of it. Half-way, every request is refused for ' +
      `${plan.stormMs} ms, with 429 and Retry-After: ${plan.retryAfter}.`,
    '"asked to wait" is the time in which nobody should have asked, by the account of the relay, and "too early" how many asked ' +
      'all the same. "lost" is what is left of the difference to the fastest run without faults, as a share of that; taken in turns.',
    'The second table says what it was lost to, in the longest walk, which the run is as long as. A client that asks again at once, ' +
      `and goes on in the moment in which each wait is over, loses the first row, ${latencyMs} ms for each answer that failed: less is ` +
      'not to be had. The pauses are those that the hook `retry` told after such answers. Both grow with the run. The storm is the ' +
      'rest: jitter on the waits, one request that asks whether the relay still refuses, and half of the requests at first. That ' +
      'is a cost of each storm, however long the run is, and what else differs between two runs is in it as well. "at full size" is a ' +
      'run of all pages with one such storm.',
  ]
}

function runsTable(
  calm: readonly FaultyRun[],
  runs: readonly FaultyRun[],
  lost: readonly Lost[],
  calmSeconds: number,
): Table {
  return {
    head: [
      'run',
      'seconds',
      'failed',
      'in the longest walk',
      'refused',
      'asked to wait',
      'too early',
      'lost',
    ],
    rows: [
      ...calm.map(({ seconds }) => ['no faults', seconds.toFixed(1), '0', '0', '0', '', '', '']),
      ...runs.map(({ seconds, failed, longest, refused, askedMs, early }, round) => [
        'with faults',
        seconds.toFixed(1),
        String(failed),
        String(longest.failed),
        String(refused),
        `${(askedMs / 1000).toFixed(1)} s`,
        String(early),
        percent((lost[round]?.seconds ?? Number.NaN) / calmSeconds),
      ]),
    ],
  }
}

function lostTable(lost: readonly Lost[], calmSeconds: number, every: number): Table {
  const failed = median(lost.map(({ failedSeconds }) => failedSeconds))
  const pauses = median(lost.map(({ pauseSeconds }) => pauseSeconds))
  const storm = median(lost.map(({ stormSeconds }) => stormSeconds))
  const row = (where: string, seconds: number, fullSeconds: number) => [
    where,
    seconds.toFixed(2),
    percent(seconds / calmSeconds),
    percent(fullSeconds / (calmSeconds * every)),
  ]
  return {
    head: ['lost to', 'seconds', 'share', 'at full size'],
    rows: [
      row('answers that failed: the least that any client loses', failed, failed * every),
      row('pauses before asking again', pauses, pauses * every),
      row('the storm, and what else differs', storm, storm),
      row('all', failed + pauses + storm, (failed + pauses) * every + storm),
    ],
  }
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`
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
  const { own, onEvent } = ownFaults(load)
  const seconds = await backfill({ url, relay, load, onEvent })
  const who = faults === undefined ? 'without faults' : 'with faults'
  problems.push(...(await indexProblems(pool, relay.contents, who)))
  const report = faults ? await relay.faults() : { failed: 0, refused: 0, askedMs: 0, early: 0 }
  // Without both, the figure would be of something else.
  if (faults !== undefined && (report.failed === 0 || report.refused === 0))
    throw new Error(`The relay did not do what was planned: ${JSON.stringify(report)}`)
  return { seconds, ...report, longest: own }
}

/** Keeps the account of the longest walk. Refusals are not in it: the relay asked for those waits. */
function ownFaults({ sizes }: Load): { own: OwnFaults; onEvent: BackfillListener } {
  const [longest] = Object.entries(sizes).toSorted(([, a], [, b]) => b - a)[0] ?? []
  const own = { failed: 0, pausedMs: 0 }
  return {
    own,
    onEvent(event) {
      if (event.type !== 'retry' || event.collection !== longest) return
      if (event.error instanceof RelayError && event.error.status === 429) return
      own.failed += 1
      own.pausedMs += event.waitMs
    },
  }
}
