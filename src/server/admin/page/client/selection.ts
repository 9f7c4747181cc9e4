import { fractionOf } from '../../../../monitor/work.ts'
import type { AdminRow } from '../../wire-types.ts'

export type Column = 'collection' | 'state' | 'progress' | 'imported' | 'expected'

/** Which rows are shown, and in which order. */
export interface Selection {
  readonly state: AdminRow['state'] | 'all'
  /** What the name must hold, in any case. */
  readonly search: string
  readonly by: Column
  readonly descending: boolean
  /** Which page of them, from 1. */
  readonly page: number
}

/** What is at work first, then what went wrong, then what is still to do. */
const ORDER: Record<AdminRow['state'], number> = { running: 0, failed: 1, pending: 3, complete: 4 }
/** What failed and is tried again, and what is flagged, stands before what was not begun. */
const TO_LOOK_AT = 2

/** Of a row, from 0 to 1; nothing where it cannot be told. */
export function progressOf({ state, imported, estimated_repos }: AdminRow): number | undefined {
  if (state !== 'complete' && imported === 0) return 0
  return fractionOf({ state, imported, estimatedRepos: estimated_repos ?? undefined })
}

const KEYS: Record<Exclude<Column, 'collection'>, (row: AdminRow) => number> = {
  state: ({ state, not_before, flags }) =>
    not_before !== null || flags.length > 0 ? Math.min(ORDER[state], TO_LOOK_AT) : ORDER[state],
  progress: (row) => progressOf(row) ?? 0.5,
  imported: ({ imported }) => imported,
  expected: ({ estimated_repos }) => estimated_repos ?? -1,
}

/** The rows that are shown, in their order. Rows that are the same stand by size and then by name. */
export function select(rows: Iterable<AdminRow>, { state, search, by, descending }: Selection): AdminRow[] {
  const wanted = search.trim().toLowerCase()
  const found = [...rows].filter(
    (row) =>
      (state === 'all' || row.state === state) &&
      (wanted === '' || row.collection.toLowerCase().includes(wanted)),
  )
  const turn = descending ? -1 : 1
  if (by === 'collection') return found.sort((a, b) => turn * byName(a, b))
  const key = KEYS[by]
  return found.sort((a, b) => turn * (key(a) - key(b)) || bySize(a, b) || byName(a, b))
}

function bySize(a: AdminRow, b: AdminRow): number {
  return (b.estimated_repos ?? b.imported) - (a.estimated_repos ?? a.imported)
}

function byName(a: AdminRow, b: AdminRow): number {
  if (a.collection === b.collection) return 0
  return a.collection < b.collection ? -1 : 1
}
