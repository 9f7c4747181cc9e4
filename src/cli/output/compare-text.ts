import { describe } from '../../util/describe.ts'
import { count, plural } from '../../util/format.ts'
import { printable } from '../../util/text.ts'
import type { RelayComparison, RelayCount } from '../../verify/compare-relays.ts'
import type { SampleAccount } from '../sample-accounts.ts'
import { columnLines, letterOf } from './columns-text.ts'
import type { Screen } from './screen.ts'
import { painter } from './terminal-format.ts'
import { wrap } from './terminal-text.ts'

/** The head of the table of {@link comparisonLines}. */
export function comparisonHead(relays: readonly string[], screen: Screen): string[] {
  const all = relays.length === 2 ? 'both' : 'all'
  const cells = [all, ...relays.map((_, i) => `only ${letterOf(i)}`)]
  return columnLines('collection', cells, screen).map((line) => painter(screen.color)('dim', line))
}

/** What relays list of a collection, with samples of what one alone lists, and what became of these accounts. */
export function comparisonLines(
  { collection, compared, failed }: RelayComparison,
  accounts: ReadonlyMap<string, SampleAccount>,
  screen: Screen,
): string[] {
  const paint = painter(screen.color)
  if (compared === undefined) return [failureLine(collection, failed?.error, screen)]
  const cells = [compared.all, ...compared.relays.map(({ only }) => only)].map((value) => count(value))
  const isEqual = compared.all === compared.union
  const rows = columnLines(printable(collection), cells, screen)
  const samples = compared.relays.flatMap(({ samples }, i) =>
    samples.flatMap((did) =>
      wrap(`only ${letterOf(i)}  ${sampleText(did, accounts.get(did))}`, screen.columns - 7),
    ),
  )
  return [
    ...(isEqual ? rows.map((row) => paint('dim', row)) : rows),
    ...samples.map((text) => paint('dim', `      ${text}`)),
  ]
}

function sampleText(did: string, account: SampleAccount | undefined): string {
  if (account === undefined) return printable(did)
  const { handle, host, state, reason } = account
  const known = [did, handle, host, state, reason === undefined ? undefined : `(${reason})`]
  return printable(known.filter((part) => part !== undefined).join('  '))
}

/** The head of the table of {@link countLines}. */
export function countHead(relays: readonly string[], screen: Screen): string[] {
  const differ = relays.length > 1 ? ['differ'] : []
  const lines = columnLines('collection', [...relays.map((_, i) => letterOf(i)), ...differ], screen)
  return lines.map((line) => painter(screen.color)('dim', line))
}

/** How many repos each relay lists of a collection, and how far they disagree. */
export function countLines({ collection, relays, difference }: CountedCollection, screen: Screen): string[] {
  const cells = relays.map(({ listed }) => (listed === undefined ? '–' : count(listed)))
  const differ = relays.length > 1 ? [difference === undefined ? '–' : percentOf(difference)] : []
  const failures = relays.flatMap(({ error, listed }) =>
    // That of a relay which failed its check was told before.
    listed === undefined && error !== undefined ? [failureLine(collection, error, screen)] : [],
  )
  return [...columnLines(printable(collection), [...cells, ...differ], screen), ...failures]
}

/** How many repos of a collection each relay lists. */
export interface CountedCollection {
  readonly collection: string
  readonly relays: readonly RelayCount[]
  /** The relay that lists most. Absent where none could be read. */
  readonly largest?: { readonly relay: string; readonly listed: number } | undefined
  /** By how much the smallest is smaller than the largest, from 0 to 1. Absent unless two could be read. */
  readonly difference?: number | undefined
}

/** Rounded up, so that 0% says that there is none. */
function percentOf(difference: number): string {
  return `${(Math.ceil(difference * 1000) / 10).toFixed(difference === 0 ? 0 : 1)}%`
}

function failureLine(collection: string, error: unknown, { columns, color }: Screen): string {
  const [first = '', ...rest] = wrap(`${collection}: ${printable(describe(error))}`, columns - 5)
  return [`  ${painter(color)('red', '✗')} ${first}`, ...rest.map((line) => `    ${line}`)].join('\n')
}

/** What a comparison of all collections came to. */
export function comparisonSum(comparisons: readonly RelayComparison[]): string {
  const failed = comparisons.filter(({ compared }) => compared === undefined).length
  const equal = comparisons.filter(({ compared }) => compared && compared.all === compared.union).length
  const compared = comparisons.length - failed
  const whatFailed = failed === 0 ? '' : `; ${plural(failed, 'collection')} could not be compared, see above`
  return `${plural(compared, 'collection')} compared, ${count(equal)} equal, ${count(compared - equal)} different${whatFailed}`
}
