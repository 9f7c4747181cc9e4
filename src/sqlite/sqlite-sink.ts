import type { IndexBatch, IndexSink } from '../contracts/index-sink.ts'
import { type DidKey, keyOfDid, PACKED_BYTES, packDid } from './did-key.ts'
import type { Merging } from './merging.ts'
import type { SqliteDatabase, SqliteTransaction } from './sqlite-database.ts'
import type { Connection } from './sqlite-driver.ts'
import { collectionId } from './sqlite-pairs.ts'

/** The DIDs of one statement, so that a caller's large batch does not stop the process for long. */
const MOST_AT_ONCE = 10_000

/** Where the pairs go, in the transaction of the progress when there is one. */
export function sqliteSink(database: SqliteDatabase, merging: Merging): IndexSink {
  const add = async (transaction: SqliteTransaction, { collection, dids }: IndexBatch) => {
    let added = 0
    for (let from = 0; from < dids.length; from += MOST_AT_ONCE)
      added += addPairs(transaction.connection, collection, dids.slice(from, from + MOST_AT_ONCE))
    if (added > 0) merging.noteAdded(transaction.connection)
    transaction.added += added
    return { added }
  }
  return {
    database,
    async add(batch, { transaction, signal } = {}) {
      signal?.throwIfAborted()
      if (batch.dids.length === 0) return { added: 0 }
      if (transaction === undefined) return database.transaction((own) => add(own, batch))
      return add(ownTransaction(database, transaction), batch)
    },
  }
}

/** A transaction that was given. @throws TypeError when it is not one of this file */
export function ownTransaction(database: SqliteDatabase, transaction: unknown): SqliteTransaction {
  if ((transaction as Partial<SqliteTransaction> | null)?.database === database)
    return transaction as SqliteTransaction
  throw new TypeError(
    'The transaction given to a part of openSqlite is not one of its own file. ' +
      'Pass it only when both name the same database, and leave it out otherwise.',
  )
}

function addPairs(connection: Connection, collection: string, dids: readonly string[]): number {
  const id = collectionId(connection, collection)
  const { packed, others } = keysOf(dids)
  // What a feed told to be gone is left out, and where it told nothing, nothing is looked for.
  const present = connection.get(HAS_GONE, id) === undefined ? '' : IS_NOT_GONE
  let added = 0
  if (packed.length > 0)
    added += connection.run(`${ADD_PACKED} ${present}`, id, packed, packed.length / PACKED_BYTES)
  for (const key of others) added += connection.run(`${ADD_ONE} ${present}`, id, key)
  noteAdded(connection, id, added)
  return added
}

/** @returns whether the pair was new; {@link noteAdded} is to follow */
export function addPair(connection: Connection, id: number, key: DidKey): boolean {
  return connection.run(ADD_ONE, id, key) > 0
}

/** Keeps the sizes right. */
export function noteAdded(connection: Connection, id: number, added: number): void {
  if (added === 0) return
  connection.run(NOTE_COLLECTION, id, added)
  connection.run(NOTE_SUM, added)
}

/** In the order of the DIDs, so that neighbours find their place in the same page of the file. */
function keysOf(dids: readonly string[]): { packed: Uint8Array; others: readonly DidKey[] } {
  const packed = new Uint8Array(dids.length * PACKED_BYTES)
  const others: DidKey[] = []
  let length = 0
  for (const did of [...dids].sort()) {
    if (packDid(did, packed, length)) length += PACKED_BYTES
    else others.push(keyOfDid(did))
  }
  return { packed: packed.subarray(0, length), others }
}

const MERGED = 'select 1 from collection_index_pair where collection_id = ?1 and did = key'
/** One statement for a page: a call for each DID would cost as much as the insert itself. */
const ADD_PACKED = `
  with recursive place (n) as (select 0 union all select n + 1 from place where n + 1 < ?3),
  page (key) as (select substr(?2, n * ${PACKED_BYTES} + 1, ${PACKED_BYTES}) from place)
  insert or ignore into collection_index_incoming (collection_id, did)
  select ?1, key from page where not exists (${MERGED})`
const ADD_ONE = `
  insert or ignore into collection_index_incoming (collection_id, did)
  select ?1, key from (select ?2 as key) where not exists (${MERGED})`
const HAS_GONE = 'select 1 from collection_feed_gone where collection_id in (0, ?1) limit 1'
const IS_NOT_GONE = [0, '?1']
  .map(
    (id) => `and not exists (select 1 from collection_feed_gone where collection_id = ${id} and did = key)`,
  )
  .join(' ')
const NOTE_COLLECTION =
  'update collection_index_nsid set repos = repos + ?2, incoming = incoming + ?2 where id = ?1'
const NOTE_SUM = 'update collection_index_state set incoming = incoming + ?1'
