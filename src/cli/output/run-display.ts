import type { MonitoredWalk, MonitorSnapshot } from '../../monitor/snapshot.ts'
import { count, duration, percent, plural, shortCount } from '../../util/format.ts'
import { printable, withoutName } from '../../util/text.ts'
import type { Screen } from './screen.ts'
import { bar, leftText, ofTotal, type Paint, painter, perSecond } from './terminal-format.ts'
import { fit, widthOf } from './terminal-text.ts'
import { setAsideText, waitingText } from './waiting-text.ts'

const PERCENT_WIDTH = 5
/** How long the last failure of a request, or work that was added, is shown, in milliseconds. */
const NOTICE_MS = 8_000
/** Lines beside those of the whole, the requests and the collections: the first, what is hidden, a notice, the cursor's. */
const OTHER_ROWS = 4
/** A terminal with fewer lines has no blank ones. */
const LOW = 16
/** How many of the collections that are set aside are shown. */
const MOST_SET_ASIDE = 3
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
  const { width } = roomOf(screen)
  const begun = snapshot.collections.total > 0
  const isLow = screen.rows < LOW
  const blank = isLow ? [] : ['']
  const head = begun ? [...whole(snapshot, width, paint), ...blank] : [fit(DISCOVERING, width).trimEnd()]
  const requests = begun ? [...blank, paint('dim', fit(requestsLine(snapshot), width).trimEnd())] : []
  const most = Math.max(1, screen.rows - head.length - requests.length - OTHER_ROWS)
  const lines = [
    '',
    ...head,
    ...collectionLines(snapshot, screen, most),
    ...requests,
    ...noticesOf(snapshot).map((notice) => paint('yellow', fit(printable(notice), width).trimEnd())),
  ]
  return lines.map((line) => (line === '' ? '' : `  ${line}`))
}

/** The same in one line, for a log. */
export function runLine(snapshot: MonitorSnapshot): string {
  const { at, startedAt, collections, work, imported, importedPerSecond, requestsPerSecond } = snapshot
  const parts = [
    duration(Math.floor((at - startedAt) / 1000) * 1000),
    ...(collections.total === 0
      ? [DISCOVERING]
      : [
          work.fraction === undefined ? '' : percent(work.fraction),
          `${ofTotal(collections.complete, collections.total)} collections`,
          `${ofTotal(imported, work.expected)} imported`,
        ]),
    importedPerSecond === undefined ? '' : `${count(importedPerSecond)} imported/s`,
    leftText(snapshot.timeLeft),
    perSecond(requestsPerSecond, 'request'),
    ...troubles(snapshot),
    ...noticesOf(snapshot).map(printable),
  ]
  return parts.filter((part) => part !== '').join(' · ')
}

/** The bar with percent and time left, and the figures below it. */
export function whole(snapshot: MonitorSnapshot, width: number, paint: Paint): string[] {
  const { work, waiting, timeLeft } = snapshot
  const share = work.fraction === undefined ? '' : percent(work.fraction)
  const left = leftText(timeLeft)
  const end =
    width < NARROW - 3 ? share.padStart(PERCENT_WIDTH) : share.padStart(PERCENT_WIDTH) + left.padStart(22)
  const tone = work.fraction === 1 ? 'green' : 'cyan'
  const texts = figures(snapshot)
  const shown = width < NARROW - 3 ? [...texts.map(({ text }) => text), left] : padded(texts, width)
  return [
    `${bar(work.fraction, width - widthOf(end) - 1, tone, paint)} ${paint('bold', end.trimEnd())}`.trimEnd(),
    ...inLines(
      shown.filter((text) => text !== ''),
      width,
    ).map((text) => paint(waiting === undefined ? 'bold' : 'yellow', text)),
  ]
}

/** Each as wide as it may become, so that growing numbers move nothing. */
function padded(texts: readonly { text: string; width: number }[], width: number): string[] {
  return inLines(
    texts.map((each) => each.text.padEnd(each.width)),
    width,
  ).map((text) => text.trimEnd())
}

/** As many in a line as it holds. */
function inLines(texts: readonly string[], width: number): string[] {
  const lines: string[] = []
  for (const text of texts) {
    const joined = `${lines.at(-1)}  ${text}`
    if (lines.length > 0 && widthOf(joined.trimEnd()) <= width) lines[lines.length - 1] = joined
    else lines.push(text)
  }
  return lines
}

