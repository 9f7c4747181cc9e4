import { type Bound, type Load, lowerBound, networkLoad, projected } from './load.ts'
import { atLeast, atMost, type Goal, median, type Row, spread, type Table } from './table.ts'

/** Of a network that is divided, and of one as it is. */
const GOALS_BOUND = { divided: 1.05, asItIs: 1.03 }
/** By the size of our page. */
const GOALS_ZIG: ReadonlyMap<number, number> = new Map([
  [2000, 12],
  [10_000, 30],
])
const GOAL_BY_HAND = 10

/** Runs of the library on one load. */
export interface Measured {
  readonly load: Load
  /** On the network, before it was divided. */
  readonly pageSize: number
  readonly divisor: number
  readonly concurrency: number
  readonly isDefault: boolean
  readonly seconds: readonly number[]
  /** A page as a client sees it that does nothing else, in milliseconds. */
  readonly bareMs: number
  /** The database's own rate. */
  readonly pairsPerSecond: number
}

/** What the rivals would take for all pages, in seconds, by a large sample and by one half its size. */
export interface Rivals {
  readonly zig: readonly number[]
  readonly byHand: readonly number[]
  /** The pages in each sample. */
  readonly samples: readonly number[]
  readonly whole: Load
  readonly divisor: number
  /** The pause after each page in Zig's procedure, divided. */
  readonly pauseMs: number
}

/** What nobody can be faster than, with pages as long as the relay means them to be. */
export function nominalBound({ load, concurrency, pairsPerSecond }: Measured): Bound {
  return lowerBound({ load, concurrency, pairsPerSecond, pageMs: load.latencyMs })
}

/** The same with pages as a bare client sees them. */
export function bareBound({ load, concurrency, pairsPerSecond, bareMs }: Measured): Bound {
  return lowerBound({ load, concurrency, pairsPerSecond, pageMs: bareMs })
}

export function runRows(runs: readonly Measured[]): Table {
  return {
    head: [
      'page size',
      'at once',
      'network',
      'pages',
      'seconds',
      'spread',
      'pairs/s',
      'at full size',
      'held by',
      '/ bound',
      'ms a page, bare',
      '/ bare bound',
    ],
    rows: runs.map(runRow),
  }
}

function runRow(run: Measured): Row {
  const { load, pageSize, concurrency, isDefault, divisor, seconds, bareMs } = run
  const took = median(seconds)
  const nominal = nominalBound(run)
  return [
    String(pageSize),
    isDefault ? `${concurrency} (default)` : String(concurrency),
    divisor === 1 ? 'as it is' : `divided by ${divisor}`,
    String(load.pages),
    took.toFixed(1),
    spread(seconds, 1),
    Math.round(load.pairs / took).toString(),
    minutes(wholeSeconds(run) * divisor),
    nominal.by,
    (took / nominal.seconds).toFixed(3),
    `${bareMs.toFixed(2)} for ${load.latencyMs.toFixed(1)}`,
    (took / bareBound(run).seconds).toFixed(3),
  ]
}

/** What the run comes to for all pages, still divided. */
function wholeSeconds({ load, pageSize, divisor, seconds }: Measured): number {
  return projected(median(seconds), load, networkLoad({ divisor, pageSize, every: 1 }))
}

export function rivalRows(runs: readonly Measured[], rivals: Rivals): Table {
  const ours = runs.filter(({ divisor }) => divisor === rivals.divisor)
  const ratioHeads = ours.map(({ pageSize }) => `/ ours at ${pageSize}`)
  const rowOf = (name: string, timed: number | undefined, seconds: number) => [
    name,
    String(timed ?? 'none'),
    String(rivals.whole.pages),
    seconds.toFixed(0),
    minutes(seconds * rivals.divisor),
    ...ours.map((run) => (seconds / wholeSeconds(run)).toFixed(1)),
  ]
  const rowsOf = (name: string, projections: readonly number[]) =>
    projections.map((seconds, sample) => rowOf(name, rivals.samples[sample], seconds))
  return {
    head: ['rival, 1000 a page', 'pages timed', 'pages', 'projected seconds', 'at full size', ...ratioHeads],
    rows: [
      ...rowsOf('Zig procedure', rivals.zig),
      rowOf('its latency and pauses alone', undefined, waitsAlone(rivals)),
      ...rowsOf('hand-written loop', rivals.byHand),
    ],
  }
}

/** What Zig's procedure cannot be faster than: its fetching and writing cost nothing, and no timer is late. */
function waitsAlone({ whole, pauseMs }: Rivals): number {
  return (whole.pages * (whole.latencyMs + pauseMs)) / 1000
}

export function goalsOf(runs: readonly Measured[], { zig, byHand, divisor }: Rivals): Goal[] {
  const goals = runs.filter(({ pageSize }) => pageSize === 2000).flatMap(boundGoals)
  for (const run of runs.filter((each) => each.divisor === divisor)) {
    const ours = wholeSeconds(run)
    const goal = GOALS_ZIG.get(run.pageSize) ?? 0
    goals.push(
      atLeast(`the Zig procedure's time / ours at ${run.pageSize} a page`, (zig[0] ?? 0) / ours, goal, 1),
    )
    if (run.pageSize === 2000)
      goals.push(atLeast("the hand-written loop's time / ours", (byHand[0] ?? 0) / ours, GOAL_BY_HAND, 1))
  }
  return goals
}

function boundGoals(run: Measured): Goal[] {
  const of = run.divisor === 1 ? 'as it is' : `divided by ${run.divisor}`
  const goal = run.divisor === 1 ? GOALS_BOUND.asItIs : GOALS_BOUND.divided
  const took = median(run.seconds)
  return [
    atMost(`time / lower bound, network ${of}`, took / nominalBound(run).seconds, goal, 3),
    atMost(`time / bare bound, network ${of}`, took / bareBound(run).seconds, goal, 3),
  ]
}

function minutes(seconds: number): string {
  return `${(seconds / 60).toFixed(1)} min`
}
