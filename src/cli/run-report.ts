import type { BackfillEvent } from '../contracts/events.ts'
import type { Compacted } from '../contracts/opened-store.ts'
import type { CollectionFailure, RelayFailure } from '../contracts/run-failures.ts'
import type { BackfillSummary, RelaySummary } from '../contracts/run-status.ts'
import { apartFromCancelled, FLAG_WORDS } from '../util/flags.ts'
import { count, duration, minuteOf, percent, plural } from '../util/format.ts'
import { printable, withoutName } from '../util/text.ts'
import type { Context } from './context.ts'
import { compactText } from './output/compact-text.ts'
import { eventWriter, writeBackfillEvent } from './output/json-lines.ts'
import { createMessages } from './output/messages.ts'
import { createProgressLines } from './output/progress-lines.ts'
import { relaysDisplay, relaysLine } from './output/relays-display.ts'
import type { Screen } from './output/screen.ts'
import { runLine, summaryLines } from './output/summary-text.ts'
import { ofTotal } from './output/terminal-format.ts'
import { wrap } from './output/terminal-text.ts'
import type { Relay } from './relay-options.ts'
import { createTerminal } from './terminal.ts'

/** More would not be read; `status` has them all. */
const MAX_FAILURES = 50
const MAX_FLAGGED = 10

/** How a run ended. */
export type RunEnd =
  | {
      readonly outcome: 'complete'
      readonly exitCode: number
      readonly summary: BackfillSummary
      readonly compacted?: Compacted
    }
  | {
      readonly outcome: 'incomplete'
      readonly exitCode: number
      readonly summary: BackfillSummary
      readonly failures: readonly CollectionFailure[]
      /** Relays that could not be walked to the end at all. */
      readonly failedRelays: readonly RelayFailure[]
    }
  | { readonly outcome: 'interrupted'; readonly exitCode: number; readonly summary?: BackfillSummary }
  | { readonly outcome: 'failed'; readonly exitCode: number; readonly error: unknown }

/** Tells how a run goes, from its beginning to its end. */
export interface RunReport {
  /** An event of a run, of one relay or of another. */
  handle(event: BackfillEvent): void
  begin(run: { relays: readonly string[]; database: string; status?: string; metrics?: string }): void
  /** Takes away what was only for the time of the run; told before the rest is closed. */
  end(end: RunEnd): void
  /** The next run begins after a while: the option `--every`. */
  wait(ms: number): void
}

/** For programs: an object in a line for everything that happens. */
export function jsonReport(relays: readonly Relay[], { out, debug }: Context): RunReport {
  const write = eventWriter(out, debug)
  const progress = createProgressLines(relays, write)
  return {
    handle: (event) => writeBackfillEvent(write, event),
    begin(run) {
      write('begin', run)
      progress.begin()
    },
    end(end) {
      progress.end()
      write('end', end)
    },
    wait: (waitMs) => write('nextRun', { waitMs, begins: new Date(Date.now() + waitMs) }),
  }
}

/** For people: a display that is kept up to date, and lines that stay. */
export function textReport(relays: readonly Relay[], context: Context): RunReport {
  const terminal = createTerminal(context)
  const messages = createMessages(terminal, { namesRelays: relays.length > 1 })
  let isPostgres = false
  const sayWrapped = (lines: readonly string[]) => {
    for (const line of lines) terminal.say(wrap(line, terminal.screen().columns - 1))
  }
  return {
    handle(event) {
      messages.handle(event)
      if (event.type === 'page') terminal.refresh()
    },
    begin({ database, status, metrics }) {
      isPostgres = database.startsWith('postgres')
      terminal.say([
        ...relays.map(({ relay }) => `relay  ${relay}`),
        `index  ${printable(database)}`,
        ...(status === undefined ? [] : [`watch  ${status}`]),
        ...(metrics === undefined ? [] : [`metrics  ${metrics}`]),
      ])
      const known = relays.filter(({ monitor }) => monitor.snapshot().collections.total > 0)
      sayWrapped(known.map((relay) => `resuming: ${howFar(relay, relays)}`))
      terminal.show({ lines: (size) => relaysDisplay(relays, size), plain: () => relaysLine(relays) })
    },
    end(end) {
      terminal.clear()
      const screen = terminal.screen()
      if (end.outcome === 'complete') {
        const compact = compactLines(end, isPostgres)
        terminal.say(['', ...outcomeLines(relays, end.summary, screen), ...compact, ''])
      }
      if (end.outcome === 'incomplete') {
        terminal.say(['', ...outcomeLines(relays, end.summary, screen), ''])
        context.err.write(`${failureLines(end).join('\n')}\n`)
      }
      if (end.outcome === 'interrupted') sayWrapped(stoppedLines(relays, end.summary))
    },
    wait(ms) {
      const at = minuteOf(new Date(Date.now() + ms))
      sayWrapped([`The next run begins in ${duration(ms)}, at ${at}. Ctrl-C ends.`])
    },
  }
}

/** New pairs after which a Postgres has much room between them. */
const WORTH_COMPACTING = 1_000_000

/** What compacting has come to, or that it is worth it. */
function compactLines(
  { compacted, summary }: Extract<RunEnd, { outcome: 'complete' }>,
  isPostgres: boolean,
): string[] {
  if (compacted !== undefined) return [`  ${compactText(compacted)}`]
  if (!isPostgres || summary.added < WORTH_COMPACTING) return []
  return ['  atproto-collection-backfill compact makes the index smaller.']
}

