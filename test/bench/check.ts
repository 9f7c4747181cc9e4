import type pg from 'pg'
import type { RelayContents } from '../../src/testing/contents.ts'

/** How many findings are told; more of them say no more. */
const MOST = 3

/** Compares an index with what a relay serves, DID by DID. @returns what is not the same, in sentences */
export async function indexProblems(pool: pg.Pool, served: RelayContents, who: string): Promise<string[]> {
  const { rows } = await pool.query<{ nsid: string }>('select nsid from collection_index_nsid')
  const problems: string[] = []
  for (const collection of new Set([...served.collections, ...rows.map(({ nsid }) => nsid)])) {
    const held = await didsOf(pool, collection)
    let missing = 0
    for (const did of served.dids(collection)) if (!held.delete(did)) missing += 1
    if (missing > 0 || held.size > 0)
      problems.push(`${who}: ${collection} lacks ${missing} and has ${held.size} too many`)
  }
  const more = problems.length - MOST
  return more > 0 ? [...problems.slice(0, MOST), `and ${more} more`] : problems
}

/** As one text: that many rows would take several times as long. */
async function didsOf(pool: pg.Pool, collection: string): Promise<Set<string>> {
  const { rows } = await pool.query<{ dids: string | null }>(
    `select string_agg(did, ' ') as dids from collection_index where collection = $1`,
    [collection],
  )
  return new Set(rows[0]?.dids?.split(' '))
}
