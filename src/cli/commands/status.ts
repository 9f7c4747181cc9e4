import type { CollectionState, ProgressStore } from '../../contracts/progress-store.ts'
import { isBackfillError } from '../../errors.ts'
import { relayUrl } from '../../http/server-url.ts'
import { createThroughput, type Throughput } from '../../monitor/throughput.ts'
import { sleep } from '../../util/abort.ts'
import { describe } from '../../util/describe.ts'
import { printable } from '../../util/text.ts'
import type { RelayOptions } from '../command-options.ts'
import { type Context, EXIT } from '../context.ts'
import { type Database, openExisting } from '../database.ts'
import { type Display, showLiveDisplay } from '../output/live-display.ts'
import { type Screen, screenOf } from '../output/screen.ts'
import {
  countsOf,
  inOrder,
  pairsOf,
  type StatusView,
  statusLine,
  statusTable,
} from '../output/status-text.ts'
import { widthOf } from '../output/terminal-text.ts'

export interface StatusOptions extends RelayOptions {
  readonly json?: boolean
  readonly watch?: boolean
  readonly all?: boolean
  readonly state?: readonly CollectionState[]
}

/** How often `--watch` looks, in milliseconds. */
const LOOK_EVERY_MS = 2_000
const RATE_WINDOW_MS = 10_000
/** Lines where not every collection is asked for: what the smallest usual terminal shows at once. */
const SHORT = 22

/** Tells how far the work is, over all runs. @returns the exit code */
export async function status(options: StatusOptions, database: Database, context: Context): Promise<number> {
  const { interruption, out, env } = context
  await using store = await openExisting(database, interruption)
  const sources = options.relay?.map((relay) => relayUrl(relay).relay)
  const read = () => readViews(store.progress, sources, options.state)
  // Awaited here: the store is closed as soon as this function returns.
  if (options.watch) return await watch(read, options, context)
  const views = await read()
  if (options.json) out.write(jsonOf(views))
  else out.write(`${lines(views, screenOf(out, env), options.all ? Infinity : SHORT).join('\n')}\n`)
  return EXIT.complete
}

/** Looks again and again, until it is interrupted; a database that is away for a while is waited for. */
async function watch(
  read: () => Promise<StatusView[]>,
  { json: asJson, all }: StatusOptions,
  { interruption: { signal }, out, env }: Context,
): Promise<number> {
  const withRates = speedometers()
  let views = withRates(await read())
  let trouble: string[] = []
  const show = (): Display => ({
    // The last row is the cursor's.
    lines: (screen) => [
      ...lines(views, screen, all ? Infinity : screen.rows - 1 - trouble.length),
      ...trouble,
    ],
    plain: () => [...views.map(statusLine), ...trouble].join('; '),
  })
  const live = asJson ? undefined : showLiveDisplay(show(), { out, env })
  try {
    for (;;) {
      if (asJson) out.write(jsonOf(views))
      await sleep(LOOK_EVERY_MS, signal)
      try {
        views = withRates(await read())
        trouble = []
      } catch (error) {
        signal.throwIfAborted()
        if (!isBackfillError(error, 'STORE_UNAVAILABLE')) throw error
        trouble = [printable(describe(error))]
      }
      live?.refresh()
    }
  } finally {
    live?.stop()
    if (live) out.write(`${views.map(statusLine).join('\n')}\n`)
  }
}

async function readViews(
  progress: ProgressStore,
  sources: readonly string[] | undefined,
  states: readonly CollectionState[] | undefined,
): Promise<StatusView[]> {
  const lists = await Promise.all((sources ?? [undefined]).map((relay) => progress.list({ relay })))
  const byRelay = Map.groupBy(lists.flat(), (row) => row.relay)
  return [...byRelay].map(([name, rows]) => ({
    relay: name,
    rows,
    shown: states === undefined ? rows : rows.filter(({ state }) => states.includes(state)),
  }))
}

/** Adds the speed of the last seconds, told from what was read before. */
function speedometers(): (views: readonly StatusView[]) => StatusView[] {
  const sources = new Map<string, { throughput: Throughput; pairs: number }>()
  return (views) =>
    views.map((view) => {
      const now = performance.now()
      const pairs = pairsOf(view.rows)
      const known = sources.get(view.relay) ?? { throughput: createThroughput(now), pairs }
      known.throughput.add(now, { imported: Math.max(0, pairs - known.pairs) })
      sources.set(view.relay, { ...known, pairs })
      return { ...view, pairsPerSecond: known.throughput.rate(now, 'imported', RATE_WINDOW_MS) }
    })
}

/** @param most how many lines there may be, shared by the relays */
function lines(views: readonly StatusView[], screen: Screen, most: number): string[] {
  if (views.length === 0)
    return ['Nothing is registered yet: atproto-collection-backfill run --relay HOST begins.']
  const share = Math.floor(most / views.length)
  return views.flatMap((view) => {
    const sums = statusLine(view)
    // The sums may wrap, and a line below the table tells what it leaves out.
    const others = Math.ceil(widthOf(sums) / screen.columns) + 1
    return [sums, ...(view.shown.length === 0 ? [] : statusTable(view.shown, screen, share - others))]
  })
}

/** An object in a line for each relay. */
function jsonOf(views: readonly StatusView[]): string {
  const objects = views.map(({ relay, rows, shown, pairsPerSecond }) => ({
    relay,
    ...countsOf(rows),
    imported: pairsOf(rows),
    pairsPerSecond,
    collections: inOrder(shown),
  }))
  return objects.map((object) => `${JSON.stringify(object)}\n`).join('')
}
