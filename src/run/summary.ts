import type { BackfillEvent } from '../contracts/events.ts'
import type { BackfillSummary, RelaySummary } from '../contracts/run-status.ts'
import { type PageDelta, pageDeltas } from './page-deltas.ts'

/** The summary of a run, as it grows. */
export interface SummaryCounts {
  readonly summary: BackfillSummary
  /** The run begins now. */
  begin(): void
  /** Takes an event of the run, in its order. */
  count(event: BackfillEvent): void
  /** The run is over, in whatever way. */
  end(): void
}

type Sums = Omit<RelaySummary, 'relay'>

/** Counts what is done at each of these relays, and in all. */
export function countSummary(relays: readonly string[]): SummaryCounts {
  let began: number | undefined
  let ended: number | undefined
  const durationMs = () => (began === undefined ? 0 : Math.round((ended ?? performance.now()) - began))
  const sumsOf = <Of extends object>(of: Of): Of & Sums => ({
    ...of,
    ...nothing(),
    get durationMs() {
      return durationMs()
    },
  })
  const rows = new Map(relays.map((relay) => [relay, sumsOf({ relay })]))
  const summary = sumsOf({ relays: [...rows.values()] })
  const deltaOf = pageDeltas()

  function add(to: Sums, event: BackfillEvent, delta: PageDelta): void {
    if (event.type === 'sourceFailed') to.failedSources = withName(to.failedSources, event.source)
    if (event.type !== 'page') return
    to.pages += delta.pages
    to.invalid += delta.invalid
    to.imported += event.dids.length
    to.added += event.added ?? 0
    to.completed += event.completed ? 1 : 0
  }

  return {
    summary,
    begin() {
      began = performance.now()
    },
    count(event) {
      const delta = deltaOf(event)
      const row = rows.get(event.relay)
      add(summary, event, delta)
      if (row !== undefined) add(row, event, delta)
    },
    end() {
      ended = performance.now()
    },
  }
}

function nothing(): Omit<Sums, 'durationMs'> {
  return { completed: 0, pages: 0, imported: 0, added: 0, invalid: 0, failedSources: [] }
}

function withName(names: readonly string[], name: string): readonly string[] {
  return names.includes(name) ? names : [...names, name]
}
