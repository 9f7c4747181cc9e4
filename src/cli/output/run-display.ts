import type { MonitoredWalk, MonitorSnapshot } from '../../monitor/snapshot.ts'
import { count, duration, percent, plural, shortCount } from '../../util/format.ts'
import { printable } from '../../util/text.ts'
import type { Screen } from './screen.ts'
import { bar, ofTotal, type Paint, painter } from './terminal-format.ts'
import { fit, widthOf } from './terminal-text.ts'

/** The overall bar shares a line with the figures only where it is long enough to tell something. */
const SHORTEST_BAR = 6
const PERCENT_WIDTH = 5
/** How long the last failure of a request is shown, in milliseconds. */
const NOTICE_MS = 8_000
/** Lines of a display that are not walks: the whole in up to four, blank ones, the requests, a notice, the cursor's. */
const OTHER_ROWS = 10
export const DISCOVERING = 'checking the relay and asking which collections there are'

const MAX_WIDTH = 100
const NARROW = 68

/** How wide a display may be, besides its two columns of margin. */
export function roomOf({ columns }: Screen): { width: number; narrow: boolean } {
  // The last column stays free: some terminals wrap when it is written to.
  return { width: Math.min(columns - 1, MAX_WIDTH) - 2, narrow: columns < NARROW }
}

/** A run as lines that fit into the screen. Equal snapshots give the same lines in the same places. */
export function runDisplay(snapshot: MonitorSnapshot, screen: Screen): string[] {
  const paint = painter(screen.color)
  const { width, narrow } = roomOf(screen)
  const { walks, collections } = snapshot
  const begun = collections.total > 0
  const shown = walks.slice(0, Math.max(1, screen.rows - OTHER_ROWS))
  const hidden = walks.length - shown.length
  const lines = [
    '',
    ...(begun ? [...whole(snapshot, width, paint), ''] : [fit(DISCOVERING, width).trimEnd()]),
    ...shown.map((walk) => walkLine(walk, width, narrow, paint)),
    ...(hidden > 0 ? [paint('dim', `and ${count(hidden)} more`)] : []),
    ...(begun ? ['', paint('dim', fit(requestsLine(snapshot), width).trimEnd())] : []),
    ...noticeOf(snapshot).map((notice) => paint('yellow', fit(printable(notice), width).trimEnd())),
  ]
  return lines.map((line) => (line === '' ? '' : `  ${line}`))
}

/** The same in one line, for a log. */
export function runLine(snapshot: MonitorSnapshot): string {
  const { at, startedAt, collections, work, imported, importedPerSecond, requestsPerSecond } = snapshot
  const left = leftText(snapshot)
  const rate = (value: number | undefined, what: string) =>
    value === undefined ? [] : [`${count(value)} ${what}/s`]
  const parts = [
    duration(Math.floor((at - startedAt) / 1000) * 1000),
    ...(collections.total === 0
      ? [DISCOVERING]
      : [
          `${ofTotal(collections.complete, collections.total)} collections`,
          `${ofTotal(imported, work.expected)} imported`,
        ]),
    ...rate(importedPerSecond, 'imported'),
    ...(left === '' ? [] : [left]),
    ...rate(requestsPerSecond, 'requests'),
    ...troubles(snapshot),
    ...noticeOf(snapshot).map(printable),
  ]
  return parts.join(' · ')
}

/** One line where the screen has room for it, else the bar in a line of its own. */
export function whole(snapshot: MonitorSnapshot, width: number, paint: Paint): string[] {
  const columns = figures(snapshot)
  const line = columns.map(({ text, width }) => text.padStart(width)).join('  ')
  const beside = width - widthOf(line) - PERCENT_WIDTH - 2
  const { work, waiting } = snapshot
  const { fraction = 0 } = work
  const share = work.fraction === undefined ? '' : percent(fraction)
  const barOf = (length: number) =>
    bar(fraction, length, fraction >= 1 ? 'green' : 'cyan', paint) + share.padStart(PERCENT_WIDTH)
  const tone = waiting === undefined ? 'bold' : 'yellow'
  if (beside >= SHORTEST_BAR) return [`${barOf(beside)}  ${paint(tone, line)}`]
  const texts = columns.map(({ text }) => text).filter((text) => text !== '')
  return [barOf(width - PERCENT_WIDTH), ...inLines(texts, width).map((text) => paint(tone, text))]
}

