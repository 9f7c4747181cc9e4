import type { CollectionProgress, CollectionState } from '../../contracts/progress-store.ts'
import { FLAG_WORDS } from '../../util/flags.ts'
import { count, percent, plural } from '../../util/format.ts'
import { printable } from '../../util/text.ts'
import { STATES } from '../option-values.ts'
import type { Screen } from './screen.ts'
import { ofTotal, type Paint, painter, type Tone } from './terminal-format.ts'
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

export interface StatusView {
  readonly relay: string
  /** Every collection of that relay. */
  readonly rows: readonly CollectionProgress[]
  /** Those that are asked for. */
  readonly shown: readonly CollectionProgress[]
  readonly pairsPerSecond?: number | undefined
}

/** Those that need a look first, then the largest. */
export function inOrder(rows: readonly CollectionProgress[]): CollectionProgress[] {
  const rank = ({ state, flags }: CollectionProgress) =>
    state !== 'failed' && flags.length > 0 ? 0.5 : STATES.indexOf(state)
  const size = ({ imported, estimatedRepos = 0 }: CollectionProgress) => Math.max(imported, estimatedRepos)
  return rows.toSorted(
    (a, b) => rank(a) - rank(b) || size(b) - size(a) || (a.collection < b.collection ? -1 : 1),
  )
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

export function pairsOf(rows: readonly CollectionProgress[]): number {
  return rows.reduce((sum, { imported }) => sum + imported, 0)
}

/** The counts in one line. */
export function statusLine({ relay, rows, pairsPerSecond }: StatusView): string {
  const { total, complete, ...others } = countsOf(rows)
  const flagged = rows.filter(({ flags }) => flags.length > 0).length
  const open = Object.entries({ ...others, flagged }).flatMap(([state, found]) =>
    found === 0 ? [] : [`${count(found)} ${state}`],
  )
  return [
    `${printable(relay)}: ${ofTotal(complete, total)} collections complete`,
    ...open,
    plural(pairsOf(rows), 'pair'),
    ...(pairsPerSecond === undefined ? [] : [`${count(pairsPerSecond)} pairs/s`]),
  ].join(', ')
}

/** A row for each collection, `most` lines in all, with the last error below the row of one that failed. */
export function statusTable(rows: readonly CollectionProgress[], screen: Screen, most: number): string[] {
  const paint = painter(screen.color)
  const width = Math.min(screen.columns - 1, MAX_WIDTH) - 2
  const lines = [paint('dim', rowOf(['collection', 'pairs', 'done', 'state'], width, screen.columns))]
  let shown = 0
  for (const row of inOrder(rows)) {
    const added = rowLines(row, width, screen.columns, paint)
    if (lines.length + added.length > most) break
    lines.push(...added)
    shown += 1
  }
  const hidden = rows.length - shown
  if (hidden > 0) lines.push(paint('dim', `and ${count(hidden)} more: --all shows them`))
  return lines.map((line) => `  ${line}`)
}

function rowLines(row: CollectionProgress, width: number, columns: number, paint: Paint): string[] {
  const { collection, state, imported, estimatedRepos, lastError, flags } = row
  const tone = TONES[state]
  const fraction = estimatedRepos && imported <= estimatedRepos ? percent(imported / estimatedRepos) : ''
  const done = state === 'complete' ? '100%' : fraction
  const text = rowOf([printable(collection), count(imported), done, state], width, columns)
  const line = text.slice(0, -STATE_WIDTH) + paint(tone, text.slice(-STATE_WIDTH))
  const error = state === 'complete' ? undefined : lastError
  return [
    line.trimEnd(),
    ...(error === undefined ? [] : [paint(tone, `  ${fit(printable(error), width - 2).trimEnd()}`)]),
    ...flags
      .flatMap((flag) => wrap(FLAG_WORDS[flag], width - 2))
      .map((words) => paint('yellow', `  ${words}`)),
  ]
}

/** Fixed columns for the numbers; the name has the rest. A narrow screen leaves the share out. */
function rowOf([name, pairs, done, state]: [string, string, string, string], width: number, columns: number) {
  const numbers = columns < NARROW ? pairs.padStart(12) : `${pairs.padStart(14)}${done.padStart(7)}`
  return `${fit(name, width - numbers.length - STATE_WIDTH - 2)}${numbers}  ${state.padEnd(STATE_WIDTH)}`
}
