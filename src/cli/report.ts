import type { CollectionFailure } from '../errors.ts'
import type { BackfillHooks, BackfillSummary, PageEvent } from '../events.ts'
import type { Monitor } from '../monitor/snapshot.ts'
import type { Context } from './context.ts'
import { count, ofTotal, plural } from './output/format.ts'
import { eventHooks, eventWriter, pageEvent } from './output/json-lines.ts'
import { showLive } from './output/live.ts'
import { newsHooks } from './output/news.ts'
import { runLine, runPicture } from './output/run-picture.ts'
import { screenOf } from './output/screen.ts'
import { summaryLines } from './output/summary.ts'
import { printable } from './output/text.ts'

/** How a run ended. */
export type RunEnd =
  | { readonly outcome: 'complete'; readonly exitCode: number; readonly summary: BackfillSummary }
  | {
      readonly outcome: 'incomplete'
      readonly exitCode: number
      readonly failures: readonly CollectionFailure[]
    }
  | { readonly outcome: 'interrupted'; readonly exitCode: number }
  | { readonly outcome: 'failed'; readonly exitCode: number; readonly error: unknown }

/** Tells how a run goes, from its beginning to its end. */
export interface RunReport {
  readonly hooks: BackfillHooks
  begin(run: { source: string; database: string }): void
  paused(context: { source: string; waitMs: number; error?: unknown }): void
  page(event: PageEvent): void
  /** Takes away what was only for the time of the run; told before the rest is closed. */
  end(end: RunEnd): void
}

/** For programs: an object in a line for everything that happens. */
export function jsonReport({ out, debug }: Context): RunReport {
  const write = eventWriter(out, debug)
  return {
    hooks: eventHooks(write),
    begin: (run) => write('begin', run),
    paused: (context) => write('paused', context),
    page: (event) => write('page', pageEvent(event)),
    end: (end) => write('end', end),
  }
}

/** For people: a picture that is kept up to date, and lines that stay. */
export function textReport(monitor: Monitor, context: Context): RunReport {
  const { out, err, env, interruption } = context
  const screen = () => screenOf(out, env)
  const print = (lines: readonly string[]) => out.write(`${lines.join('\n')}\n`)
  let live: ReturnType<typeof showLive> | undefined
  const say = (lines: readonly string[]) => (live === undefined ? print(lines) : live.say(lines))
  const onStop = () => say(['  Stopping. Ctrl-C again stops at once.'])
  return {
    hooks: newsHooks(say, screen),
    begin({ source, database }) {
      const { complete, total } = monitor.snapshot().collections
      print([`relay  ${source}`, `index  ${printable(database)}`])
      if (total > 0) print([`resuming: ${ofTotal(complete, total)} collections done, ${pairsOf(monitor)}`])
      interruption.signal.addEventListener('abort', onStop, { once: true })
      live = showLive(
        { lines: (size) => runPicture(monitor.snapshot(), size), plain: () => runLine(monitor.snapshot()) },
        { out, env },
      )
    },
    // Told by the picture, as long as it lasts.
    paused() {},
    page: () => live?.refresh(),
    end(end) {
      interruption.signal.removeEventListener('abort', onStop)
      live?.stop()
      live = undefined
      if (end.outcome === 'complete') {
        print([
          '',
          ...summaryLines(monitor.collections(), end.summary, screen()),
          ...missing(end.summary),
          '',
        ])
      }
      if (end.outcome === 'incomplete') {
        print(['', ...summaryLines(monitor.collections(), undefined, screen()), ''])
        err.write(`${failureLines(end.failures).join('\n')}\n`)
      }
      if (end.outcome === 'interrupted') print(howFar(monitor))
    },
  }
}

/** Complete is what was known: a source that failed may know of more. */
function missing({ failedSources }: BackfillSummary): string[] {
  if (failedSources.length === 0) return []
  return [`  ${printable(failedSources.join(', '))} failed: what it knows may be missing. Run again later.`]
}

function pairsOf(monitor: Monitor): string {
  return plural(monitor.snapshot().pairs, 'pair')
}

function howFar(monitor: Monitor): string[] {
  const { complete, total } = monitor.snapshot().collections
  if (total === 0) return ['Stopped before the collections were known. Run the same command again.']
  return [
    `Stopped: ${ofTotal(complete, total)} collections done, ${pairsOf(monitor)} in the index.`,
    'Run the same command again to go on from there.',
  ]
}

/** More would not be read; `status` has them all. */
const MAX_FAILURES = 50

function failureLines(failures: readonly CollectionFailure[]): string[] {
  const lines = failures
    .slice(0, MAX_FAILURES)
    .map(({ collection, lastError }) => `  ${printable(collection)}: ${printable(lastError)}`)
  const more = failures.length - lines.length
  return [
    `collection-backfill: ${plural(failures.length, 'collection is', 'collections are')} not complete; run again to try them again.`,
    ...lines,
    ...(more > 0 ? [`  and ${count(more)} more: collection-backfill status --state failed`] : []),
  ]
}
