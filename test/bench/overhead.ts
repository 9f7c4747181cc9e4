import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { startRelayProcess } from '../support/relay-process.ts'
import { startChild } from './child.ts'
import type { OverheadOptions, OverheadReport } from './overhead-child.ts'
import { atMost, type Goal, median, type Row, type Section } from './table.ts'

const GOAL_ALONE = 0.2
const GOAL_HTTP = 1.0
const GOAL_GROWTH = 1.1
const GOAL_MEMORY = 150

/** Enough to keep every worker busy to the end. */
const COLLECTIONS = 4
const PAGE_SIZE = 2000

interface Scale {
  /** The pairs of a small run and of a large one. */
  readonly pairs: readonly [number, number]
  readonly rounds: number
}

const FULL: Scale = { pairs: [1_000_000, 20_000_000], rounds: 3 }
const QUICK: Scale = { pairs: [8_000, 40_000], rounds: 1 }

interface Case {
  readonly name: string
  readonly pairs: number
  readonly reports: readonly OverheadReport[]
}

/**
 * Keeps V8's heap small: by itself it takes what it likes before it tidies up. A page leaves half a megabyte of garbage, so a
 * semi-space of 4 MB holds what is in flight until it is garbage; with 2 MB much of it is moved to the old space before, for half
 * as much CPU again and no less memory. 64 MB are five times what is alive.
 */
const SMALL_HEAP: readonly string[] = ['--max-old-space-size=64', '--max-semi-space-size=4']

/** What the library costs where no database is: CPU time and memory. */
export async function overhead(quick: boolean): Promise<Section> {
  const { pairs, rounds } = quick ? QUICK : FULL
  const [small, large] = pairs
  const bench: Bench = {
    program: quick ? './overhead-child.ts' : await compiledChild(),
    rounds,
    problems: [],
  }
  const alone = [await measure(bench, { name: 'alone', pairs: small })]
  alone.push(await measure(bench, { name: 'alone', pairs: large }))
  const http = await overHttp(bench, pairs, { name: 'over HTTP' })
  const bare = await overHttp(bench, pairs, { name: 'bare client', bare: true })
  const smallHeap = { nodeOptions: SMALL_HEAP }
  const httpSmall = await overHttp(bench, pairs, { name: 'over HTTP, small heap', ...smallHeap })
  const bareSmall = await overHttp(bench, pairs, {
    name: 'bare client, small heap',
    bare: true,
    ...smallHeap,
  })
  return {
    name: 'overhead',
    setup: [
      'The default settings, a sink that does nothing and the progress in memory, each run in a process of its own, compiled as the ' +
        'package is. "alone": the lister has one page in memory and gives it again and again. "over HTTP": a relay in another process, ' +
        `with the real client, parsing and validation. ${PAGE_SIZE} a page, ${COLLECTIONS} collections; medians of ${rounds} runs, one ` +
        'of the largest over HTTP. CPU is that of all threads, the garbage collector and the compiler among them; the peak is the ' +
        'whole resident set, Node itself with it; "alive" is what is left of heap and buffers once the garbage is collected, taken ' +
        'while the sink has the last page.',
      '"bare client": a program without the library that does `fetch` and `response.json()` for the same pages, as many at once, and ' +
        'keeps nothing. Its peak is what Node takes by itself: V8 lets garbage lie for as long as it thinks that there is memory, so ' +
        `the peak says little of what is needed. "small heap": with ${SMALL_HEAP.join(' ')}. The first million pairs are over before ` +
        'V8 has compiled what it will and taken what it may.',
    ],
    goals: goalsOf(alone, http, httpSmall),
    tables: [
      {
        head: ['run', 'pairs', 'CPU us a pair', 'CPU us a page', 'peak MB', 'alive MB'],
        rows: [...alone, ...http, ...bare, ...httpSmall, ...bareSmall].map(rowOf),
      },
    ],
    problems: bench.problems,
    allRight: 'No index is kept; every run took as many pairs as there were and completed every collection.',
  }
}

