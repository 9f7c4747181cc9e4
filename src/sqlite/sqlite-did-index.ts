import { LOWEST_KEY } from './did-key.ts'
import type { SqliteDatabase } from './sqlite-database.ts'
import type { Connection } from './sqlite-driver.ts'

/** About how many pairs a step copies: some tens of milliseconds. */
const STEP_ROWS = 20_000

/**
 * Builds the index by DID, step by step in the order of the DIDs, so that others read and write meanwhile. What a process
 * that ended has left, another goes on with. Does nothing where the index is there.
 */
export async function buildDidIndex(
  database: SqliteDatabase,
  signal: AbortSignal | undefined,
): Promise<void> {
  const isFinished = () => database.read((connection) => connection.get(STATE)?.did_index === 'finished')
  if (await isFinished()) return
  for (let done = false; !done; ) {
    signal?.throwIfAborted()
    done = await database.transaction(({ connection }) => copyPart(connection))
  }
}

/** Copies all pairs of the DIDs up to one that the largest collection decides. @returns true when it was the last part */
function copyPart(connection: Connection): boolean {
  const { did_index: state, did_index_after: after = LOWEST_KEY } = connection.get(STATE) ?? {}
  if (state === 'finished') return true
  const last = connection.get(LAST_OF_PART, after, STEP_ROWS)?.did
  if (last === undefined) {
    connection.run(`${COPY} ${IN_ORDER}`, after)
    connection.run(NOTE, 'finished', after)
    return true
  }
  connection.run(`${COPY} and did <= ?2 ${IN_ORDER}`, after, last)
  connection.run(NOTE, 'unfinished', last)
  return false
}

const STATE = 'select did_index, did_index_after from collection_index_state'
/** The largest collection has about its share of the pairs in each part. */
const LAST_OF_PART = `
  with largest as (select id, repos from collection_index_nsid order by repos desc limit 1),
  total as (select max(1, sum(repos)) as repos from collection_index_nsid)
  select did from collection_index_pair
  where collection_id = (select id from largest) and did > ?1
  order by did limit 1
  offset coalesce((select cast(max(1, ?2 * largest.repos / total.repos) as integer) from largest, total), 1)`
const COPY = `
  insert or ignore into collection_index_by_did (did, collection_id)
  select did, collection_id from collection_index_nsid cross join collection_index_pair on collection_id = id
  where did > ?1`
const IN_ORDER = 'order by did, collection_id'
const NOTE = 'update collection_index_state set did_index = ?1, did_index_after = ?2'
