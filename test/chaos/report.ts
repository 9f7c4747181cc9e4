import type { ChaosReport } from './run.ts'

/** What must not have happened, each in a sentence; empty when the promise was kept. */
export function violations({ options, verdict, fleet, calmSeconds }: ChaosReport): string[] {
  const found: string[] = []
  const mustBeNone = (count: number, what: string) => {
    if (count > 0) found.push(`${count} ${what}`)
  }
  mustBeNone(verdict.pairsMissing, 'pairs missing')
  mustBeNone(verdict.pairsTooMany, 'pairs too many')
  mustBeNone(verdict.cursorRegressions, 'cursor regressions')
  mustBeNone(verdict.pagesCommittedTwice, 'pages committed twice')
  mustBeNone(verdict.completeWrongly, 'collections complete wrongly')
  mustBeNone(verdict.incomplete.length, 'collections not complete')
  // With synchronous_commit off, a hard stop may undo what was said to be committed, pairs and cursor together.
  if (options.synchronousCommit === 'on')
    mustBeNone(verdict.pagesUndone, 'pages said to be durable that were not')
  if (calmSeconds === undefined) found.push('the workers did not finish in time')
  found.push(
    ...fleet.unexplained.map((end) => `a worker ended without a reason: ${end}`),
    ...verdict.problems,
  )
  return found
}

/** All figures, a line for each. */
export function figureLines(report: ChaosReport): string[] {
  const { options, disturbances, faults, fleet, verdict } = report
  const times = (event: Parameters<typeof fleet.said.get>[0]) => fleet.said.get(event) ?? 0
  const allFaults = [...faults].sort(([, a], [, b]) => b - a)
  const calm = report.calmSeconds === undefined ? 'not reached' : `${report.calmSeconds.toFixed(1)} s later`
  const rows: [string, string | number][] = [
    ['seconds', options.seconds],
    ['seed', options.seed],
    ['workers', options.workers],
    ['database', options.database],
    ['synchronous_commit', options.synchronousCommit],
    ['collections', report.collections],
    ['everything complete', calm],
    ['', ''],
    ['kills', disturbances.kills],
    ['pauses longer than a lease', disturbances.pauses],
    ['hard database restarts', disturbances.restarts],
    ['database sessions ended', disturbances.terminated],
    ['relay faults', allFaults.reduce((sum, [, count]) => sum + count, 0)],
    ...allFaults.map(([name, count]): [string, number] => [`  ${name}`, count]),
    ['runs that ended early', byCode(fleet.ended)],
    ['collections put off after an error', byCode(fleet.failed)],
    ['waits for the database', times('store unavailable')],
    ['claims lost', times('claim lost')],
    ['', ''],
    ['pages committed', verdict.pagesCommitted],
    ['pages fetched twice', report.pagesFetchedTwice],
    ['pages undone by a restart', verdict.pagesUndone],
    ['pairs expected', verdict.pairsExpected],
    ['pairs in the index', verdict.pairsHeld],
    ['pairs missing', verdict.pairsMissing],
    ['pairs too many', verdict.pairsTooMany],
    ['cursor regressions', verdict.cursorRegressions],
    ['pages committed twice', verdict.pagesCommittedTwice],
    ['collections complete wrongly', verdict.completeWrongly],
    ['collections not complete', verdict.incomplete.length],
  ]
  return rows.map(([name, value]) => (name === '' ? '' : `${name.padEnd(36)}${value}`))
}

function byCode(counts: ReadonlyMap<string, number>): string | number {
  return [...counts].map(([code, count]) => `${count} ${code}`).join(', ') || 0
}
