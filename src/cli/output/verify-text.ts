import { count, duration, plural } from '../../util/format.ts'
import { printable } from '../../util/text.ts'
import type { CollectionReport, VerificationSummary } from '../../verify/verification-report.ts'
import type { Screen } from './screen.ts'
import { painter } from './terminal-format.ts'
import { fit, widthOf, wrap } from './terminal-text.ts'

const MAX_WIDTH = 100

/** How a collection differs, with samples; nothing when it does not, or when it could not be compared. */
export function differenceLines({ collection, differences }: CollectionReport, screen: Screen): string[] {
  if (differences === undefined || differences.onlyThere + differences.onlyHere === 0) return []
  const paint = painter(screen.color)
  const width = Math.min(screen.columns - 1, MAX_WIDTH) - 2
  const { both, onlyThere, onlyHere, samples } = differences
  const figures = `${count(both)} equal, ${count(onlyThere)} missing, ${count(onlyHere)} surplus`
  const room = width - 2 - widthOf(figures) - 2
  const line = (sign: string, dids: readonly string[]) =>
    dids.flatMap((did) => wrap(`${sign} ${did}`, width - 4)).map((text) => paint('dim', `      ${text}`))
  const head =
    room < 20
      ? [`  ${paint('red', '≠')} ${fit(printable(collection), width - 2).trimEnd()}`, `    ${figures}`]
      : [`  ${paint('red', '≠')} ${fit(printable(collection), room)}  ${figures}`]
  return [...head, ...line('missing', samples.onlyThere), ...line('surplus', samples.onlyHere)]
}

/** What the comparison with one relay came to, and what it cost. */
export function verdictLines(summary: VerificationSummary, { color }: Pick<Screen, 'color'>): string[] {
  const { relay, compared, failed, both, onlyThere, onlyHere, cost } = summary
  const paint = painter(color)
  const isEqual = failed + onlyThere + onlyHere === 0
  const what = isEqual
    ? [`index equals ${printable(relay)}: ${plural(both, 'pair')} in ${plural(compared, 'collection')}`]
    : [
        `index differs from ${printable(relay)}: ${count(onlyThere)} missing, ${count(onlyHere)} surplus, ` +
          `${count(both)} equal in ${plural(compared, 'collection')}`,
        ...(failed === 0 ? [] : [`${count(failed)} could not be compared`]),
      ]
  const took = [plural(cost.requests, 'request'), duration(cost.durationMs)]
  const mark = isEqual ? paint('green', '✓') : paint('red', '✗')
  return [`${mark} ${what.join(', ')}`, paint('dim', `  ${took.join(' · ')}`)]
}
