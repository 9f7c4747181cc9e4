import type { CrawlEvent, CrawlSummary, HostFailedEvent } from '../contracts/crawl-events.ts'
import type { HostFailure } from '../contracts/run-failures.ts'
import { describe } from '../util/describe.ts'
import { count, duration, plural } from '../util/format.ts'
import { printable } from '../util/text.ts'
import type { Context } from './context.ts'
import type { CrawlView } from './crawl-view.ts'
import { crawlDisplay, crawlLine } from './output/crawl-text.ts'
import { eventWriter } from './output/json-lines.ts'
import { fewOfEachKind, messageSayers } from './output/messages.ts'
import { wrap } from './output/terminal-text.ts'
import { createTerminal } from './terminal.ts'

/** How many hosts are named that are left out for one reason. */
const MOST_NAMED = 3
/** How many failures the end lists; `status` has them all. */
const MOST_FAILURES = 20
/** How often JSON tells how far the crawl is, in milliseconds. */
const PROGRESS_MS = 10_000

/** How a crawl ended. */
export type CrawlEnd =
  | {
      readonly outcome: 'complete' | 'interrupted'
      readonly exitCode: number
      readonly summary: CrawlSummary
    }
  | {
      readonly outcome: 'incomplete'
      readonly exitCode: number
      readonly summary: CrawlSummary
      readonly failures: readonly HostFailure[]
      /** How many sources of hosts failed. */
      readonly sources: number
      /** Where the DIDs of the repos are that failed. */
      readonly file: string | undefined
    }
  | { readonly outcome: 'failed'; readonly exitCode: number; readonly error: unknown }

/** Tells how a crawl goes, from its beginning to its end. */
export interface CrawlReport {
  handle(event: CrawlEvent): void
  begin(crawl: { relays: readonly string[]; database: string }): void
  end(end: CrawlEnd): void
}

/** For programs: an object in a line for everything that happens, but for single requests. */
export function jsonCrawlReport(view: CrawlView, { out, debug }: Context): CrawlReport {
  const write = eventWriter(out, debug)
  const tell = () => {
    const { active, ...figures } = view.figures()
    write('progress', { ...figures, active: active.length })
  }
  let timer: ReturnType<typeof setInterval> | undefined
  return {
    handle(event) {
      const { type, ...fields } = event
      if (type === 'requested') return
      if (event.type !== 'page') return write(type, fields)
      write(type, { ...fields, collections: event.collections.size })
    },
    begin(crawl) {
      write('begin', crawl)
      timer = setInterval(tell, PROGRESS_MS)
      timer.unref()
    },
    end(end) {
      clearInterval(timer)
      tell()
      write('end', end)
    },
  }
}

