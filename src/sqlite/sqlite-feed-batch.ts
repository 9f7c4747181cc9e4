import type {
  AccountChange,
  AppliedBatch,
  ClosedAccount,
  ClosedPairs,
  FeedBatch,
  FeedPair,
  LookedUpRepo,
} from '../contracts/feed-store.ts'
import { isAsSeen, mustFollow, newcomersKept, pairsByCollection } from '../util/feed-rules.ts'
import { type DidKey, keyOfDid } from './did-key.ts'
import type { Merging } from './merging.ts'
import type { SqliteTransaction } from './sqlite-database.ts'
import type { Connection } from './sqlite-driver.ts'
import { collectionId, FIND, removePair, removeRepo, repoCollections } from './sqlite-pairs.ts'
import { addPair, noteAdded } from './sqlite-sink.ts'

/** The collection of what is gone with its whole account. */
const ACCOUNT = 0

/** Writes a batch of a feed, in the transaction that is open. */
export function applyFeedBatch(
  transaction: SqliteTransaction,
  batch: FeedBatch,
  merging: Merging,
): AppliedBatch {
  const { connection } = transaction
  const newest = connection.get(GET_EPOCH, batch.feed)?.epoch
  mustFollow(batch, newest === undefined ? undefined : Number(newest))
  if (batch.restarted === true) connection.run(FORGET_GONE)
  // Before the accounts, for these tell whether the feed has told more since.
  const looked = (batch.lookedUp ?? []).map((repo) => endLookUp(connection, repo))
  let removed = 0
  for (const change of batch.accounts ?? []) removed += changeAccount(connection, change)
  for (const account of batch.asked ?? [])
    if (isStillAsSeen(connection, account)) removed += changeAccount(connection, account)
  if (batch.closed !== undefined) removed += closeAccounts(connection, batch.closed)
  removed += removePairs(connection, [...looked.flatMap(({ gone }) => gone), ...(batch.removed ?? [])])
  const added = addNewcomers(connection, [...looked.flatMap(({ here }) => here), ...(batch.added ?? [])])
  for (const did of new Set(batch.toLookUp)) connection.run(NOTE_REPO, keyOfDid(did), nextNote(connection))
  if (added > 0) {
    forgetNewcomers(connection, newcomersKept(batch))
    merging.noteAdded(connection)
    transaction.added += added
  }
  const follow = batch.restarted === true ? FOLLOW_ANEW : FOLLOW
  connection.run(follow, batch.feed, Date.now(), batch.epoch ?? null)
  return { added, removed }
}

/** @returns how many pairs were removed */
function changeAccount(connection: Connection, { did, active, status, rev, head }: AccountChange): number {
  const key = keyOfDid(did)
  connection.run(ADD_ACCOUNT, key)
  if (active !== undefined) connection.run(SET_STATE, key, active ? 1 : 0, status ?? null)
  if (rev !== undefined) connection.run(SET_REV, key, rev, head ?? null)
  if (status === 'deleted') {
    connection.run(NOTE_GONE, ACCOUNT, key)
    return removeRepo(connection, key)
  }
  if (active === true) bringBack(connection, key)
  return 0
}

/** An account that was gone is there again: what it had is not known any more, so it is looked up. */
function bringBack(connection: Connection, key: DidKey): void {
  if (connection.run(CLEAR_GONE, ACCOUNT, key) > 0) connection.run(NOTE_REPO, key, nextNote(connection))
}

function isStillAsSeen(connection: Connection, account: ClosedAccount): boolean {
  const row = connection.get(GET_STATE, keyOfDid(account.did))
  const stored = row && {
    active: row.active === 1,
    ...(row.status !== null && { status: String(row.status) }),
  }
  return isAsSeen(account, stored)
}

/** @returns how many pairs were removed */
function closeAccounts(connection: Connection, { collection, accounts }: ClosedPairs): number {
  const id = connection.get(FIND, collection)?.id
  let removed = 0
  for (const account of accounts) {
    const key = keyOfDid(account.did)
    if (!isStillAsSeen(connection, account)) continue
    connection.run(ADD_ACCOUNT, key)
    connection.run(SET_STATE, key, 0, account.status ?? null)
    connection.run(NOTE_GONE, ACCOUNT, key)
    if (id !== undefined) removed += removePair(connection, Number(id), key)
  }
  return removed
}

function removePairs(connection: Connection, pairs: readonly FeedPair[]): number {
  let removed = 0
  for (const [collection, dids] of pairsByCollection(pairs)) {
    const id = collectionId(connection, collection)
    for (const key of dids.map(keyOfDid)) {
      connection.run(NOTE_GONE, id, key)
      removed += removePair(connection, id, key)
    }
  }
  return removed
}

/** @returns how many pairs were new */
function addNewcomers(connection: Connection, pairs: readonly FeedPair[]): number {
  let sum = 0
  for (const [collection, dids] of pairsByCollection(pairs)) {
    const id = collectionId(connection, collection)
    let added = 0
    for (const key of dids.map(keyOfDid)) {
      connection.run(CLEAR_GONE, id, key)
      bringBack(connection, key)
      if (!addPair(connection, id, key)) continue
      added += 1
      connection.run(ADD_NEWCOMER, nextPosition(connection), id, key)
    }
    noteAdded(connection, id, added)
    sum += added
  }
  return sum
}

