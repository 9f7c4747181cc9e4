import type { CollectionProgress, CollectionState } from '../../contracts/collection-progress.ts'
import type { CrawlStatus } from '../../contracts/crawl-events.ts'
import type { ProgressStore } from '../../contracts/progress-store.ts'
import { crawlStatusOf } from '../../crawl/crawl-status.ts'
import { isBackfillError } from '../../errors.ts'
import { relayUrl } from '../../http/server-url.ts'
import { createMonitor } from '../../monitor/monitor.ts'
import type { Monitor } from '../../monitor/snapshot.ts'
import { sleep } from '../../util/abort.ts'
import { describe } from '../../util/describe.ts'
import { collectionRows } from '../../util/scopes.ts'
import { printable } from '../../util/text.ts'
import type { RelayOptions } from '../command-options.ts'
import { type Context, EXIT } from '../context.ts'
import type { Database } from '../database.ts'
import { openExisting } from '../open-database.ts'
import { crawlStatusLine, hostTable } from '../output/crawl-text.ts'
import type { Display } from '../output/live-display.ts'
import { type Screen, screenOf } from '../output/screen.ts'
import {
  countsOf,
  importedOf,
  inOrder,
  type Speeds,
  type StatusView,
  statusLine,
  statusTable,
} from '../output/status-text.ts'
import { wrap } from '../output/terminal-text.ts'
import { type OtherWork, otherWorkLines, otherWorkOf } from '../output/work-text.ts'
import { unknownRelay } from '../unknown-relay.ts'

export interface StatusOptions extends RelayOptions {
  readonly json?: boolean
  readonly watch?: boolean
  readonly all?: boolean
  readonly state?: readonly CollectionState[]
}

/** How often `--watch` looks, and how long a single look takes at what is running, in milliseconds. */
const LOOK_EVERY_MS = 2_000
/** A speed is that of so many looks. */
const LOOKS = 6
/** Lines where not every collection is asked for: what the smallest usual terminal shows at once. */
const SHORT = 22

/** Tells how far the work is, over all runs. @returns the exit code */
export async function status(options: StatusOptions, database: Database, context: Context): Promise<number> {
  const { interruption, out, env } = context
  await using store = await openExisting(database, interruption)
  const look = createLooks(store.progress, options)
  // Awaited here: the store is closed as soon as this function returns.
  if (options.watch) return await watch(look, options, context)
  let found = await look()
  await refuseUnknown(options, found, store.progress)
  if (found.views.some(({ rows }) => rows.some(({ state }) => state === 'running'))) {
    // How fast that goes, and so how long it takes, shows in a second look.
    await sleep(LOOK_EVERY_MS, interruption.signal)
    found = await look()
  }
  if (options.json) out.write(jsonOf(found))
  else
    out.write(
      `${lines(found, options, { screen: screenOf(out, env), isWrapped: out.isTTY }, options.all ? Infinity : SHORT).join('\n')}\n`,
    )
  return EXIT.complete
}

/** What one look finds. */
interface Found {
  /** A view for each relay. */
  readonly views: readonly StatusView[]
  /** The hosts that are crawled. Absent where none is, or a relay alone is asked for. */
  readonly crawl: CrawlStatus | undefined
  /** Feeds, prunes, and files. None where a relay alone is asked for. */
  readonly work: readonly OtherWork[]
}

type Look = () => Promise<Found>

/** A misspelt relay is noticed; `--watch` waits for one whose run is still to begin. */
async function refuseUnknown(
  { relay: asked = [] }: StatusOptions,
  { views }: Found,
  progress: ProgressStore,
): Promise<void> {
  const found = new Set(views.map(({ relay }) => relay))
  const unknown = asked.map((each) => relayUrl(each).relay).find((relay) => !found.has(relay))
  if (unknown === undefined) return
  const known = collectionRows(await progress.list()).map(({ relay }) => relay)
  throw unknownRelay(unknown, [...new Set(known)])
}

