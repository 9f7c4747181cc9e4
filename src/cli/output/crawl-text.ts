import type { CrawlStatus, HostProgress, HostState } from '../../contracts/crawl-events.ts'
import { expectedRepos } from '../../crawl/crawl-status.ts'
import { FLAG_WORDS } from '../../util/flags.ts'
import { count, duration, percent, plural, rate } from '../../util/format.ts'
import { printable } from '../../util/text.ts'
import type { CrawlFigures, CrawlTotals } from '../crawl-view.ts'
import type { Screen } from './screen.ts'
import { bar, ofTotal, painter, type Tone } from './terminal-format.ts'
import { fit } from './terminal-text.ts'

const MAX_WIDTH = 120
const BAR_WIDTH = 16
/** Lines above the hosts. */
const HEAD = 4

/** Hosts by their state, in words: 12 of 40 hosts complete, 3 running, 1 set aside. */
function hostCounts(
  { total, complete, running, pending, failed, leftOut }: CrawlTotals,
  setAside: number,
): string {
  const others = { running, pending, failed, 'left out': leftOut, 'set aside': setAside }
  const parts = Object.entries(others).flatMap(([state, found]) =>
    found === 0 ? [] : [`${count(found)} ${state}`],
  )
  return [`${ofTotal(complete, total)} hosts complete`, ...parts].join(', ')
}

/** The same in one line, where nothing can be redrawn. */
export function crawlLine({ status, setAside, accounts, ...figures }: CrawlFigures): string {
  const share = shareOf(status, accounts)
  return [
    hostCounts(status, setAside),
    `${ofTotal(status.repos, accounts)} repos${share === undefined ? '' : ` (${percent(share)})`}`,
    `${count(figures.pairs)} pairs, ${count(figures.added)} new`,
    `${rate(figures.requestsPerSecond)} requests/s`,
    ...leftTexts(figures),
  ].join(', ')
}

function leftTexts({ timeLeftMs }: Pick<CrawlFigures, 'timeLeftMs'>): string[] {
  return timeLeftMs === undefined ? [] : [`about ${duration(timeLeftMs)} left`]
}

/** How far a crawl is, by the store alone. */
export function crawlStatusLine({ hosts, ...totals }: CrawlStatus): string {
  const setAside = hosts.filter(({ retryInMs }) => retryInMs !== undefined).length
  const accounts = hosts.reduce((sum, host) => sum + expectedRepos(host), 0)
  const share = shareOf(totals, accounts)
  const percents = share === undefined ? '' : `, ${percent(share)}`
  const flagged = hosts.filter(({ flags }) => flags.length > 0).length
  const worth = flagged === 0 ? '' : `, ${count(flagged)} flagged`
  const again = totals.failedRepos === 0 ? '' : `, ${count(totals.failedRepos)} failed`
  return `hosts: ${hostCounts(totals, setAside)}, ${ofTotal(totals.repos, accounts)} repos${percents}${again}${worth}`
}

/** How far the crawl is, and the largest of the hosts that are asked now. */
export function crawlDisplay(figures: CrawlFigures, { columns, rows, color }: Screen): string[] {
  const paint = painter(color)
  const width = Math.min(columns - 1, MAX_WIDTH) - 2
  const { status, setAside, accounts, pairs, added, failedRepos, requestsPerSecond, active } = figures
  const share = shareOf(status, accounts)
  const failed = failedRepos === 0 ? '' : `, ${count(failedRepos)} repos failed`
  const again = status.failedRepos === 0 ? '' : `, ${count(status.failedRepos)} to ask for again`
  const head = [
    '',
    [hostCounts(status, setAside), ...leftTexts(figures)].join('; '),
    `${ofTotal(status.repos, accounts)} repos${share === undefined ? '' : `, ${percent(share)}`}${failed}${again}`,
    `${count(pairs)} pairs, ${count(added)} new; ${rate(requestsPerSecond)} requests/s to ${count(active.length)} hosts`,
  ]
  const largest = active.toSorted((a, b) => sizeOf(b) - sizeOf(a)).slice(0, Math.max(0, rows - HEAD - 2))
  const lines = largest.map((host) => {
    const fraction = host.accounts ? Math.min(1, host.repos / host.accounts) : undefined
    const text = `${count(host.repos).padStart(10)} ${(fraction === undefined ? '' : percent(fraction)).padStart(5)}`
    return `${fit(printable(host.host), width - text.length - BAR_WIDTH - 2)} ${bar(fraction, BAR_WIDTH, 'cyan', paint)}${text}`
  })
  return [...head.map((line) => fit(line, width).trimEnd()), ...lines].map((line) => `  ${line}`.trimEnd())
}

function shareOf({ repos }: CrawlTotals, accounts: number): number | undefined {
  return accounts === 0 ? undefined : Math.min(1, repos / accounts)
}

function sizeOf({ accounts = 0, repos }: Pick<HostProgress, 'accounts' | 'repos'>): number {
  return Math.max(accounts, repos)
}

const TONES: Readonly<Record<HostState, Tone>> = {
  failed: 'red',
  running: 'cyan',
  pending: 'dim',
  leftOut: 'yellow',
  complete: 'green',
}
const ORDER: readonly HostState[] = ['failed', 'running', 'pending', 'leftOut', 'complete']
const STATE_WIDTH = 9

/** A row for each host, `most` lines in all; below it why it failed, and when it is tried again. */
export function hostTable(
  hosts: readonly HostProgress[],
  { columns, color }: Screen,
  most: number,
): string[] {
  const paint = painter(color)
  const width = Math.min(columns - 1, MAX_WIDTH) - 2
  const row = (name: string, repos: string, accounts: string, state: string) =>
    `${fit(name, width - 24 - STATE_WIDTH - 3)} ${repos.padStart(12)}${accounts.padStart(12)}  ${state.padEnd(STATE_WIDTH)}`
  const lines = [paint('dim', row('host', 'repos', 'accounts', 'state').trimEnd())]
  const rank = ({ state, flags, failedRepos }: HostProgress) =>
    flags.length + failedRepos > 0 ? 0.5 : ORDER.indexOf(state)
  const ordered = hosts.toSorted((a, b) => rank(a) - rank(b) || sizeOf(b) - sizeOf(a))
  let shown = 0
  for (const host of ordered) {
    const { state, lastError, retryInMs, accounts, flags, failedRepos } = host
    const text = row(
      printable(host.host),
      count(host.repos),
      accounts === undefined ? '' : count(accounts),
      wordOf(state),
    )
    const why = [
      ...(retryInMs === undefined ? [] : [`again in ${duration(retryInMs)}`]),
      ...(lastError === undefined || state === 'complete' ? [] : [printable(lastError)]),
      ...(failedRepos === 0
        ? []
        : [`${plural(failedRepos, 'repo')} could not be read: crawl again to retry`]),
      ...flags.map((flag) => FLAG_WORDS[flag]),
    ].join(': ')
    const added = [
      `${text.slice(0, -STATE_WIDTH)}${paint(TONES[state], text.slice(-STATE_WIDTH))}`.trimEnd(),
      ...(why === '' ? [] : [paint(TONES[state], `  ${fit(why, width - 2).trimEnd()}`)]),
    ]
    if (lines.length + added.length > most) break
    lines.push(...added)
    shown += 1
  }
  const hidden = hosts.length - shown
  if (hidden > 0) lines.push(paint('dim', `and ${count(hidden)} more: --all shows them`))
  return lines.map((line) => `  ${line}`)
}

function wordOf(state: HostState): string {
  return state === 'leftOut' ? 'left out' : state
}