function outcomeLines(relays: readonly Relay[], summary: BackfillSummary, screen: Screen): string[] {
  const { failedSources } = summary
  return [
    ...tables(relays, summary.relays, screen),
    ...(relays.length === 1 ? [] : ['', `  all relays, ${runLine(summary)}`]),
    ...flagLines(relays),
    // Complete is what was known: a source that failed may know of more.
    ...(failedSources.length === 0
      ? []
      : [`  ${printable(failedSources.join(', '))} failed: what it knows may be missing. Run again later.`]),
  ]
}

/** The collections that are to be looked at though they are complete, the largest first, each with what to do. */
function flagLines(relays: readonly Relay[]): string[] {
  const flagged = relays
    .flatMap(({ monitor }) =>
      monitor.collections().filter(({ state, flags }) => state === 'complete' && flags.length > 0),
    )
    .toSorted((a, b) => b.imported - a.imported)
  const more = flagged.length - MAX_FLAGGED
  return [
    ...flagged.slice(0, MAX_FLAGGED).map(({ relay, collection, flags }) => {
      const where = relays.length === 1 ? '' : ` at ${printable(relay)}`
      return `  ${printable(collection)}${where}: ${flags.map((flag) => FLAG_WORDS[flag]).join('; ')}.`
    }),
    ...(more > 0 ? [`  and ${count(more)} more: atproto-collection-backfill status`] : []),
  ]
}

/** The closing table of each relay. */
function tables(relays: readonly Relay[], summaries: readonly RelaySummary[], screen: Screen): string[] {
  // One that never answered has nothing to show.
  const known = relays.filter(({ monitor }) => monitor.snapshot().collections.total > 0)
  return known.flatMap(({ relay, monitor }, i) => [
    ...(i === 0 ? [] : ['']),
    ...(relays.length === 1 ? [] : [`  ${printable(relay)}`]),
    ...summaryLines(
      monitor.collections(),
      summaries.find((summary) => summary.relay === relay),
      screen,
    ),
  ])
}

function stoppedLines(relays: readonly Relay[], summary: BackfillSummary | undefined): string[] {
  const known = relays.filter(({ monitor }) => monitor.snapshot().collections.total > 0)
  if (known.length === 0) return ['Stopped before the collections were known. Run the same command again.']
  return [
    ...known.map((relay) => `Stopped: ${howFar(relay, relays)}.`),
    ...(summary === undefined ? [] : [runLine(summary)]),
    'Run the same command again to go on from there.',
  ]
}

function howFar({ relay, monitor }: Relay, relays: readonly Relay[]): string {
  const { collections, imported, work } = monitor.snapshot()
  const who = relays.length === 1 ? '' : `${printable(relay)}: `
  const share = work.fraction === undefined ? '' : `${percent(work.fraction)}, `
  return `${who}${share}${ofTotal(collections.complete, collections.total)} collections complete, ${count(imported)} imported`
}

/** Each reason once, with the collections that it holds for. */
function failureKinds(failures: readonly CollectionFailure[]): string[] {
  const several = new Set(failures.map(({ relay }) => relay)).size > 1
  const reasonOf = ({ lastError, collection }: CollectionFailure) => withoutName(lastError, collection)
  return Array.from(Map.groupBy(failures, reasonOf), ([reason, group]) => {
    const names = group.slice(0, MAX_NAMES).map(({ relay, collection }) => {
      return printable(several ? `${collection} at ${relay}` : collection)
    })
    const others = group.length - names.length
    const more = others === 0 ? '' : ` and ${count(others)} more`
    return `  ${names.join(', ')}${more}: ${printable(reason)}`
  })
}

/** How many collections are named for one reason. */
const MAX_NAMES = 5

function cancelledLine(cancelled: readonly CollectionFailure[]): string {
  const names = cancelled.slice(0, MAX_NAMES).map(({ collection }) => printable(collection))
  const more = cancelled.length > names.length ? ` and ${count(cancelled.length - names.length)} more` : ''
  const what = plural(cancelled.length, 'collection was', 'collections were')
  return `atproto-collection-backfill: ${what} cancelled, and not read: ${names.join(', ')}${more}. To read one after all: atproto-collection-backfill retry NSID.`
}

function failureLines(end: Extract<RunEnd, { outcome: 'incomplete' }>): string[] {
  const { failedRelays } = end
  const { failed: failures, cancelled } = apartFromCancelled(end.failures)
  const kinds = failureKinds(failures)
  const lines = kinds.slice(0, MAX_FAILURES)
  const more = kinds.length - lines.length
  const unwalked = failedRelays.map(
    ({ relay }) => `atproto-collection-backfill: ${printable(relay)} is not complete, see above.`,
  )
  const left = cancelled.length === 0 ? [] : [cancelledLine(cancelled)]
  if (failures.length === 0) return [...unwalked, ...left]
  return [
    ...unwalked,
    ...left,
    `atproto-collection-backfill: ${plural(failures.length, 'collection is', 'collections are')} not complete. Run again to retry ${failures.length === 1 ? 'it' : 'them'}.`,
    ...lines,
    ...(more > 0 ? [`  and ${count(more)} more: atproto-collection-backfill status --state failed`] : []),
  ]
}
