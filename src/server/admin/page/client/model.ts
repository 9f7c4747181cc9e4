import type {
  AdminFailure,
  AdminRow,
  AdminSample,
  AdminStatus,
  AdminTick,
  AdminTotals,
} from '../../wire-types.ts'

type State = AdminRow['state']

/** What the page needs of an event, whatever its name. */
interface EventContent {
  readonly row?: AdminRow
  readonly failure?: AdminFailure
  readonly unavailableMs?: number
}

/** Before the first run of a process, the rows of all relays are there. */
export const keyOf = ({ source, collection }: AdminRow): string => `${source} ${collection}`

/** Everything that the page knows. */
export interface Model {
  /** By {@link keyOf}. */
  readonly rows: ReadonlyMap<string, AdminRow>
  readonly counts: Readonly<Record<State, number>>
  /** The relays that the rows are of. */
  readonly relays: ReadonlySet<string>
  readonly totals: AdminTotals | undefined
  /** The speed over time, the oldest first. */
  readonly history: readonly AdminSample[]
  /** The last hundred, the oldest first. */
  readonly failures: readonly AdminFailure[]
  /** When the database could be used again for the last time, by the server's clock, and how long it could not. */
  readonly storeBack: { readonly at: number; readonly unavailableMs: number } | undefined
  /** Raised by each change of a row. */
  readonly version: number
  /** Takes one event of the stream. @returns the row that it changes, where it changes one */
  take(name: string, data: string): AdminRow | undefined
}

const MAX_FAILURES = 100

export function createModel(): Model {
  const rows = new Map<string, AdminRow>()
  const relays = new Set<string>()
  const counts: Record<State, number> = { pending: 0, running: 0, failed: 0, complete: 0 }
  const model = {
    rows,
    counts,
    relays,
    totals: undefined as AdminTotals | undefined,
    history: [] as readonly AdminSample[],
    failures: [] as readonly AdminFailure[],
    storeBack: undefined as Model['storeBack'],
    version: 0,
    take(name: string, data: string): AdminRow | undefined {
      const content: unknown = JSON.parse(data)
      if (name === 'snapshot') return takeSnapshot(content as AdminStatus)
      if (name === 'totals') return takeTick(content as AdminTick)
      const { row, failure, unavailableMs } = content as EventContent
      if (unavailableMs !== undefined)
        model.storeBack = { at: Date.parse(model.totals?.at ?? ''), unavailableMs }
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
    relays.add(row.source)
    model.version += 1
  }

  function takeSnapshot(status: AdminStatus): undefined {
    rows.clear()
    relays.clear()
    counts.pending = counts.running = counts.failed = counts.complete = 0
    for (const row of status.collections) takeRow(row)
    model.version += 1
    model.history = status.history
    model.failures = status.failures
    model.totals = status
  }

  function takeTick({ latest, ...totals }: AdminTick): undefined {
    model.history = withLatest(model.history, latest)
    model.totals = totals
  }

  return model
}

/**
 * The history as the server has it now, of which the end was told: a page that was open all the time and one that was
 * just loaded show the same curve.
 */
function withLatest(history: readonly AdminSample[], latest: readonly AdminSample[]): readonly AdminSample[] {
  const [first] = latest
  if (first === undefined) return history
  let known = history
  while ((known[0]?.span_ms ?? Number.POSITIVE_INFINITY) < first.span_ms) known = inPairs(known)
  return [...known.filter(({ at }) => Date.parse(at) < Date.parse(first.at)), ...latest]
}

/** Twice as coarse. */
function inPairs(samples: readonly AdminSample[]): readonly AdminSample[] {
  return samples.flatMap((one, i) => {
    if (i % 2 === 1) return []
    const { pairs_per_second, requests_per_second } = samples[i + 1] ?? one
    return {
      at: one.at,
      span_ms: 2 * one.span_ms,
      pairs_per_second: (one.pairs_per_second + pairs_per_second) / 2,
      requests_per_second: (one.requests_per_second + requests_per_second) / 2,
    }
  })
}

/** The same again takes the place of the one before. */
function withFailure(failures: readonly AdminFailure[], failure: AdminFailure): readonly AdminFailure[] {
  const kept = failure.times > 1 ? failures.slice(0, -1) : failures
  return [...kept, failure].slice(-MAX_FAILURES)
}