function figures(snapshot: MonitorSnapshot): { text: string; width: number }[] {
  const { collections, imported, importedPerSecond, requestsPerSecond } = snapshot
  const total = count(collections.total)
  const speed = importedPerSecond === undefined ? '' : `${shortCount(importedPerSecond, 100_000)}/s`
  return [
    {
      text: `${ofTotal(collections.complete, collections.total)} collections`,
      width: 2 * total.length + 16,
    },
    { text: `${shortCount(imported, 1_000_000)} imported`, width: 16 },
    { text: speed, width: 8 },
    { text: perSecond(requestsPerSecond, 'request'), width: 0 },
  ]
}

/** What is read and what is waited for, in `most` lines at most. */
function collectionLines(snapshot: MonitorSnapshot, screen: Screen, most: number): string[] {
  const paint = painter(screen.color)
  const { width, narrow } = roomOf(screen)
  const { setAside, at } = snapshot
  const walks = walksShown(snapshot)
  const waiting = setAside.slice(0, Math.min(MOST_SET_ASIDE, Math.max(1, most - walks.length)))
  const shown = walks.slice(0, Math.max(0, most - waiting.length))
  const hidden = walks.length - shown.length
  return [
    ...shown.map((walk) => walkLine(walk, width, narrow, paint)),
    ...(hidden > 0 ? [paint('dim', `and ${count(hidden)} more`)] : []),
    ...waiting.map((each) => {
      const name = fit(printable(each.collection), nameWidthIn(width, narrow))
      return `${name} ${paint('yellow', fit(printable(setAsideText(each, at)), width - widthOf(name) - 1).trimEnd())}`
    }),
  ]
}

/** A walk that has ended keeps its place for the next one, and makes room where no other comes. */
export function walksShown({ walks, collections, setAside }: MonitorSnapshot): MonitoredWalk[] {
  const isMore = collections.pending > setAside.length
  return walks.filter(({ done }) => isMore || !done)
}

const figuresWidth = (narrow: boolean) => (narrow ? 6 : 21)

function nameWidthIn(width: number, narrow: boolean): number {
  return Math.floor((width - figuresWidth(narrow)) * 0.6)
}

export function walkLine(walk: MonitoredWalk, width: number, narrow: boolean, paint: Paint): string {
  const { collection, imported, estimatedRepos, done } = walk
  // More than was expected is no reason for a bar that is full before its time.
  const isKnown = done || (estimatedRepos !== undefined && imported <= estimatedRepos)
  const fraction = done ? 1 : isKnown ? imported / Math.max(1, estimatedRepos ?? 1) : undefined
  const text =
    narrow && fraction !== undefined
      ? percent(fraction)
      : narrow
        ? shortCount(imported, 10_000)
        : ofTotal(imported, isKnown && !done ? estimatedRepos : undefined)
  const right = text.padStart(figuresWidth(narrow))
  const nameWidth = nameWidthIn(width, narrow)
  const barWidth = width - widthOf(right) - nameWidth - 2
  const name = fit(printable(collection), nameWidth)
  return `${name} ${bar(fraction, barWidth, done ? 'green' : 'cyan', paint)} ${paint('dim', right)}`
}

export function requestsLine(snapshot: MonitorSnapshot): string {
  return [plural(snapshot.requests, 'request'), ...troubles(snapshot)].join(', ')
}

function troubles({ retries, pauses, collections }: MonitorSnapshot): string[] {
  const { failed, retrying } = collections
  return [
    ...(retries === 0 ? [] : [plural(retries, 'retry', 'retries')]),
    ...(pauses === 0 ? [] : [plural(pauses, 'pause')]),
    ...(retrying === 0 ? [] : [`${count(retrying)} to be retried`]),
    ...(failed === 0 ? [] : [`${count(failed)} failed`]),
  ]
}

/** What holds the run up at the moment, or did just now. */
export function noticesOf({ at, waiting, lastRetry, addedWork, work }: MonitorSnapshot): string[] {
  if (waiting !== undefined) return [waitingText(waiting, at)]
  if (addedWork !== undefined && at - addedWork.at <= NOTICE_MS) {
    const { collections, requests } = addedWork
    return [
      `${collections === 0 ? plural(requests, 'request') : plural(collections, 'collection')} more to do than before`,
    ]
  }
  if (lastRetry !== undefined && at - lastRetry.at <= NOTICE_MS) {
    const { subject, attempt, waitMs, message } = lastRetry
    return [`${subject}: retry ${attempt} in ${duration(waitMs)}: ${withoutName(message, subject)}`]
  }
  if (work.sizes === 'tooLow') return ['larger than was estimated: how much is left is not known']
  if (work.sizes === 'tooHigh') return ['smaller than was estimated: how much is left is not known']
  return []
}
