import { FLAG_WORDS } from '../../util/flags.ts'
import { count, duration, plural } from '../../util/format.ts'
import { printable } from '../../util/text.ts'
import type { CollectionReport, Repair, VerificationSummary } from '../../verify/verification-report.ts'
import type { JudgedEnd } from '../verify-work.ts'
import type { Screen } from './screen.ts'
import { painter } from './terminal-format.ts'
import { fit, widthOf, wrap } from './terminal-text.ts'

const MAX_WIDTH = 100

/** How a collection differs, with samples; nothing when it does not, or when it could not be compared. */
export function differenceLines(
  { collection, differences, repaired }: CollectionReport,
  screen: Screen,
): string[] {
  if (differences === undefined || differences.onlyThere + differences.onlyHere === 0) return []
  const paint = painter(screen.color)
  const width = Math.min(screen.columns - 1, MAX_WIDTH) - 2
  const { both, onlyThere, onlyHere, samples } = differences
  const found = `${count(both)} equal, ${count(onlyThere)} missing, ${count(onlyHere)} surplus`
  const figures = [found, ...repairText(repaired)].join(': ')
  const room = width - 2 - widthOf(figures) - 2
  const line = (sign: string, dids: readonly string[]) =>
    dids.flatMap((did) => wrap(`${sign} ${did}`, width - 4)).map((text) => paint('dim', `      ${text}`))
  const head =
    room < 20
      ? [`  ${paint('red', '≠')} ${fit(printable(collection), width - 2).trimEnd()}`, `    ${figures}`]
      : [`  ${paint('red', '≠')} ${fit(printable(collection), room)}  ${figures}`]
  return [...head, ...line('missing', samples.onlyThere), ...line('surplus', samples.onlyHere)]
}

function repairText({ added, removed }: Repair = { added: 0, removed: 0 }): string[] {
  return added + removed === 0 ? [] : [`${count(added)} added, ${count(removed)} removed`]
}

/** What the comparison came to, and what it cost. */
export function verdictLines(
  summary: VerificationSummary,
  outcome: JudgedEnd['outcome'],
  { color }: Pick<Screen, 'color'>,
): string[] {
  const paint = painter(color)
  const took = [plural(summary.cost.requests, 'request'), duration(summary.cost.durationMs)]
  const mark = outcome === 'different' ? paint('red', '✗') : paint('green', '✓')
  return [`${mark} ${verdict(summary, outcome)}`, paint('dim', `  ${took.join(' · ')}`)]
}

function verdict(summary: VerificationSummary, outcome: JudgedEnd['outcome']): string {
  const { compared, failed, both, onlyThere, onlyHere } = summary
  const relay = printable(summary.relay)
  const equal = plural(both, 'pair')
  const where = `in ${plural(compared, 'collection')}`
  const [changed] = repairText(summary)
  const mended = changed === undefined ? '' : `: ${changed}`
  if (outcome === 'equal') return `index equals ${relay}: ${equal} ${where}`
  if (outcome === 'repaired') return `index repaired from ${relay}${mended}, ${count(both)} equal ${where}`
  if (outcome === 'incomplete')
    return `index equals ${relay} in what was compared: ${equal} ${where}${mended}`
  const differs = `${count(onlyThere)} missing, ${count(onlyHere)} surplus, ${count(both)} equal ${where}${mended}`
  const whatFailed = failed === 0 ? '' : `, ${count(failed)} could not be compared`
  return `index differs from ${relay}: ${differs}${whatFailed}`
}

/** What keeps the index from being equal, whatever was found. */
export function unsettledLines({ unsettled, leftOut }: Pick<JudgedEnd, 'unsettled' | 'leftOut'>): string[] {
  const one = 'collection is not complete and was not compared'
  const which = plural(leftOut, one, 'collections are not complete and were not compared')
  const open = unsettled.filter(({ state }) => state !== 'complete')
  const flagged = unsettled.filter(({ state }) => state === 'complete')
  const openLines =
    leftOut > 0
      ? [`${which}. Run again first.`]
      : open.map(
          ({ collection, state }) =>
            `${printable(collection)} is not complete: it is ${state}. Run again first.`,
        )
  const flagLines = flagged.map(
    ({ collection, flags }) =>
      `${printable(collection)}: ${flags.map((flag) => FLAG_WORDS[flag]).join('; ')}.`,
  )
  return [...openLines, ...flagLines]
}
