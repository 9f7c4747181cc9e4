import type { PruneSummary } from '../../prune/prune-summary.ts'
import type { InactiveStanding } from '../../util/account-standing.ts'
import { count, duration, percent, plural } from '../../util/format.ts'
import { printable } from '../../util/text.ts'

const NAMES: Readonly<Record<InactiveStanding, string>> = {
  deleted: 'deleted',
  takendown: 'taken down',
  suspended: 'suspended',
  deactivated: 'deactivated',
  inactive: 'inactive',
}

/** What a prune found, before anything is removed. */
export function reportLines({ relay, listed, pairs, inactive, unlisted, ...rest }: PruneSummary): string[] {
  const rows = (Object.keys(NAMES) as InactiveStanding[]).map((standing) => [
    NAMES[standing],
    inactive[standing].accounts,
    inactive[standing].held,
    inactive[standing].pairs,
  ])
  const table = [
    ['', 'on the list', 'in the index', 'their pairs'],
    ...rows.map((row) => row.map((cell) => (typeof cell === 'number' ? count(cell) : cell))),
    ['not listed', '', count(unlisted.accounts), count(unlisted.pairs)],
  ]
  const unknown =
    rest.unknownPairs > 0 ? [`${plural(rest.unknownPairs, 'pair')} kept for want of memory`] : []
  return [
    `${printable(relay)} lists ${plural(listed, 'account')}; the index holds ${plural(pairs, 'pair')}`,
    ...table.map(
      ([name = '', ...cells]) => `  ${name.padEnd(12)}${cells.map((cell) => cell.padStart(14)).join('')}`,
    ),
    ...unknown,
    `may be removed: ${plural(rest.mayRemove, 'pair')}${shareText(rest.mayRemove, pairs)}`,
  ]
}

function shareText(part: number, whole: number): string {
  return whole === 0 ? '' : `, ${percent(part / whole)}`
}

export function pruneQuestion({ mayRemove, pairs, unlisted }: PruneSummary): string {
  const looked = unlisted.pairs > 0 ? `; ${count(unlisted.accounts)} accounts are looked up first` : ''
  return `Remove up to ${count(mayRemove)} of ${plural(pairs, 'pair')}${shareText(mayRemove, pairs)}${looked}?`
}

/** What came of it. */
export function endLines({
  outcome,
  removed,
  unlisted,
  cameBack,
  marked,
  durationMs,
}: PruneSummary): string[] {
  if (outcome === 'elsewhere') return ['Another process has pruned by this relay meanwhile.']
  if (outcome === 'reported') return ['Nothing was removed: that was a dry run.']
  if (outcome === 'declined') return ['Nothing was removed.']
  const { lookedUp, gone, notFound } = unlisted
  const looked = `${plural(lookedUp, 'account')} looked up: ${count(gone)} gone, ${count(notFound)} unknown to the relay`
  return [
    `✓ ${plural(removed, 'pair')} removed · ${duration(durationMs)}`,
    ...(lookedUp > 0 ? [`  ${looked}`] : []),
    ...(marked > 0 ? [`  ${plural(marked, 'account')} marked`] : []),
    ...(cameBack > 0 ? [`  ${plural(cameBack, 'account')} came back meanwhile and kept`] : []),
  ]
}
