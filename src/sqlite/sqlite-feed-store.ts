import type { FeedAccount, FeedStore, NewcomerPage, NewcomersRequest } from '../contracts/feed-store.ts'
import { waitUntil } from '../util/feed-rules.ts'
import { pageLimit } from '../util/page-limit.ts'
import { type DidKey, didOfKey, keyOfDid, LOWEST_KEY } from './did-key.ts'
import type { Merging } from './merging.ts'
import type { SqliteDatabase } from './sqlite-database.ts'
import type { Connection, SqlRow } from './sqlite-driver.ts'
import { applyFeedBatch } from './sqlite-feed-batch.ts'
import { FIND, PAIRS } from './sqlite-pairs.ts'
import { ownTransaction } from './sqlite-sink.ts'

/** What a live feed keeps, in the same file as the pairs. */
export function sqliteFeedStore(database: SqliteDatabase, merging: Merging): FeedStore {
  const read = async <T>(
    signal: AbortSignal | undefined,
    body: (connection: Connection) => T,
  ): Promise<T> => {
    signal?.throwIfAborted()
    const result = await database.read(body)
    signal?.throwIfAborted()
    return result
  }
  return {
    database,
    async apply(batch, { transaction, signal } = {}) {
      signal?.throwIfAborted()
      if (transaction === undefined) return database.transaction((own) => applyFeedBatch(own, batch, merging))
      return applyFeedBatch(ownTransaction(database, transaction), batch, merging)
    },
    followedSince: (feed, { signal } = {}) =>
      read(signal, (connection) => {
        const since = connection.get(SINCE, feed)?.since
        return since === undefined ? undefined : new Date(Number(since))
      }),
    async listAccounts(request = {}) {
      const limit = pageLimit(request)
      const after = request.cursor === undefined ? LOWEST_KEY : keyOfDid(request.cursor)
      const rows = await read(request.signal, (connection) => connection.all(ACCOUNTS, after, limit + 1))
      const accounts = rows.slice(0, limit).map(accountOf)
      return rows.length > limit ? { accounts, cursor: accounts.at(-1)?.did } : { accounts }
    },
    accountsOf: (dids, { signal } = {}) =>
      read(signal, (connection) =>
        [...new Set(dids)].flatMap((did) => {
          const row = connection.get(ACCOUNT, keyOfDid(did))
          return row === undefined ? [] : [accountOf(row)]
        }),
      ),
    positions: ({ signal } = {}) =>
      read(signal, (connection) => {
        const { series, latest, forgotten } = connection.get(POSITIONS) ?? {}
        return { series: String(series), latest: Number(latest), forgotten: Number(forgotten) }
      }),
    async newcomers(collection, request) {
      const limit = pageLimit(request)
      return read(request.signal, (connection) => newcomersOf(connection, collection, { ...request, limit }))
    },
    async listToLookUp(request = {}) {
      const limit = pageLimit(request)
      const rows = await read(request.signal, (connection) => connection.all(TO_LOOK_UP, limit))
      return rows.map(({ did, note, rev, due }) => ({
        did: didOfKey(did as DidKey),
        note: Number(note),
        ...(rev !== null && { rev: String(rev) }),
        ...waitUntil(Number(due)),
      }))
    },
  }
}

function newcomersOf(
  connection: Connection,
  collection: string,
  { after, upTo, limit }: NewcomersRequest & { readonly limit: number },
): NewcomerPage {
  const rows = connection.all(NEWCOMERS, collection, after, upTo, limit)
  const newcomers = rows
    .filter(({ held }) => held !== null)
    .map(({ did, position }) => ({ did: didOfKey(did as DidKey), position: Number(position) }))
  return { newcomers, readUpTo: rows.length < limit ? upTo : Number(rows.at(-1)?.position) }
}

function accountOf({ did, active, status, rev, head }: SqlRow): FeedAccount {
  return {
    did: didOfKey(did as DidKey),
    active: active === 1,
    ...(status !== null && { status: String(status) }),
    ...(rev !== null && { rev: String(rev) }),
    ...(head !== null && { head: String(head) }),
  }
}

const SINCE = 'select since from collection_feed_followed where feed = ?1'
const ACCOUNTS =
  'select did, active, status, rev, head from collection_feed_account where did > ?1 order by did limit ?2'
const ACCOUNT = 'select did, active, status, rev, head from collection_feed_account where did = ?1'
const POSITIONS = 'select series, latest, forgotten from collection_feed_counts'
const HELD = PAIRS.map(
  (table) =>
    `select 1 from ${table} pair where pair.collection_id = some.collection_id and pair.did = some.did`,
).join(' union all ')
const NEWCOMERS = `select did, position, (${HELD}) as held from (
    select did, position, collection_id from collection_feed_newcomer
    where collection_id = (${FIND}) and position > ?2 and position <= ?3 order by position limit ?4
  ) some order by position`
const TO_LOOK_UP = `select did, note, (select rev from collection_feed_account account where account.did = noted.did) as rev
  , due from collection_feed_to_look_up noted order by due, place limit ?1`