/** As users have it: Node's own compiler for TypeScript would take some 40 MB of the memory that is measured. */
async function compiledChild(): Promise<string> {
  const project = fileURLToPath(new URL('./tsconfig.overhead.json', import.meta.url))
  const compiler = fileURLToPath(new URL('../../node_modules/typescript/bin/tsc', import.meta.url))
  await promisify(execFile)(process.execPath, [compiler, '-p', project])
  return '../../node_modules/.cache/bench/test/bench/overhead-child.js'
}

interface Bench {
  readonly program: string
  readonly rounds: number
  readonly problems: string[]
}

interface Client {
  readonly name: string
  readonly bare?: boolean
  readonly nodeOptions?: readonly string[]
}

/** A small and a large run; the large one once, since it takes long enough. */
async function overHttp(
  bench: Bench,
  [small, large]: readonly [number, number],
  client: Client,
): Promise<readonly [Case, Case]> {
  const run = async (pairs: number, rounds: number) => {
    await using relay = await startRelayProcess({ collections: sizesOf(pairs) })
    return await measure({ ...bench, rounds }, { ...client, pairs, relayUrl: relay.url })
  }
  return [await run(small, bench.rounds), await run(large, 1)]
}

interface CaseOptions extends Client {
  readonly pairs: number
  readonly relayUrl?: string
}

async function measure(
  { program, rounds, problems }: Bench,
  { name, pairs, relayUrl, bare, nodeOptions = [] }: CaseOptions,
): Promise<Case> {
  const options: OverheadOptions = { sizes: sizesOf(pairs), pageSize: PAGE_SIZE, relayUrl, bare }
  const reports: OverheadReport[] = []
  for (let round = 0; round < rounds; round += 1) {
    await using child = startChild(program, options, ['--expose-gc', ...nodeOptions])
    const report = await child.hear<OverheadReport>()
    reports.push(report)
    if (report.imported !== pairs || report.completed !== COLLECTIONS)
      problems.push(`${name}: ${report.imported} of ${pairs} pairs, ${report.completed} collections complete`)
  }
  return { name, pairs, reports }
}

/** The first is what the check before a run asks for. */
function sizesOf(pairs: number): Record<string, number> {
  const names = Array.from({ length: COLLECTIONS - 1 }, (_, n) => `com.example.bench.n${n}`)
  return Object.fromEntries(['app.bsky.actor.profile', ...names].map((nsid) => [nsid, pairs / COLLECTIONS]))
}

function microsPerPair({ reports }: Case): number {
  return median(reports.map(({ cpuMicros, imported }) => cpuMicros / imported))
}

function peakMegabytes({ reports }: Case): number {
  return median(reports.map(({ peakBytes }) => peakBytes)) / 1e6
}

function aliveMegabytes({ reports }: Case): number {
  return median(reports.map(({ aliveBytes }) => aliveBytes)) / 1e6
}

function rowOf(measured: Case): Row {
  return [
    measured.name,
    String(measured.pairs),
    microsPerPair(measured).toFixed(3),
    median(measured.reports.map(({ cpuMicros, pages }) => cpuMicros / pages)).toFixed(0),
    peakMegabytes(measured).toFixed(0),
    aliveMegabytes(measured).toFixed(1),
  ]
}

function goalsOf(
  alone: readonly Case[],
  http: readonly [Case, Case],
  smallHeap: readonly [Case, Case],
): Goal[] {
  const memoryGoals = ([small, large]: readonly [Case, Case]) => [
    atMost(
      `peak memory ${large.name}, ${large.pairs} pairs / ${small.pairs}`,
      peakMegabytes(large) / peakMegabytes(small),
      GOAL_GROWTH,
    ),
    atMost(`peak memory ${large.name}, ${large.pairs} pairs, MB`, peakMegabytes(large), GOAL_MEMORY, 0),
  ]
  return [
    ...alone.slice(-1).map((run) => atMost('alone, CPU us a pair', microsPerPair(run), GOAL_ALONE, 3)),
    atMost('over HTTP, parsed and validated, CPU us a pair', microsPerPair(http[1]), GOAL_HTTP, 3),
    atMost(
      `alive over HTTP, ${http[1].pairs} pairs / ${http[0].pairs}`,
      aliveMegabytes(http[1]) / aliveMegabytes(http[0]),
      GOAL_GROWTH,
    ),
    ...memoryGoals(smallHeap),
    ...memoryGoals(http),
  ]
}