/** As many in a line as it holds. */
function inLines(texts: readonly string[], width: number): string[] {
  const lines: string[] = []
  for (const text of texts) {
    const joined = `${lines.at(-1)}  ${text}`
    if (lines.length > 0 && widthOf(joined) <= width) lines[lines.length - 1] = joined
    else lines.push(text)
  }
  return lines
}

/** The figures of the whole, each as wide as it may become, so that growing numbers move nothing. */
function figures(snapshot: MonitorSnapshot): { text: string; width: number }[] {
  const { collections, imported, importedPerSecond } = snapshot
  const total = count(collections.total)
  return [
    { text: `${count(collections.complete)}/${total}`, width: 2 * total.length + 1 },
    { text: `${shortCount(imported, 1_000_000)} imported`, width: 16 },
    { text: importedPerSecond === undefined ? '' : `${shortCount(importedPerSecond, 100_000)}/s`, width: 8 },
    { text: leftText(snapshot), width: 12 },
    { text: pace(snapshot), width: 9 },
  ]
}

function leftText({ timeLeft }: MonitorSnapshot): string {
  if (timeLeft === undefined) return ''
  return `${timeLeft.atLeast ? '≥ ' : ''}${duration(timeLeft.ms)} left`
}

function pace({ at, waiting, requestsPerSecond }: MonitorSnapshot): string {
  if (waiting?.reason === 'relay') return `pause ${duration(waiting.until - at)}`
  return requestsPerSecond === undefined ? '' : `${count(requestsPerSecond)} req/s`
}

export function walkLine(walk: MonitoredWalk, width: number, narrow: boolean, paint: Paint): string {
  const { collection, imported, estimatedRepos, done } = walk
  // More than was expected is no reason for a bar that is full before its time.
  const size = Math.max(estimatedRepos ?? 0, imported)
  const isKnown = done || (estimatedRepos !== undefined && imported <= estimatedRepos)
  const fraction = done ? 1 : isKnown && size > 0 ? imported / size : 0
  const text = narrow
    ? isKnown
      ? percent(fraction)
      : shortCount(imported, 10_000)
    : ofTotal(imported, isKnown && !done ? size : undefined)
  const right = text.padStart(narrow ? 6 : 21)
  const nameWidth = Math.floor((width - right.length) * 0.6)
  const barWidth = width - right.length - nameWidth - 1
  const name = fit(printable(collection), nameWidth)
  return `${name} ${bar(fraction, barWidth, done ? 'green' : 'cyan', paint)}${paint('dim', right)}`
}

export function requestsLine(snapshot: MonitorSnapshot): string {
  return [plural(snapshot.requests, 'request'), ...troubles(snapshot)].join(', ')
}

function troubles({ retries, pauses, collections }: MonitorSnapshot): string[] {
  const { failed, retrying } = collections
  return [
    ...(retries === 0 ? [] : [plural(retries, 'retry', 'retries')]),
    ...(pauses === 0 ? [] : [plural(pauses, 'pause')]),
    ...(retrying === 0 ? [] : [`${count(retrying)} to be tried again`]),
    ...(failed === 0 ? [] : [`${count(failed)} failed`]),
  ]
}

/** What holds the run up at the moment, or did just now. */
export function noticeOf({ at, waiting, lastRetry }: MonitorSnapshot): string[] {
  if (waiting?.reason === 'relay' && waiting.message !== undefined)
    return [`the relay asked for a pause: ${waiting.message}`]
  if (lastRetry === undefined || at - lastRetry.at > NOTICE_MS) return []
  const { subject, attempt, waitMs, message } = lastRetry
  return [`${subject}: retry ${attempt} in ${duration(waitMs)}: ${message}`]
}
