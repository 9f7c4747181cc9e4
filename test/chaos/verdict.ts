import { sql } from 'kysely'
import { kyselyProgressStore } from '../../src/kysely/index.ts'
import { type Served, verdict } from '../support/checker.ts'
import type { TestKysely } from '../support/databases.ts'
import type { PageLine } from './worker-lines.ts'

/** What came of everything. All but the first four must be 0 or empty. */
export interface ChaosVerdict {
  readonly pagesCommitted: number
  readonly pairsExpected: number
  readonly pairsHeld: number
  /** Pages that a worker said to be durable and that a restart of the database undid. */
  readonly pagesUndone: number
  readonly pairsMissing: number
  readonly pairsTooMany: number
  /** Changes that put a saved cursor back, other than a beginning anew. */
  readonly cursorRegressions: number
  /** Commits beyond the first that came to the same place of the same walk. */
  readonly pagesCommittedTwice: number
  /** Collections marked complete that lack pairs, or whose count is not that of their DIDs. */
  readonly completeWrongly: number
  /** Collections not complete, each with what the store says of it. */
  readonly incomplete: readonly string[]
  /** What the checker found, in sentences. */
  readonly problems: readonly string[]
}

interface Saved {
  readonly collection: string
  readonly pages: number
  readonly cursor: string
  readonly imported: number
  readonly restarts: number
  readonly completed: boolean
}

/** Judges the database after a run against what the relay served and what the workers said. */
export async function judge(db: TestKysely, relay: Served, said: readonly PageLine[]): Promise<ChaosVerdict> {
  const checked = await verdict({ progress: db, relays: [relay] })
  const sizes = new Map(
    relay.collections.map((collection) => [collection, [...relay.dids(collection)].length]),
  )
  const rows = await history(db)
  const walks = [...Map.groupBy(rows, ({ collection }) => collection).values()]
  const held = await pairCounts(db)
  const last = walks.flatMap((walk) => walk.slice(-1))
  const complete = last.filter(({ completed }) => completed)
  const isWrong = ({ collection, imported }: Saved) =>
    imported !== sizes.get(collection) || (held.get(collection) ?? 0) < imported
  return {
    pagesCommitted: checked.pages,
    pairsExpected: sum(sizes.values()),
    pairsHeld: sum(held.values()),
    pagesUndone: undone(rows, said),
    pairsMissing: checked.missing,
    pairsTooMany: checked.foreign,
    cursorRegressions: sum(walks.map((walk) => regressions(walk, relay, sizes))),
    pagesCommittedTwice: sum(walks.map(repeatedCommits)),
    completeWrongly: complete.filter(isWrong).length,
    incomplete: await incomplete(db),
    problems: checked.problems,
  }
}

async function history(db: TestKysely): Promise<readonly Saved[]> {
  const { rows } = await sql<Saved>`
    select collection, page_count::float8 as pages, cursor, imported_count::float8 as imported, restarts,
      completed_at is not null as completed
    from progress_history order by n
  `.execute(db)
  return rows
}

async function incomplete(db: TestKysely): Promise<readonly string[]> {
  const rows = await kyselyProgressStore(db).list()
  return rows
    .filter(({ state }) => state !== 'complete')
    .map(
      ({ collection, state, pages: page, attempts, lastError }) =>
        `${collection}: ${state} after page ${page}, attempts ${attempts}, last error ${lastError}`,
    )
}

async function pairCounts(db: TestKysely): Promise<Map<string, number>> {
  const { rows } = await sql<{ collection: string; pairs: number }>`
    select collection, count(*)::float8 as pairs from collection_index group by collection
  `.execute(db)
  return new Map(rows.map(({ collection, pairs }) => [collection, pairs]))
}

function regressions(walk: readonly Saved[], relay: Served, sizes: ReadonlyMap<string, number>): number {
  const collection = walk[0]?.collection ?? ''
  const size = sizes.get(collection) ?? 0
  const offsets = new Map([['', 0]])
  for (let offset = 0; offset <= size; offset += 1) offsets.set(relay.cursorAt(collection, offset), offset)
  const placeOf = ({ cursor, completed }: Saved) => (completed ? size + 1 : (offsets.get(cursor) ?? -1))
  return walk.filter((saved, i) => {
    const before = walk[i - 1]
    return before?.restarts === saved.restarts && placeOf(saved) < placeOf(before)
  }).length
}

function repeatedCommits(walk: readonly Saved[]): number {
  const commits = walk.filter(({ pages: page }, i) => page > (walk[i - 1]?.pages ?? 0)).map(placeOf)
  return commits.length - new Set(commits).size
}

function placeOf({ cursor, restarts, completed }: Saved): string {
  return JSON.stringify([restarts, cursor, completed])
}

function undone(rows: readonly Saved[], said: readonly PageLine[]): number {
  const saved = new Set(rows.map(({ collection, pages: page, cursor }) => `${collection} ${page} ${cursor}`))
  const lost = said.filter(
    (line) => line.saved && !saved.has(`${line.collection} ${line.pages} ${line.cursor ?? ''}`),
  )
  return lost.length
}

function sum(numbers: Iterable<number>): number {
  return [...numbers].reduce((total, number) => total + number, 0)
}
