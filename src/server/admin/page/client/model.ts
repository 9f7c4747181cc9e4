import type { AdminFailure, AdminRow, AdminSample, AdminStatus, AdminTotals } from '../../wire-types.ts'

type State = AdminRow['state']

/** What the page needs of an event, whatever its name. */
interface EventContent {
  readonly row?: AdminRow
  readonly failure?: AdminFailure
}

/** Before the first run of a process, the rows of all relays are there. */
export const keyOf = ({ source, collection }: AdminRow): string => `${source} ${collection}`

/** Everything that the page knows. */
export interface Model {
  /** By {@link keyOf}. */
  readonly rows: ReadonlyMap<string, AdminRow>
  readonly counts: Readonly<Record<State, number>>
  readonly totals: AdminTotals | undefined
  /** The speed over time, the oldest first. */
  readonly history: readonly AdminSample[]
  /** The last hundred, the oldest first. */
  readonly failures: readonly AdminFailure[]
  /** Raised by each change of a row. */
  readonly version: number
  /** Takes one event of the stream. @returns the row that it changes, where it changes one */
  take(name: string, data: string): AdminRow | undefined
}

/** Enough points for a curve, however long the run. */
const MAX_SAMPLES = 600
const MAX_FAILURES = 100

export function createModel(): Model {
  const rows = new Map<string, AdminRow>()
  const counts: Record<State, number> = { pending: 0, running: 0, failed: 0, complete: 0 }
  const model = {
    rows,
    counts,
    totals: undefined as AdminTotals | undefined,
    history: [] as readonly AdminSample[],
    failures: [] as readonly AdminFailure[],
    version: 0,
    take(name: string, data: string): AdminRow | undefined {
      const content: unknown = JSON.parse(data)
      if (name === 'snapshot') return takeSnapshot(content as AdminStatus)
      if (name === 'totals') return takeTotals(content as AdminTotals)
      const { row, failure } = content as EventContent
      if (row) takeRow(row)
      if (failure) model.failures = withFailure(model.failures, failure)
      return row
    },
  }

  function takeRow(row: AdminRow): void {
    const before = rows.get(keyOf(row))
    if (before !== undefined) counts[before.state] -= 1
    counts[row.state] += 1
    rows.set(keyOf(row), row)
    model.version += 1
  }

  function takeSnapshot(status: AdminStatus): undefined {
    rows.clear()
    counts.pending = counts.running = counts.failed = counts.complete = 0
    for (const row of status.collections) takeRow(row)
    model.version += 1
    model.history = status.history
    model.failures = status.failures
    model.totals = status
  }

  function takeTotals(totals: AdminTotals): undefined {
    model.history = withSample(model.history, totals)
    model.totals = totals
  }

  return model
}

/** The history with the speed of this moment; half of it becomes coarser once there is too much. */
function withSample(history: readonly AdminSample[], totals: AdminTotals): readonly AdminSample[] {
  const { running, at, pairs_per_second, requests_per_second } = totals
  const last = history.at(-1)
  if (!running || pairs_per_second === null) return history
  // There is a sample for this time already: the pieces of a long run are long.
  if (last !== undefined && Date.parse(at) - Date.parse(last.at) < last.span_ms) return history
  const sample = {
    at,
    span_ms: last?.span_ms ?? 1_000,
    pairs_per_second,
    requests_per_second: requests_per_second ?? 0,
  }
  const longer = [...history, sample]
  if (longer.length <= MAX_SAMPLES) return longer
  return longer.filter((_, i) => i % 2 === 0).map((each) => ({ ...each, span_ms: each.span_ms * 2 }))
}

/** The same again takes the place of the one before. */
function withFailure(failures: readonly AdminFailure[], failure: AdminFailure): readonly AdminFailure[] {
  const kept = failure.times > 1 ? failures.slice(0, -1) : failures
  return [...kept, failure].slice(-MAX_FAILURES)
}
