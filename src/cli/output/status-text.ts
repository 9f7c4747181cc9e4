import type { CollectionProgress, CollectionState } from '../../contracts/collection-progress.ts'
import type { MonitorSnapshot } from '../../monitor/snapshot.ts'
import { fractionOf } from '../../monitor/work.ts'
import { FLAG_WORDS } from '../../util/flags.ts'
import { count, duration, percent } from '../../util/format.ts'
import { printable, withoutName } from '../../util/text.ts'
import { STATES } from '../option-values.ts'
import type { Screen } from './screen.ts'
import { leftText, ofTotal, type Paint, painter, type Tone } from './terminal-format.ts'
import { fit, wrap } from './terminal-text.ts'

const TONES: Readonly<Record<CollectionState, Tone>> = {
  failed: 'red',
  running: 'cyan',
  pending: 'dim',
  complete: 'green',
}
const MAX_WIDTH = 120
const NARROW = 68
const STATE_WIDTH = 10
const SPEED_WIDTH = 11

/** DIDs a second, of each collection and of all; known after two looks. */
export interface Speeds {
  readonly all: number
  readonly of: ReadonlyMap<string, number>
}

export interface StatusView extends Pick<MonitorSnapshot, 'work' | 'timeLeft'> {
  readonly relay: string
  /** Every collection of that relay. */
  readonly rows: readonly CollectionProgress[]
  /** Those that are asked for. */
  readonly shown: readonly CollectionProgress[]
  readonly speeds?: Speeds | undefined
}

/** Those that need a look first, then what is read and what waits, then the largest; what was not begun is last. */
export function inOrder(rows: readonly CollectionProgress[]): CollectionProgress[] {
  const size = ({ imported, estimatedRepos = 0 }: CollectionProgress) => Math.max(imported, estimatedRepos)
  return rows.toSorted(
    (a, b) => rank(a) - rank(b) || size(b) - size(a) || (a.collection < b.collection ? -1 : 1),
  )
}

function rank({ state, flags, imported, lastError, retryInMs }: CollectionProgress): number {
  if (state !== 'failed' && flags.length > 0) return 0.5
  const isUntouched =
    state === 'pending' && imported === 0 && lastError === undefined && retryInMs === undefined
  return isUntouched ? STATES.length : STATES.indexOf(state)
}

/** How many are in each state, named as in a {@link BackfillStatus}. */
export function countsOf(
  rows: readonly CollectionProgress[],
): Record<'total' | 'complete' | 'running' | 'pending' | 'failed', number> {
  const inState = (state: CollectionState) => rows.filter((row) => row.state === state).length
  return {
    total: rows.length,
    complete: inState('complete'),
    running: inState('running'),
    pending: inState('pending'),
    failed: inState('failed'),
  }
}

export function importedOf(rows: readonly CollectionProgress[]): number {
  return rows.reduce((sum, { imported }) => sum + imported, 0)
}

/** Percent, counts, speed and time left in one line. */
export function statusLine({ relay, rows, work, timeLeft, speeds }: StatusView): string {
  const { total, complete, ...others } = countsOf(rows)
  const flagged = rows.filter(({ flags }) => flags.length > 0).length
  const setAside = rows.filter(({ retryInMs }) => retryInMs !== undefined).length
  const invalid = rows.reduce((sum, row) => sum + row.invalid, 0)
  const open = Object.entries({ ...others, 'set aside': setAside, flagged }).flatMap(([state, found]) =>
    found === 0 ? [] : [`${count(found)} ${state}`],
  )
  const parts = [
    work.fraction === undefined ? '' : percent(work.fraction),
    `${ofTotal(complete, total)} collections complete`,
    ...open,
    `${ofTotal(importedOf(rows), complete === total ? undefined : work.expected)} imported`,
    invalid === 0 ? '' : `${count(invalid)} invalid`,
    speeds === undefined ? '' : `${count(speeds.all)} imported/s`,
    leftText(timeLeft),
  ]
  return `${printable(relay)}: ${parts.filter((part) => part !== '').join(', ')}`
}

/** A row for each collection, `most` lines in all; below it why it failed, and when it is tried again. */
export function statusTable({ shown: rows, speeds }: StatusView, screen: Screen, most: number): string[] {
  const paint = painter(screen.color)
  const layout = {
    width: Math.min(screen.columns - 1, MAX_WIDTH) - 2,
    narrow: screen.columns < NARROW,
    speeds,
  }
  const head = ['collection', 'imported', 'done', 'imported/s', 'state'] as const
  const lines = [paint('dim', rowOf(head, layout).trimEnd())]
  let shown = 0
  for (const row of inOrder(rows)) {
    const added = rowLines(row, layout, paint)
    if (lines.length + added.length > most) break
    lines.push(...added)
    shown += 1
  }
  const hidden = rows.length - shown
  if (hidden > 0) lines.push(paint('dim', `and ${count(hidden)} more: --all shows them`))
  return lines.map((line) => `  ${line}`)
}

interface Layout {
  readonly width: number
  readonly narrow: boolean
  readonly speeds: Speeds | undefined
}

function rowLines(row: CollectionProgress, layout: Layout, paint: Paint): string[] {
  const { collection, state, imported, lastError, flags, retryInMs } = row
  const { width, speeds } = layout
  const tone = TONES[state]
  const fraction = fractionOf(row)
  const speed = speeds?.of.get(collection)
  const text = rowOf(
    [
      printable(collection),
      count(imported),
      fraction === undefined ? '' : percent(fraction),
      speed === undefined || speed === 0 ? '' : count(speed),
      state,
    ],
    layout,
  )
  const line = text.slice(0, -STATE_WIDTH) + paint(tone, text.slice(-STATE_WIDTH))
  const again = retryInMs === undefined ? [] : [`again in ${duration(retryInMs)}`]
  const why = [
    ...again,
    ...(lastError === undefined || state === 'complete'
      ? []
      : [printable(withoutName(lastError, collection))]),
  ]
  return [
    line.trimEnd(),
    ...(why.length === 0 ? [] : [paint(tone, `  ${fit(why.join(': '), width - 2).trimEnd()}`)]),
    ...flags
      .flatMap((flag) => wrap(FLAG_WORDS[flag], width - 2))
      .map((words) => paint('yellow', `  ${words}`)),
  ]
}

/** Fixed columns for the numbers; the name has the rest. A narrow screen leaves the share out. */
function rowOf(
  [name, imported, done, speed, state]: readonly [string, string, string, string, string],
  { width, narrow, speeds }: Layout,
): string {
  const share = narrow ? '' : done.padStart(7)
  const perSecond = speeds === undefined ? '' : speed.padStart(SPEED_WIDTH)
  const numbers = `${imported.padStart(narrow ? 12 : 14)}${share}${perSecond}`
  return `${fit(name, width - numbers.length - STATE_WIDTH - 3)} ${numbers}  ${state.padEnd(STATE_WIDTH)}`
}
