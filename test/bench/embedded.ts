import { join } from 'node:path'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { startChild } from './child.ts'
import { type EmbeddedMark, type EmbeddedOptions, ORDERS, STORES } from './embedded-lines.ts'
import { startBenchServer } from './server.ts'
import { atLeast, atMost, type Goal, type Row, type Section } from './table.ts'

/** How long each store may write, in each order, in seconds; the environment's BENCH_SECONDS in its place. */
const SECONDS = Number(process.env.BENCH_SECONDS ?? 100)
const MARKS = [3_000_000, 20_000_000, 60_000_000]
const QUICK = { seconds: 20, marks: [12_000, 24_000], orders: ['random'] as const }

const GOAL_PAIRS_PER_SECOND = 150_000
const GOAL_BYTES = 30
const GOAL_MEGABYTES = 300
const GOAL_OPEN_MS = 500

interface Measured extends EmbeddedMark {
  readonly store: EmbeddedOptions['store']
  readonly order: EmbeddedOptions['order']
}

/** SQLite, PGlite and Postgres beside each other, growing: pairs a second, bytes, memory, and what is written. */
export async function embedded(quick: boolean): Promise<Section> {
  const { seconds, marks, orders } = quick ? QUICK : { seconds: SECONDS, marks: MARKS, orders: ORDERS }
  const measured: Measured[] = []
  for (const order of orders)
    for (const store of STORES)
      for (const mark of await measure(store, order, { seconds, marks }))
        measured.push({ ...mark, store, order })
  return {
    name: 'embedded',
    setup: [
      `Six collections side by side in pages of 2,000, pairs and cursor in one transaction, each store in a process of its own for ` +
        `${seconds} s or up to ${marks.at(-1)} pairs; the time of making the DIDs is not counted. Postgres runs with fsync, ` +
        'the other two as they are opened by default. Memory and CPU time are those of the process that writes, without the server. Written is what that ' +
        'process handed to the system, for Postgres what its server says, journal included. The longest wait is that of six pages at once.',
    ],
    goals: goalsOf(measured),
    tables: [
      {
        head: [
          'order',
          'store',
          'pairs',
          'pairs/s on the way',
          'CPU µs/pair',
          'bytes/pair',
          'written/pair',
          'peak MB',
          'longest wait ms',
          'open ms',
          'close ms',
        ],
        rows: measured.map(rowOf),
      },
    ],
    problems: [],
    allRight: 'Each store counted each pair as new, once.',
  }
}

async function measure(
  store: EmbeddedOptions['store'],
  order: EmbeddedOptions['order'],
  limits: Pick<EmbeddedOptions, 'seconds' | 'marks'>,
): Promise<EmbeddedMark[]> {
  await using folder = await temporaryFolder()
  await using server = store === 'Postgres' ? await startBenchServer() : undefined
  const place = server?.url ?? join(folder.path, store)
  await using child = startChild('embedded-child.ts', { store, order, place, ...limits }, ['--no-warnings'])
  const marks: EmbeddedMark[] = []
  for (;;) {
    const mark = await child.hear<EmbeddedMark | null>()
    if (mark === null) return marks
    marks.push(mark)
  }
}

function goalsOf(measured: readonly Measured[]): Goal[] {
  const at = (store: EmbeddedOptions['store']) =>
    measured.filter((mark) => mark.store === store && mark.order === 'random')
  const sqlite = at('SQLite')
  const last = sqlite.at(-1)
  // Flat: on the way to each size up to 20 million, or as far as it came in its time.
  const stretches = sqlite.slice(0, 2)
  const slowest = Math.min(...stretches.map(({ pairsPerSecond }) => pairsPerSecond))
  const [pglite] = at('PGlite')
  const startAndEnd = (last?.openMs ?? Number.NaN) + (last?.closeMs ?? Number.NaN)
  return [
    atLeast(
      `SQLite, random order: pairs/s, the slowest stretch to ${stretches.at(-1)?.pairs} pairs`,
      slowest,
      GOAL_PAIRS_PER_SECOND,
      0,
    ),
    atLeast('the same / PGlite on its first stretch', slowest / (pglite?.pairsPerSecond ?? Number.NaN), 3),
    atMost('SQLite, random order: bytes per pair', (last?.bytes ?? 0) / (last?.pairs ?? 1), GOAL_BYTES, 1),
    atMost('SQLite: peak memory of the process in MB', last?.peakMegabytes ?? Number.NaN, GOAL_MEGABYTES, 0),
    atMost('SQLite: opening and closing in ms', startAndEnd, GOAL_OPEN_MS, 0),
  ]
}

function rowOf({ order, store, ...mark }: Measured): Row {
  const { pairs, pairsPerSecond, cpuMicros, bytes, written, peakMegabytes, longestMs, openMs, closeMs } = mark
  return [
    order,
    store,
    String(pairs),
    pairsPerSecond.toFixed(0),
    cpuMicros.toFixed(1),
    (bytes / pairs).toFixed(1),
    (written / pairs).toFixed(0),
    peakMegabytes.toFixed(0),
    longestMs.toFixed(0),
    openMs.toFixed(0),
    closeMs?.toFixed(0) ?? '',
  ]
}
