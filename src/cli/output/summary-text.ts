import type { CollectionProgress } from '../../contracts/collection-progress.ts'
import type { RelaySummary } from '../../contracts/run-status.ts'
import { FLAG_WORDS } from '../../util/flags.ts'
import { count, duration, plural } from '../../util/format.ts'
import { printable } from '../../util/text.ts'
import type { Screen } from './screen.ts'
import { type Paint, painter, type Tone } from './terminal-format.ts'
import { fit, wrap } from './terminal-text.ts'

/** So many rows at most: first those that need a look, then the largest. */
const MOST = 8
const MOST_MARKED = 20
const MAX_WIDTH = 72

/** The closing table: what needs a look, the largest collections, the totals, and what this run did. */
export function summaryLines(
  rows: readonly CollectionProgress[],
  run: RelaySummary | undefined,
  screen: Screen,
): string[] {
  const paint = painter(screen.color)
  const width = Math.min(screen.columns - 1, MAX_WIDTH) - 2
  const inOrder = rows.toSorted((a, b) => rank(a) - rank(b) || b.imported - a.imported)
  const marked = inOrder.filter((row) => rank(row) < RANK_COMPLETE)
  const shown = inOrder.slice(0, Math.max(MOST, Math.min(marked.length, MOST_MARKED)))
  const rest = inOrder.slice(shown.length)
  const line = columnsFor(width, screen.columns)
  const sum = (some: readonly CollectionProgress[], field: 'imported' | 'pages') =>
    count(some.reduce((total, each) => total + each[field], 0))
  const hasMarks = marked.length > 0
  const more = `${count(rest.length)} more`
  return [
    paint('dim', line('collection', 'imported', 'pages', hasMarks)),
    ...shown.flatMap((row) => rowLines(row, width, { line, hasMarks, paint })),
    ...(rest.length === 0
      ? []
      : [paint('dim', line(more, sum(rest, 'imported'), sum(rest, 'pages'), hasMarks))]),
    `  ${paint('dim', '─'.repeat(width))}`,
    paint(
      'bold',
      line(plural(rows.length, 'collection'), sum(rows, 'imported'), sum(rows, 'pages'), hasMarks),
    ),
    ...(run === undefined ? [] : ['', ...wrap(runLine(run), screen.columns - 3).map((text) => `  ${text}`)]),
  ]
}

const RANK_COMPLETE = 3

function rank({ state, flags }: CollectionProgress): number {
  if (state === 'failed') return 0
  if (state !== 'complete') return 1
  return flags.length > 0 ? 2 : RANK_COMPLETE
}

const MARKS: readonly (readonly [mark: string, tone: Tone, what: string])[] = [
  ['✗', 'red', 'failed'],
  ['·', 'yellow', 'not complete'],
  ['!', 'yellow', ''],
]

type Line = (name: string, imported: string, pages: string, hasMarks: boolean) => string

/** What needs a look has a mark, and says why. */
function rowLines(
  row: CollectionProgress,
  width: number,
  { line, hasMarks, paint }: { line: Line; hasMarks: boolean; paint: Paint },
): string[] {
  const { collection, imported, pages, flags } = row
  const text = line(printable(collection), count(imported), count(pages), hasMarks)
  const [mark, tone, what] = MARKS[rank(row)] ?? []
  if (mark === undefined || tone === undefined) return [text]
  const why = [...(what ? [what] : []), ...flags.map((flag) => FLAG_WORDS[flag])].join('; ')
  return [
    `  ${paint(tone, mark)}${text.slice(3)}`,
    ...wrap(why, width - 2).map((words) => `    ${paint(tone, words)}`),
  ]
}

/** Columns that never touch; a narrow screen leaves the pages out. */
function columnsFor(width: number, columns: number): Line {
  const pagesWidth = columns < 60 ? 0 : 9
  return (name, imported, pages, hasMarks) => {
    const indent = hasMarks ? '    ' : '  '
    const numbers = `${imported.padStart(12)}${pagesWidth === 0 ? '' : pages.padStart(pagesWidth)}`
    return `${indent}${fit(name, width + 2 - indent.length - numbers.length - 1)} ${numbers}`
  }
}

/** What a run did. */
export function runLine({ durationMs, imported, added, completed }: Omit<RelaySummary, 'relay'>): string {
  const seconds = durationMs / 1000
  const repeats = added === imported ? '' : ` (${count(added)} new)`
  const speed = imported === 0 ? '' : ` · ${count(imported / seconds)} imported/s`
  return `this run: ${plural(completed, 'collection')} · ${count(imported)} imported${repeats} · ${duration(durationMs)}${speed}`
}
