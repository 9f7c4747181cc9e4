import type { BackfillEvent, BackfillSummary, RelaySummary } from '../contracts/events.ts'
import { pageDeltas } from './page-deltas.ts'

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
  const rows = new Map<string, RelaySummary>(relays.map((relay) => [relay, { relay, ...nothing() }]))
  const summary: BackfillSummary = { ...nothing(), relays: [...rows.values()] }
  const deltaOf = pageDeltas()
  let startedAt = performance.now()
  const sumsOf = (relay: string): Sums[] => [summary, rows.get(relay) ?? []].flat()
  const durationMs = () => Math.round(performance.now() - startedAt)
  return {
    summary,
    begin() {
      startedAt = performance.now()
    },
    count(event) {
      const delta = deltaOf(event)
      for (const sums of sumsOf(event.relay)) {
        if (event.type === 'sourceFailed') sums.failedSources = withName(sums.failedSources, event.source)
        if (event.type !== 'page') continue
        sums.pages += delta.pages
        sums.invalid += delta.invalid
        sums.imported += event.dids.length
        sums.added += event.added ?? 0
        sums.completed += event.completed ? 1 : 0
        sums.durationMs = durationMs()
      }
    },
    end() {
      summary.durationMs = durationMs()
      // One relay alone took as long as the run.
      if (relays.length === 1) for (const row of rows.values()) row.durationMs = summary.durationMs
    },
  }
}

function nothing(): Sums {
  return { completed: 0, pages: 0, imported: 0, added: 0, invalid: 0, failedSources: [], durationMs: 0 }
}

function withName(names: readonly string[], name: string): readonly string[] {
  return names.includes(name) ? names : [...names, name]
}
