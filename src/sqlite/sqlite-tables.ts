import { PACKED_BYTES, PLC_LETTERS, PLC_PREFIX } from './did-key.ts'
import type { Connection } from './sqlite-driver.ts'

/** In the file's header: that it is a database of this library. The letters `aCBf`. */
const APPLICATION_ID = 0x61434266

/** The version of the tables, in the file's header. */
export const VERSION = 1

/** What there is in a file. */
export type Found = 'nothing' | 'tables' | 'newer' | 'foreign'

/** Looks at the file's header and, where that tells nothing, whether there is any table. */
export function whatIsIn(connection: Connection): Found {
  const application = Number(connection.get('pragma application_id')?.application_id)
  const version = Number(connection.get('pragma user_version')?.user_version)
  if (application === APPLICATION_ID) return version > VERSION ? 'newer' : 'tables'
  const isEmpty = connection.get('select 1 from sqlite_master limit 1') === undefined
  return isEmpty && application === 0 && version === 0 ? 'nothing' : 'foreign'
}

/** Makes the tables, in the transaction that is open. */
export function createTables(connection: Connection): void {
  connection.exec(TABLES)
  connection.exec(`pragma user_version = ${VERSION}; pragma application_id = ${APPLICATION_ID}`)
}

/**
 * The pairs are in `collection_index_pair`, and those that are not merged yet in `collection_index_incoming`; no pair is
 * in both. `repos` is how many pairs of the collection there are, in both together, and `incoming` how many of them in
 * the second. While a collection is merged, `merge_after` is the key up to which that is done.
 *
 * `collection_index_by_did` is filled on request, with the pairs that are merged. `collection_index_state` has one row:
 * the sums, the last number that a row of progress got, and how far the index by DID is built.
 * A progress row is kept as JSON, so that later versions may add to it.
 *
 * `collection_feed_gone` has what a live feed told to be gone, with 0 as the collection of a whole account. `collection_feed_counts` has one
 * row: the position of the newest newcomer, that of the newest which is not kept any more, how many are kept, the last
 * number of a note, and a name by which positions are told from those of another file.
 */
const TABLES = `
create table collection_index_nsid (
  id integer primary key,
  nsid text not null unique,
  repos integer not null default 0,
  incoming integer not null default 0,
  merge_after any
) strict;
create index collection_index_nsid_merging on collection_index_nsid (id) where merge_after is not null;
create table collection_index_pair (
  collection_id integer not null, did any not null, primary key (collection_id, did)
) strict, without rowid;
create table collection_index_incoming (
  collection_id integer not null, did any not null, primary key (collection_id, did)
) strict, without rowid;
create table collection_index_by_did (
  did any not null, collection_id integer not null, primary key (did, collection_id)
) strict, without rowid;
create table collection_index_state (
  only integer primary key check (only = 1),
  merged integer not null default 0,
  incoming integer not null default 0,
  progress_changes integer not null default 0,
  did_index text not null default 'absent' check (did_index in ('absent', 'unfinished', 'finished')),
  did_index_after any not null default ''
) strict;
insert into collection_index_state (only) values (1);
create table backfill_progress (
  relay text not null, collection text not null, version integer not null, changed integer not null, row text not null,
  primary key (relay, collection)
) strict, without rowid;
create index backfill_progress_changed on backfill_progress (changed);
create table collection_feed_gone (
  collection_id integer not null, did any not null, primary key (collection_id, did)
) strict, without rowid;
create table collection_feed_account (
  did any not null primary key, active integer not null, status text, rev text, head text
) strict, without rowid;
create table collection_feed_newcomer (
  position integer primary key, collection_id integer not null, did any not null
) strict;
create index collection_feed_newcomer_collection on collection_feed_newcomer (collection_id, position);
create table collection_feed_to_look_up (
  did any not null primary key, place integer not null, note integer not null, due integer not null default 0
) strict, without rowid;
create index collection_feed_to_look_up_place on collection_feed_to_look_up (due, place);
create table collection_feed_followed (
  feed text not null primary key, since integer not null, epoch integer not null default 0
) strict, without rowid;
create table collection_feed_counts (
  only integer primary key check (only = 1),
  latest integer not null default 0, forgotten integer not null default 0, newcomers integer not null default 0,
  notes integer not null default 0,
  series text not null default (lower(hex(randomblob(16))))
) strict;
insert into collection_feed_counts (only) values (1);
create view collection_index (collection, did) as
select nsid, ${readable('did')} from collection_index_nsid join collection_index_pair on collection_id = id
union all
select nsid, ${readable('did')} from collection_index_nsid join collection_index_incoming on collection_id = id;
`

/** A key as the DID that it stands for, in SQL that each version of SQLite's shell knows: see `did-key.ts`. */
function readable(key: string): string {
  const digit = (k: number) => `instr('123456789ABCDEF', substr(hex(${key}), ${k}, 1))`
  const letter = (number: string) => `substr('${PLC_LETTERS}', 1 + ${number}, 1)`
  const letters: string[] = []
  // Five digits of four bits are four letters of five bits.
  for (let k = 1; k <= PACKED_BYTES * 2; k += 5) {
    const [a, b, c, d, e] = [digit(k), digit(k + 1), digit(k + 2), digit(k + 3), digit(k + 4)]
    letters.push(letter(`${a} * 2 + ${b} / 8`), letter(`${b} % 8 * 4 + ${c} / 4`))
    letters.push(letter(`${c} % 4 * 8 + ${d} / 2`), letter(`${d} % 2 * 16 + ${e}`))
  }
  return `case when typeof(${key}) = 'text' then ${key}
    when length(${key}) > ${PACKED_BYTES} then cast(substr(${key}, ${PACKED_BYTES + 1}) as text)
    else '${PLC_PREFIX}' || ${letters.join(' || ')} end`
}
