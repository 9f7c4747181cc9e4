import type { CollectionProgress } from '../contracts/collection-progress.ts'
import { changeWork } from './added-work.ts'
import type { OthersWalk } from './forecast.ts'
import type { MonitorParts } from './monitor-parts.ts'

/** Takes over what the progress store says, in the place of what was known. */
export function takeRows(parts: MonitorParts, rows: readonly CollectionProgress[]): void {
  const { tally, walks, forecast, now } = parts
  const others: OthersWalk[] = []
  changeWork(parts, () => {
    for (const row of rows) {
      const { collection, state, pages } = row
      const before = tally.row(collection)
      // What other workers did since the last time. What earlier runs did is no work of this time.
      const more = parts.hasRead ? pages - (before?.pages ?? 0) : 0
      const { retryInMs, leaseLeftMs, owner } = row
      tally.change(collection, { ...row, retryInMs, leaseLeftMs, owner })
      if (!walks.isRunning(collection))
        others.push({ collection, pages: Math.max(0, more), isRunning: state === 'running' })
    }
  })
  forecast.hear(others, now())
  parts.hasRead = true
}
