import type { RelaySummary } from '../../contracts/events.ts'
import type { CollectionProgress } from '../../contracts/progress-store.ts'
import { count, duration, plural } from '../../util/format.ts'
import { printable } from '../../util/text.ts'
import type { Screen } from './screen.ts'
import { painter } from './terminal-format.ts'
import { fit } from './terminal-text.ts'

const LARGEST = 8
const MAX_WIDTH = 72

/** The closing table: the largest collections, the totals, and what this run did. */
export function summaryLines(
  rows: readonly CollectionProgress[],
  run: RelaySummary | undefined,
  screen: Screen,
): string[] {
  const paint = painter(screen.color)
  const width = Math.min(screen.columns - 1, MAX_WIDTH) - 2
  const pagesWidth = screen.columns < 60 ? 0 : 9
  const row = (name: string, pairs: string, pages: string) =>
    `  ${fit(printable(name), width - 12 - pagesWidth)}${pairs.padStart(12)}${pagesWidth === 0 ? '' : pages.padStart(pagesWidth)}`
  const bySize = rows.toSorted((a, b) => b.imported - a.imported)
  const largest = bySize.slice(0, LARGEST)
  const rest = bySize.slice(LARGEST)
  const sum = (some: readonly CollectionProgress[], field: 'imported' | 'pages') =>
    count(some.reduce((total, each) => total + each[field], 0))
  const others = row(`${count(rest.length)} more`, sum(rest, 'imported'), sum(rest, 'pages'))
  return [
    paint('dim', row('collection', 'pairs', 'pages')),
    ...largest.map(({ collection, imported, pages }) => row(collection, count(imported), count(pages))),
    ...(rest.length === 0 ? [] : [paint('dim', others)]),
    `  ${paint('dim', '─'.repeat(width))}`,
    paint('bold', row(plural(rows.length, 'collection'), sum(bySize, 'imported'), sum(bySize, 'pages'))),
    ...(run === undefined ? [] : ['', `  ${runLine(run)}`]),
  ]
}

/** What a run did. */
export function runLine({ durationMs, imported, added, completed }: Omit<RelaySummary, 'relay'>): string {
  const seconds = durationMs / 1000
  const repeats = added === imported ? '' : ` (${count(added)} new)`
  const speed = imported === 0 ? '' : ` · ${count(imported / seconds)} pairs/s`
  return `this run: ${plural(completed, 'collection')} · ${count(imported)} pairs${repeats} · ${duration(durationMs)}${speed}`
}