/** For people: a display that is kept up to date, and lines that stay. */
export function textCrawlReport(view: CrawlView, context: Context): CrawlReport {
  const terminal = createTerminal(context)
  const { inform, warn, fail } = messageSayers(terminal)
  const isSaid = fewOfEachKind(inform)
  const leftOut = new Map<string, string[]>()
  let isListed = false

  function tellFailure({ host, error, retryInMs, restart }: HostFailedEvent): void {
    const message = describe(error)
    const isFinal = !restart && retryInMs === undefined
    const kind = `${isFinal} ${message.replaceAll(host, '').replaceAll(/\d+/g, '')}`
    if (!isSaid(kind)) return
    if (isFinal) return fail(host, message)
    warn(
      host,
      `${restart ? 'begins again at the first page' : `set aside for ${duration(retryInMs ?? 0)}`}: ${message}`,
    )
  }

  function tellLeftOut(): void {
    for (const [reason, hosts] of leftOut) {
      const more = hosts.length > MOST_NAMED ? ` and ${count(hosts.length - MOST_NAMED)} more` : ''
      const names = `${hosts.slice(0, MOST_NAMED).join(', ')}${more}`
      inform(
        '',
        `${plural(hosts.length, 'host')} left out: ${names} ${hosts.length === 1 ? '' : '(each) '}${reason}`,
      )
    }
    leftOut.clear()
  }

  return {
    handle(event) {
      switch (event.type) {
        case 'hostLeftOut':
          if (isListed) return inform(event.host, `is left out: it ${event.reason}`)
          leftOut.set(event.reason, [...(leftOut.get(event.reason) ?? []), printable(event.host)])
          return
        case 'hosts':
          isListed = true
          inform('', `${plural(event.hosts, 'host')} known, with ${plural(event.accounts, 'account')} about`)
          return tellLeftOut()
        case 'retry':
          // Of a list of hosts: nothing is known before it, and nothing else would show why. Those of hosts are told by their end.
          if (event.source !== undefined && event.attempt === 1)
            warn(event.source, `cannot be asked yet, and is asked again: ${describe(event.error)}`)
          return
        case 'hostsFailed':
          return warn(event.source, `its list of hosts failed: ${describe(event.error)}`)
        case 'hostFailed':
          return tellFailure(event)
        case 'repoCut':
          return warn(
            event.host,
            `${event.did} has too many collections: ${count(event.leftOut)} of them are left out`,
          )
        case 'claimLost':
          return warn(event.host, 'taken over by another worker')
        case 'storeUnavailable':
          if (event.attempt === 1)
            warn('database', `is unavailable, and is asked again: ${describe(event.error)}`)
          return
        case 'storeAvailable':
          return inform('database', `is back after ${duration(event.unavailableMs)}`)
        case 'page':
          return terminal.refresh()
      }
    },
    begin({ relays, database }) {
      terminal.say([
        ...relays.map((relay) => `hosts of  ${printable(relay)}`),
        `index     ${printable(database)}`,
      ])
      if (view.figures().status.total > 0) terminal.say([`resuming: ${crawlLine(view.figures())}`])
      terminal.show({
        lines: (screen) => crawlDisplay(view.figures(), screen),
        plain: () => crawlLine(view.figures()),
      })
    },
    end(end) {
      terminal.clear()
      if (end.outcome === 'failed') return
      const { columns } = terminal.screen()
      const sayWrapped = (line: string) => terminal.say(wrap(line, columns - 1))
      sayWrapped(`${end.outcome === 'interrupted' ? 'Stopped: ' : ''}${crawlLine(view.figures())}`)
      sayWrapped(summaryLine(end.summary))
      if (end.outcome === 'interrupted') terminal.say(['Run the same command again to go on from there.'])
      if (end.outcome === 'incomplete') context.err.write(`${failureLines(end).join('\n')}\n`)
    },
  }
}

function summaryLine(summary: CrawlSummary): string {
  const { completed, described, inactive, absent, failed, cut, requests, durationMs } = summary
  const rest = { 'not active': inactive, 'not served': absent, failed, cut }
  const others = Object.entries(rest).flatMap(([what, number]) =>
    number === 0 ? [] : [`${count(number)} ${what}`],
  )
  const repos = [`${plural(described, 'repo')} read`, ...others].join(', ')
  return `this run: ${plural(completed, 'host')} completed, ${repos}; ${plural(requests, 'request')} in ${duration(durationMs)}`
}

function failureLines(end: Extract<CrawlEnd, { outcome: 'incomplete' }>): string[] {
  const { failures, sources, summary, file } = end
  const more = failures.length - MOST_FAILURES
  const say = (is: boolean, line: string) => (is ? [`atproto-collection-backfill: ${line}`] : [])
  return [
    ...say(
      failures.length > 0,
      `${plural(failures.length, 'host is', 'hosts are')} not complete. Run again to retry.`,
    ),
    ...failures
      .slice(0, MOST_FAILURES)
      .map(({ host, lastError }) => `  ${printable(host)}: ${printable(lastError)}`),
    ...(more > 0 ? [`  and ${count(more)} more: atproto-collection-backfill status`] : []),
    ...say(sources > 0, 'Hosts may be missing: a list of hosts failed. Run again to read it.'),
    ...say(summary.failed > 0, `${plural(summary.failed, 'repo')} could not be read. ${howToRead(file)}`),
    ...failedRepos(summary, file),
  ]
}

function howToRead(file: string | undefined): string {
  return file === undefined
    ? 'Run again to ask for them again.'
    : `Run again to ask for them again, or later: atproto-collection-backfill index --file ${printable(file)}`
}

/** Those that stand in no file. */
function failedRepos({ failures, failed }: CrawlSummary, file: string | undefined): string[] {
  if (file !== undefined) return []
  const named = failures.slice(0, MOST_FAILURES)
  const lines = named.map(({ host, did, error }) => `  ${did} at ${printable(host)}: ${printable(error)}`)
  return failed > named.length ? [...lines, `  and ${count(failed - named.length)} more`] : lines
}
