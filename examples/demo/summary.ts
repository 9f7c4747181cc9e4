import type { BackfillStatus, BackfillSummary } from 'atproto-collection-backfill'
import type { Difference } from './check.ts'
import type { Screen } from './display.ts'
import { count, fit, painter, plural } from './format.ts'

const LARGEST = 8

/** The closing table: the largest collections, the totals, and what this run did. */
export function summaryLines(
  status: BackfillStatus,
  run: BackfillSummary | undefined,
  screen: Screen,
): string[] {
  const paint = painter(screen.color)
  const width = Math.min(screen.columns - 1, 72) - 2
  const pagesWidth = screen.columns < 60 ? 0 : 9
  const row = (name: string, pairs: string, pages: string) =>
    `  ${fit(name, width - 12 - pagesWidth)}${pairs.padStart(12)}${pagesWidth === 0 ? '' : pages.padStart(pagesWidth)}`
  const bySize = status.collections.toSorted((a, b) => b.imported - a.imported)
  const largest = bySize.slice(0, LARGEST)
  const rest = bySize.slice(LARGEST)
  const sum = (rows: BackfillStatus['collections'], field: 'imported' | 'page') =>
    count(rows.reduce((total, each) => total + each[field], 0))
  const others = row(`${count(rest.length)} more`, sum(rest, 'imported'), sum(rest, 'page'))
  return [
    paint('dim', row('collection', 'pairs', 'pages')),
    ...largest.map(({ collection, imported, page }) => row(collection, count(imported), count(page))),
    ...(rest.length === 0 ? [] : [paint('dim', others)]),
    `  ${paint('dim', '─'.repeat(width))}`,
    paint('bold', row(plural(status.total, 'collection'), count(status.imported), sum(bySize, 'page'))),
    ...(run === undefined ? [] : ['', `  ${runLine(run)}`, '']),
  ]
}

function runLine({ durationMs, imported, added, completed }: BackfillSummary): string {
  const seconds = durationMs / 1000
  const repeats = added === imported ? '' : ` (${count(added)} new)`
  const speed = imported === 0 ? '' : ` · ${count(imported / seconds)} pairs/s`
  return `this run: ${plural(completed, 'collection')} · ${count(imported)} pairs${repeats} · ${seconds.toFixed(1)} s${speed}`
}

/** What the comparison with the relay came to. */
export function verdictLines(
  differences: readonly Difference[],
  checked: { collections: number; pairs: number },
  { color }: Pick<Screen, 'color'>,
): string[] {
  const paint = painter(color)
  const extent = `${plural(checked.pairs, 'pair')} in ${plural(checked.collections, 'collection')}`
  if (differences.length === 0) return [`${paint('green', '✓')} index equals the relay: ${extent}`]
  const shown = differences.slice(0, LARGEST).map(describeDifference)
  const more = differences.length - shown.length
  return [
    `${paint('red', '✗')} index differs from the relay in ${plural(differences.length, 'collection')}:`,
    ...shown.map((line) => `  ${line}`),
    ...(more > 0 ? [`  and ${count(more)} more`] : []),
  ]
}

function describeDifference({ collection, missing, surplus }: Difference): string {
  return `${collection}: ${count(missing)} missing, ${count(surplus)} that the relay does not hold`
}
