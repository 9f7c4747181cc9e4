import type { MonitorParts } from './monitor-parts.ts'

/**
 * Makes a change that may add work, and notes it where the fraction falls by it: collections that were not known, sizes
 * that are larger, a walk that begins again.
 */
export function changeWork(parts: MonitorParts, change: () => void): void {
  const { tally } = parts
  const before = { ...tally.plan().work, collections: tally.counts().total }
  change()
  const after = tally.plan().work
  const { fraction = 0 } = after
  if (!parts.begun || before.fraction === undefined || fraction >= before.fraction) return
  parts.told = 0
  parts.addedWork = {
    at: parts.now(),
    requests: Math.max(0, after.requestsLeft - before.requestsLeft),
    collections: tally.counts().total - before.collections,
  }
}
