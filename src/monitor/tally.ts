import type { CollectionProgress } from '../contracts/collection-progress.ts'
import type { CollectionCounts } from './snapshot.ts'
import { planOf, type WorkPlan } from './work.ts'

/** The rows of a run and their sums. */
export interface Tally {
  /** Makes a row where there is none. */
  change(collection: string, fields: Partial<CollectionProgress>): void
  row(collection: string): CollectionProgress | undefined
  rows(): readonly CollectionProgress[]
  /** Rises with every change; {@link Tally.changedAt} tells the number of a row's last one. */
  readonly changes: number
  changedAt(collection: string): number
  counts(): CollectionCounts
  readonly imported: number
  readonly invalid: number
  /** What there is to do. It is made anew where a row has changed since. */
  plan(): WorkPlan
  /** The collections that wait for a time, and when that is, on the monitor's clock. */
  readonly dues: ReadonlyMap<string, number>
  /** The running collections, and when their lease ends without a renewal, where a store tells that. */
  readonly leases: ReadonlyMap<string, number>
}

const UNTIMED = { retryInMs: undefined, leaseLeftMs: undefined }
const ZERO = {
  total: 0,
  complete: 0,
  running: 0,
  pending: 0,
  failed: 0,
  retrying: 0,
  imported: 0,
  invalid: 0,
}

export function createTally(relay: string, now: () => number): Tally {
  const rows = new Map<string, CollectionProgress>()
  const changed = new Map<string, number>()
  const dues = new Map<string, number>()
  const leases = new Map<string, number>()
  const sums = { ...ZERO }
  let changes = 0
  let planned: { plan: WorkPlan; changes: number } | undefined

  /** A row with its times from now on. */
  function fresh(row: CollectionProgress): CollectionProgress {
    const { collection } = row
    const [dueAt, leaseEndsAt] = [dues.get(collection), leases.get(collection)]
    if (dueAt === undefined && leaseEndsAt === undefined) return row
    const retryInMs = dueAt === undefined || dueAt <= now() ? undefined : dueAt - now()
    const leaseLeftMs = leaseEndsAt === undefined ? undefined : Math.max(0, leaseEndsAt - now())
    return { ...row, retryInMs, leaseLeftMs }
  }

  return {
    change(collection, fields) {
      const before = rows.get(collection)
      // Times that are told from now on are kept as moments.
      const after = { ...(before ?? emptyRow(relay, collection)), ...fields, ...UNTIMED }
      if (before !== undefined) addTo(sums, before, -1)
      addTo(sums, after, 1)
      rows.set(collection, after)
      changes += 1
      changed.set(collection, changes)
      note(dues, collection, after.state === 'pending', fields, 'retryInMs')
      note(leases, collection, after.state === 'running', fields, 'leaseLeftMs')
    },
    row(collection) {
      const row = rows.get(collection)
      return row && fresh(row)
    },
    rows: () => [...rows.values()].map(fresh),
    get changes() {
      return changes
    },
    changedAt: (collection) => changed.get(collection) ?? 0,
    counts() {
      const { total, complete, running, pending, retrying, failed } = sums
      return { total, complete, running, pending, retrying, failed }
    },
    get imported() {
      return sums.imported
    },
    get invalid() {
      return sums.invalid
    },
    plan() {
      if (planned?.changes !== changes) planned = { plan: planOf([...rows.values()]), changes }
      return planned.plan
    },
    dues,
    leases,
  }

  /** Keeps when a time is that a row tells in milliseconds from now. */
  function note(
    times: Map<string, number>,
    collection: string,
    mayHave: boolean,
    fields: Partial<CollectionProgress>,
    field: 'retryInMs' | 'leaseLeftMs',
  ): void {
    const inMs = fields[field]
    if (mayHave && inMs !== undefined) times.set(collection, now() + inMs)
    else if (!mayHave || field in fields) times.delete(collection)
  }
}

function addTo(sums: typeof ZERO, row: CollectionProgress, sign: 1 | -1): void {
  const { state, imported, invalid, attempts } = row
  sums.total += sign
  sums[state] += sign
  if (state === 'pending' && attempts > 0) sums.retrying += sign
  sums.imported += sign * imported
  sums.invalid += sign * invalid
}

function emptyRow(relay: string, collection: string): CollectionProgress {
  return { relay, collection, state: 'pending', pages: 0, imported: 0, invalid: 0, attempts: 0, flags: [] }
}