/** Looks again and again, until it is interrupted; a database that is away for a while is waited for. */
async function watch(
  look: Look,
  options: StatusOptions,
  { interruption: { signal }, out, env }: Context,
): Promise<number> {
  const { json: asJson, all } = options
  let found = await look()
  let trouble: string[] = []
  const show = (): Display => ({
    // The last row is the cursor's.
    lines: (screen) => [
      ...lines(
        found,
        options,
        { screen, isWrapped: true },
        all ? Infinity : screen.rows - 1 - trouble.length,
      ),
      ...trouble,
    ],
    plain: () => [...sumsOf(found), ...trouble].join('; '),
  })
  // A single look starts in half the time without what draws the display.
  const { showLiveDisplay } = await import('../output/live-display.ts')
  const live = asJson ? undefined : showLiveDisplay(show(), { out, env })
  try {
    for (;;) {
      if (asJson) out.write(jsonOf(found))
      await sleep(LOOK_EVERY_MS, signal)
      try {
        found = await look()
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
    if (live) {
      const { columns } = screenOf(out, env)
      const left = sumsOf(found)
      out.write(`${(out.isTTY ? left.flatMap((line) => wrap(line, columns - 1)) : left).join('\n')}\n`)
    }
  }
}

/** What is remembered of a relay between two looks. */
interface Watched {
  readonly monitor: Monitor
  readonly looks: { at: number; imported: ReadonlyMap<string, number> }[]
}

/** Each look reads the store, and tells speeds and the time left from the looks before. */
function createLooks(progress: ProgressStore, { relay, state: states }: StatusOptions): Look {
  const relays = relay?.map((each) => relayUrl(each).relay) ?? [undefined]
  const watched = new Map<string, Watched>()
  return async () => {
    const lists = await Promise.all(relays.map((name) => progress.list({ relay: name })))
    const rows = lists.flat()
    const crawl = crawlStatusOf(rows)
    const byRelay = Map.groupBy(collectionRows(rows), (row) => row.relay)
    const views = await Promise.all(
      Array.from(byRelay, async ([name, rows]): Promise<StatusView> => {
        const known = watched.get(name) ?? { monitor: createMonitor({ relay: name }), looks: [] }
        watched.set(name, known)
        await known.monitor.refresh(async () => rows)
        const { work, timeLeft } = known.monitor.snapshot()
        const shown = states === undefined ? rows : rows.filter(({ state }) => states.includes(state))
        return { relay: name, rows, shown, work, timeLeft, speeds: speedsOf(known, rows) }
      }),
    )
    const isShown = ({ state }: OtherWork) => states === undefined || states.includes(state)
    const work = otherWorkOf(rows).filter(isShown)
    return { views, crawl: crawl.total === 0 ? undefined : crawl, work }
  }
}

/** The speeds since the first of the last looks. */
function speedsOf({ looks }: Watched, rows: readonly CollectionProgress[]): Speeds | undefined {
  const now = { at: performance.now(), imported: new Map(rows.map((row) => [row.collection, row.imported])) }
  const [first] = looks
  looks.push(now)
  if (looks.length > LOOKS) looks.shift()
  if (first === undefined) return undefined
  const seconds = (now.at - first.at) / 1000
  // What was not known then has been begun since.
  const of = new Map(
    rows.map(({ collection, imported }) => {
      const more = imported - (first.imported.get(collection) ?? 0)
      return [collection, Math.max(0, more) / seconds]
    }),
  )
  return { all: [...of.values()].reduce((sum, speed) => sum + speed, 0), of }
}

/**
 * @param at the screen, and whether lines are broken at its width
 * @param most how many lines there may be, shared by the relays
 */
function lines(
  { views, crawl, work }: Found,
  { state: states = [] }: StatusOptions,
  { screen, isWrapped }: { screen: Screen; isWrapped: boolean },
  most: number,
): string[] {
  const sections = views.length + (crawl === undefined ? 0 : 1)
  const others = otherWorkLines(work).flatMap((line) => (isWrapped ? wrap(line, screen.columns - 1) : [line]))
  if (sections === 0 && others.length > 0) return others
  if (sections === 0)
    return ['Nothing is registered yet: atproto-collection-backfill run --relay HOST begins.']
  const share = Math.floor((most - others.length) / sections)
  const ofRelays = views.flatMap((view) => {
    const sums = isWrapped ? wrap(statusLine(view), screen.columns - 1) : [statusLine(view)]
    if (view.shown.length === 0) return [...sums, `  No collection is ${states.join(' or ')}.`]
    // A line below the table tells what it leaves out.
    return [...sums, ...statusTable(view, screen, share - sums.length - 1)]
  })
  if (crawl === undefined) return [...ofRelays, ...others]
  const sums = isWrapped ? wrap(crawlStatusLine(crawl), screen.columns - 1) : [crawlStatusLine(crawl)]
  const shown = crawl.hosts.filter(
    ({ state }) => states.length === 0 || states.some((each) => each === state),
  )
  return [...ofRelays, ...sums, ...hostTable(shown, screen, share - sums.length - 1), ...others]
}

/** What each section begins with. */
function sumsOf({ views, crawl, work }: Found): string[] {
  const ofHosts = crawl === undefined ? [] : [crawlStatusLine(crawl)]
  return [...views.map(statusLine), ...ofHosts, ...otherWorkLines(work)]
}

/** An object in a line for each relay, one for the hosts that are crawled, and one for feeds, prunes and files. */
function jsonOf({ views, crawl, work }: Found): string {
  const objects = views.map(({ relay, rows, shown, work, timeLeft, speeds }) => ({
    relay,
    ...countsOf(rows),
    imported: importedOf(rows),
    importedPerSecond: speeds?.all,
    work,
    timeLeft,
    collections: inOrder(shown),
  }))
  return [...objects, ...(crawl === undefined ? [] : [{ crawl }]), ...(work.length === 0 ? [] : [{ work }])]
    .map((object) => `${JSON.stringify(object)}\n`)
    .join('')
}
