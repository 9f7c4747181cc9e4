import type { MonitorParts } from './monitor-parts.ts'
import type { SetAsideCollection, Waiting } from './snapshot.ts'

/** The collections that are tried again later, the soonest first. */
export function setAsideAt({ tally }: Pick<MonitorParts, 'tally'>, at: number): SetAsideCollection[] {
  return [...tally.dues]
    .filter(([, until]) => until > at)
    .map(([collection, until]) => ({ collection, until, message: tally.row(collection)?.lastError }))
    .toSorted((a, b) => a.until - b.until)
}

/** What the whole run waits for; nothing while anything is read. */
export function waitingAt(
  parts: MonitorParts,
  setAside: readonly SetAsideCollection[],
  at: number,
): Waiting | undefined {
  const { unavailable, pause, walks, tally, begun } = parts
  if (unavailable !== undefined) return { reason: 'database', ...unavailable }
  if (pause !== undefined && pause.until > at) return { reason: 'relay', ...pause }
  const { pending, running } = tally.counts()
  // What is pending and may be claimed is about to be.
  const isIdle = begun && walks.running === 0 && pending === setAside.length
  if (!isIdle) return undefined
  const [soonest] = setAside
  if (soonest !== undefined) return { reason: 'setAside', until: soonest.until, collections: setAside }
  if (running === 0) return undefined
  const held = tally.rows().filter(({ state }) => state === 'running')
  const until = parts.holders?.until ?? Math.max(...held.map(({ leaseLeftMs = NaN }) => at + leaseLeftMs))
  return {
    reason: 'claims',
    until: Number.isFinite(until) ? until : undefined,
    collections: held.map(({ collection }) => collection),
    holders: parts.holders?.names ?? [],
  }
}
