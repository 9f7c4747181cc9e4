import type { Attributes, BatchObservableResult } from '@opentelemetry/api'
import type { CollectionFlag, CollectionProgress } from '../contracts/collection-progress.ts'
import type { MonitorSnapshot, Waiting } from '../monitor/snapshot.ts'
import { FLAG_WORDS } from '../util/flags.ts'
import { ATTRIBUTE } from './attributes.ts'
import type { Gauges } from './instruments.ts'

/** The words of the attribute: those of the waits that have a duration, where they are the same. */
const REASONS: Readonly<Record<Waiting['reason'], string>> = {
  database: 'store',
  relay: 'relay',
  setAside: 'set_aside',
  claims: 'claims',
}
const FLAGS = Object.keys(FLAG_WORDS) as CollectionFlag[]

/** Tells how things are, in a number of series that does not grow with the network. */
export function observeGauges(
  result: BatchObservableResult,
  gauges: Gauges,
  relay: string,
  { collections, work, timeLeft, waiting, setAside }: MonitorSnapshot,
  rows: readonly CollectionProgress[],
): void {
  const base: Attributes = { [ATTRIBUTE.relay]: relay }
  for (const state of ['complete', 'running', 'pending', 'failed'] as const) {
    result.observe(gauges.collections, collections[state], { ...base, [ATTRIBUTE.state]: state })
  }
  for (const flag of FLAGS) {
    const flagged = rows.filter(({ flags }) => flags.includes(flag)).length
    result.observe(gauges.flagged, flagged, { ...base, [ATTRIBUTE.flag]: flag })
  }
  for (const [reason, word] of Object.entries(REASONS)) {
    const isIt = waiting?.reason === reason
    result.observe(gauges.waiting, isIt ? 1 : 0, { ...base, [ATTRIBUTE.waitReason]: word })
  }
  result.observe(gauges.setAside, setAside.length, base)
  result.observe(gauges.requestsLeft, work.requestsLeft, base)
  if (work.fraction !== undefined) result.observe(gauges.progress, work.fraction, base)
  if (timeLeft !== undefined) {
    const attributes = { ...base, [ATTRIBUTE.atLeast]: timeLeft.atLeast }
    result.observe(gauges.timeLeft, timeLeft.ms / 1000, attributes)
  }
}
