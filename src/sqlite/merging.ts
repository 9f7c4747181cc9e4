import { LOWEST_KEY } from './did-key.ts'
import type { Connection, SqlValue } from './sqlite-driver.ts'

/**
 * The pairs of a page are scattered over all of a collection: written into a large tree one by one, each would cost a
 * page of the file. So they wait in a small tree, and are merged into the large one when they are many, in the order of
 * the key, so that each page of the file is written once for all its new pairs.
 *
 * A merge is made of short steps, each a transaction, and goes on after a crash. Which collections are to be merged, and
 * how far that is, is stored with them.
 */

/** The pairs that wait are merged when they are this many, or more where much is merged: {@link enough}. */
const LEAST = 250_000

/**
 * What makes a merge worth it. The more pairs wait, the more of the small tree each page writes; the fewer, the more
 * often a merge writes the whole large one. The two cost least together where those that wait are as the square root of
 * those that are merged: 450,000 for 10 million, 1.1 million for the network's 61 million.
 */
const SQUARE = 20_000

function enough(least: number, merged: number): number {
  return Math.max(least, Math.sqrt(SQUARE * merged) * (least / LEAST))
}

/** How long a step should take, in milliseconds: others wait meanwhile, and so does the whole process. */
const STEP_MS = 30

const FIRST_STEP_ROWS = 2_000
const LEAST_STEP_ROWS = 250
const MOST_STEP_ROWS = 50_000

/** How many pairs are merged for one that is added, while there is something to merge. */
const OWED = 3

/** The longest that one page waits for steps, and a store that is closed, in milliseconds. */
const LONGEST_MS = 200

/** What a step did. */
export interface MergeStep {
  readonly merged: number
  /** Whether nothing is left to be merged. */
  readonly isDone: boolean
}

export interface Merging {
  readonly longestMs: number
  /** How many pairs are to be merged with a page that added so many. */
  owedFor(added: number): number
  /** Whether there is something to be merged. */
  isDue(connection: Connection): boolean
  /** Tells that pairs were added, in the transaction that added them. */
  noteAdded(connection: Connection): void
  /** Asks for all that wait to be merged, in a transaction. */
  noteAll(connection: Connection): void
  /** Asks for collections to be merged that are complete, in the transaction that completes them. */
  noteCompleted(connection: Connection, collections: readonly string[]): void
  /** Merges some pairs, in a transaction. */
  step(connection: Connection): MergeStep
}

/** @param least the pairs that are merged at once, for tests */
export function createMerging(least: number = LEAST): Merging {
  let rows = FIRST_STEP_ROWS
  return {
    longestMs: LONGEST_MS,
    owedFor: (added) => added * OWED,
    isDue: (connection) => connection.get(NEXT) !== undefined,
    noteAdded(connection) {
      const { incoming, merged } = connection.get(SUMS) ?? {}
      if (Number(incoming) < enough(least, Number(merged))) return
      if (connection.get(NEXT) === undefined) connection.run(MERGE_ALL)
    },
    noteAll(connection) {
      connection.run(MERGE_ALL)
    },
    noteCompleted(connection, collections) {
      for (const collection of collections) connection.run(MERGE_ONE, collection)
    },
    step(connection) {
      const startedAt = performance.now()
      let left = rows
      let next = connection.get(NEXT)
      while (left > 0 && next !== undefined) {
        left -= mergePart(connection, Number(next.id), next.merge_after ?? LOWEST_KEY, left)
        next = connection.get(NEXT)
      }
      if (next !== undefined) {
        const factor = STEP_MS / Math.max(1, performance.now() - startedAt)
        const aimed = Math.round(rows * Math.min(2, Math.max(0.25, factor)))
        rows = Math.min(MOST_STEP_ROWS, Math.max(LEAST_STEP_ROWS, aimed))
      }
      return { merged: rows - left, isDone: next === undefined }
    },
  }
}

/** @returns how many pairs were merged, and at least 1 so that a step comes to its end */
function mergePart(connection: Connection, id: number, after: SqlValue, most: number): number {
  const last = connection.get(LAST_OF_PART, id, after, most - 1)?.did
  const part = last === undefined ? [id, after] : [id, after, last]
  const upTo = last === undefined ? '' : 'and did <= ?3'
  const merged = connection.run(`${COPY} ${upTo} order by did`, ...part)
  if (connection.get(HAS_BY_DID) !== undefined) connection.run(`${COPY_BY_DID} ${upTo} order by did`, ...part)
  connection.run(`${REMOVE} ${upTo}`, ...part)
  connection.run(NOTE_COLLECTION, id, merged, last ?? null)
  connection.run(NOTE_SUMS, merged)
  return Math.max(1, merged)
}

const NEXT =
  'select id, merge_after from collection_index_nsid where merge_after is not null order by id limit 1'
const SUMS = 'select incoming, merged from collection_index_state'
const MERGE_ALL = `update collection_index_nsid set merge_after = '' where incoming > 0 and merge_after is null`
const MERGE_ONE = `update collection_index_nsid set merge_after = '' where nsid = ?1 and incoming > 0`

const PART = 'from collection_index_incoming where collection_id = ?1 and did > ?2'
const LAST_OF_PART = `select did ${PART} order by did limit 1 offset ?3`
const COPY = `insert into collection_index_pair (collection_id, did) select collection_id, did ${PART}`
const HAS_BY_DID = "select 1 from collection_index_state where did_index <> 'absent'"
/** What is not copied yet is copied when the index by DID comes to it. */
const COPY_BY_DID = `insert or ignore into collection_index_by_did (did, collection_id) select did, collection_id ${PART}
  and exists (select 1 from collection_index_state
    where did_index = 'finished' or (did_index = 'unfinished' and did <= did_index_after))`
const REMOVE = `delete ${PART}`
const NOTE_COLLECTION =
  'update collection_index_nsid set incoming = incoming - ?2, merge_after = ?3 where id = ?1'
const NOTE_SUMS = 'update collection_index_state set incoming = incoming - ?1, merged = merged + ?1'
