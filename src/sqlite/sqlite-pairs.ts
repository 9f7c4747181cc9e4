import type { DidKey } from './did-key.ts'
import type { Connection } from './sqlite-driver.ts'

/** The number of a collection. */
export const FIND = 'select id from collection_index_nsid where nsid = ?1'
const CREATE = 'insert into collection_index_nsid (nsid) values (?1) returning id'

/** The number of a collection, which gets one if it has none. */
export function collectionId(connection: Connection, collection: string): number {
  return Number((connection.get(FIND, collection) ?? connection.get(CREATE, collection))?.id)
}

/** The tables of the pairs: each is in one of them. */
export const PAIRS = ['collection_index_pair', 'collection_index_incoming'] as const
/** Whether `?1`, the key of a DID, is in the collection `known`. */
export const isIn = (table: string): string =>
  `exists (select 1 from ${table} pair where pair.collection_id = known.id and pair.did = ?1)`
const HOLDERS = `select id from collection_index_nsid known where ${PAIRS.map(isIn).join(' or ')}`

/** @returns how many collections it was in */
export function removeRepo(connection: Connection, key: DidKey): number {
  const ids = repoCollections(connection, key)
  return ids.reduce((removed, id) => removed + removePair(connection, id, key), 0)
}

/** The numbers of the collections that a repo is in. */
export function repoCollections(connection: Connection, key: DidKey): readonly number[] {
  return connection.all(HOLDERS, key).map(({ id }) => Number(id))
}

/** @returns 1 if there was one */
export function removePair(connection: Connection, id: number, key: DidKey): number {
  const incoming = connection.run(REMOVE_INCOMING, id, key)
  const merged = incoming > 0 ? 0 : connection.run(REMOVE_MERGED, id, key)
  const removed = incoming + merged
  if (removed === 0) return 0
  if (merged > 0) connection.run(REMOVE_BY_DID, id, key)
  connection.run(NOTE_COLLECTION, id, removed, incoming)
  connection.run(NOTE_SUMS, incoming, merged)
  return removed
}

const REMOVE_INCOMING = 'delete from collection_index_incoming where collection_id = ?1 and did = ?2'
const REMOVE_MERGED = 'delete from collection_index_pair where collection_id = ?1 and did = ?2'
const REMOVE_BY_DID = 'delete from collection_index_by_did where did = ?2 and collection_id = ?1'
const NOTE_COLLECTION =
  'update collection_index_nsid set repos = repos - ?2, incoming = incoming - ?3 where id = ?1'
const NOTE_SUMS = 'update collection_index_state set incoming = incoming - ?1, merged = merged - ?2'