/** What a look changes, unless the feed has told something of the repo since it was listed. */
function endLookUp(
  connection: Connection,
  { did, note, rev, collections, setAsideMs }: LookedUpRepo,
): { gone: FeedPair[]; here: FeedPair[] } {
  const nothing = { gone: [], here: [] }
  const key = keyOfDid(did)
  if (setAsideMs !== undefined) {
    connection.run(LOOK_LATER, key, note, Date.now() + setAsideMs)
    return nothing
  }
  const isSame = (connection.get(GET_REV, key)?.rev ?? null) === (rev ?? null)
  if (collections !== undefined && !isSame) return nothing
  if (connection.run(LOOKED_UP, key, note) === 0 || collections === undefined) return nothing
  if (collections.length > 0) connection.run(CLEAR_GONE, ACCOUNT, key)
  const here = new Set(collections.map((collection) => connection.get(FIND, collection)?.id))
  const names = repoCollections(connection, key)
    .filter((id) => !here.has(id))
    .map((id) => String(connection.get(GET_NAME, id)?.nsid))
  const pairs = (of: readonly string[]) => of.map((collection) => ({ did, collection }))
  return { gone: pairs(names), here: pairs(collections) }
}

/** By the clock, so that a file which was put back from a backup gives no position twice. */
function nextPosition(connection: Connection): number {
  return Number(connection.get(NEXT_POSITION, Date.now() * 1_000)?.latest)
}

function forgetNewcomers(connection: Connection, kept: number): void {
  const { newcomers, latest } = connection.get(NEWCOMERS) ?? {}
  const excess = Number(newcomers) - kept
  if (excess <= 0) return
  // Where there are fewer than were counted, some have got lost: all are forgotten, so that no reader misses those.
  const last = connection.get(NTH_NEWCOMER, excess - 1)?.position
  const forgotten = Number(last ?? latest)
  connection.run(DROP_NEWCOMERS, forgotten)
  connection.run(NOTE_FORGOTTEN, forgotten, last === undefined ? 0 : kept)
}

function nextNote(connection: Connection): number {
  return Number(connection.get(NEXT_NOTE)?.notes)
}

const ADD_ACCOUNT = 'insert or ignore into collection_feed_account (did, active) values (?1, 1)'
const SET_STATE = 'update collection_feed_account set active = ?2, status = ?3 where did = ?1'
const SET_REV =
  'update collection_feed_account set rev = ?2, head = ?3 where did = ?1 and (rev is null or rev <= ?2)'
const GET_STATE = 'select active, status from collection_feed_account where did = ?1'
const GET_REV = 'select rev from collection_feed_account where did = ?1'
const GET_NAME = 'select nsid from collection_index_nsid where id = ?1'
const NOTE_GONE = 'insert or ignore into collection_feed_gone (collection_id, did) values (?1, ?2)'
const CLEAR_GONE = 'delete from collection_feed_gone where collection_id = ?1 and did = ?2'
/** What was gone before a gap may have come back in it. */
const FORGET_GONE = `delete from collection_feed_gone where collection_id <> ${ACCOUNT} or not exists (
  select 1 from collection_feed_account as account
  where account.did = collection_feed_gone.did and account.status = 'deleted')`
const NEXT_POSITION = `update collection_feed_counts
  set latest = max(latest + 1, ?1), newcomers = newcomers + 1 returning latest`
const NEXT_NOTE = 'update collection_feed_counts set notes = notes + 1 returning notes'
const ADD_NEWCOMER = 'insert into collection_feed_newcomer (position, collection_id, did) values (?1, ?2, ?3)'
const NEWCOMERS = 'select newcomers, latest from collection_feed_counts'
const NTH_NEWCOMER = 'select position from collection_feed_newcomer order by position limit 1 offset ?1'
const DROP_NEWCOMERS = 'delete from collection_feed_newcomer where position <= ?1'
const NOTE_FORGOTTEN = 'update collection_feed_counts set forgotten = ?1, newcomers = ?2'
const NOTE_REPO = `insert into collection_feed_to_look_up (did, place, note) values (?1, ?2, ?2)
  on conflict (did) do update set note = excluded.note`
const LOOKED_UP = 'delete from collection_feed_to_look_up where did = ?1 and note = ?2'
const LOOK_LATER = 'update collection_feed_to_look_up set due = ?3 where did = ?1 and note = ?2'
const GET_EPOCH = 'select epoch from collection_feed_followed where feed = ?1'
const FOLLOW = `insert into collection_feed_followed (feed, since, epoch) values (?1, ?2, ifnull(?3, 0))
  on conflict (feed) do update set epoch = excluded.epoch where ?3 > epoch`
const FOLLOW_ANEW = `insert into collection_feed_followed (feed, since, epoch) values (?1, ?2, ifnull(?3, 0))
  on conflict (feed) do update set since = excluded.since, epoch = ifnull(?3, epoch)`
