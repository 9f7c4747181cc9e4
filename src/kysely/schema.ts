import { type ColumnType, type Generated, type Kysely, type RawBuilder, sql } from 'kysely'

/**
 * A `bigint`: drivers give it as a string or as a number, so every read converts it.
 *
 * @inline
 */
type Bigint = ColumnType<string | number, number, number>
/** @inline */
type BigintWithDefault = ColumnType<string | number, number | undefined, number>
/** @inline */
type Timestamp = ColumnType<Date | null, Date | null | undefined, Date | null>

/**
 * How far the walk of one collection on one source is. Some names are those of zlay, the relay in Zig, whose table this is;
 * everywhere else the library's words hold. `source` is the relay, `rejected_count` counts the entries that are invalid, and
 * `given_up` says that the collection failed.
 */
export interface BackfillProgressTable {
  collection: string
  source: string
  /** Where the next page begins; `''` before the first page and once complete. */
  cursor: ColumnType<string, string | undefined, string>
  /** The DIDs on the committed pages, repeats included. */
  imported_count: BigintWithDefault
  /** When a worker took it before the first page of this walk; null in rows that another program wrote. */
  began_at: Timestamp
  completed_at: Timestamp
  created_at: ColumnType<Date, Date | undefined, Date>
  /** The committed pages of this walk; 0 in rows that another program wrote, whatever their cursor. */
  page_count: BigintWithDefault
  rejected_count: BigintWithDefault
  estimated_repos: Bigint | null
  attempts: Generated<number>
  restarts: Generated<number>
  last_error: string | null
  loop_guard: string | null
  not_before: Timestamp
  given_up: Generated<boolean>
  owner: string | null
  /** The fencing token, raised by every claim. */
  epoch: BigintWithDefault
  lease_ends_at: Timestamp
  /** `Claim.anchor` as JSON, in ASCII. */
  anchor: string | null
  /** `CollectionProgress.flags`, with spaces between them. */
  flags: string | null
  /**
   * Until when the source wants no request, whichever the collection: the latest of a source's rows counts. A row with
   * `''` as its collection keeps nothing but this.
   */
  relay_waits_until: Timestamp
}

/** The dictionary of the collections that the index holds. */
export interface CollectionIndexNsidTable {
  id: Generated<number>
  nsid: string
}

/** The pairs of the index, with the collection as its number in the dictionary. */
export interface CollectionIndexPairTable {
  collection_id: number
  did: string
}

/** The pairs of the index, to be read: a view that joins the two tables. */
export interface CollectionIndexView {
  collection: ColumnType<string, never, never>
  did: ColumnType<string, never, never>
}

/** What a live feed told to be gone; 0 as the collection stands for a whole account. */
export interface CollectionFeedGoneTable {
  collection_id: number
  did: string
}

/** The accounts that a live feed told of. */
export interface CollectionFeedAccountTable {
  did: string
  active: boolean
  status: string | null
  rev: string | null
  head: string | null
}

/** The pairs that a live feed added lately. */
export interface CollectionFeedNewcomerTable {
  position: Bigint
  collection_id: number
  did: string
}

/** The repos that are to be looked up at their hosts. */
export interface CollectionFeedToLookUpTable {
  did: string
  place: Bigint
  note: Bigint
  /** Not before that, after a look that failed. */
  due: Timestamp
}

/** Since when each feed is followed without a gap, and the highest epoch of its batches. */
export interface CollectionFeedFollowedTable {
  feed: string
  since: Date
  epoch: BigintWithDefault
}

/** One row: the position of the newest newcomer, of the newest that is not kept any more, how many are kept, and the last note. */
export interface CollectionFeedCountsTable {
  id: number
  latest: BigintWithDefault
  forgotten: BigintWithDefault
  newcomers: BigintWithDefault
  notes: BigintWithDefault
  /** Random: another one where the tables were made anew. */
  series: Generated<string>
}

/** The backfill's tables. Merge them into your own: `interface Database extends MyTables, BackfillDatabase {}`. */
export interface BackfillDatabase {
  backfill_progress: BackfillProgressTable
  collection_index_nsid: CollectionIndexNsidTable
  collection_index_pair: CollectionIndexPairTable
  collection_index: CollectionIndexView
  collection_feed_gone: CollectionFeedGoneTable
  collection_feed_account: CollectionFeedAccountTable
  collection_feed_newcomer: CollectionFeedNewcomerTable
  collection_feed_to_look_up: CollectionFeedToLookUpTable
  collection_feed_followed: CollectionFeedFollowedTable
  collection_feed_counts: CollectionFeedCountsTable
}

/** Where the tables are. */
export interface SchemaOptions {
  /**
   * The Postgres schema that holds the backfill's tables. Plugins of the Kysely that is given, a `withSchema` among
   * them, do not apply to these tables.
   *
   * @default the first schema of the connection's search path
   */
  schema?: string | undefined
}

/** The backfill's tables on somebody's Kysely. Its plugins stay out: they might rename columns that are spelt here. */
export function backfillTables<Database>(
  db: Kysely<Database>,
  { schema }: SchemaOptions,
): Kysely<BackfillDatabase> {
  const tables = db.withoutPlugins() as unknown as Kysely<BackfillDatabase>
  return schema === undefined ? tables : tables.withSchema(schema)
}

/** A table's name for a statement written in SQL. */
export function tableName(table: string, { schema }: SchemaOptions): RawBuilder<unknown> {
  return schema === undefined ? sql.id(table) : sql.id(schema, table)
}

/** A table's or an index's name as a text, for the catalog to look up: `to_regclass(…)`, `…::regclass`. */
export function catalogName(name: string, { schema }: SchemaOptions): string {
  const path = schema === undefined ? [name] : [schema, name]
  return path.map((part) => `"${part.replaceAll('"', '""')}"`).join('.')
}

/** What two adapters share when they are on one Kysely: it is the same in its transactions and with its plugins. */
export function databaseOf<Database>(db: Kysely<Database>): object {
  return db.getExecutor().adapter
}

/** A moment on the database's clock, by `clock_timestamp()`, because `now()` stands still in a transaction. */
export function fromNow(ms: number): RawBuilder<Date> {
  return sql`clock_timestamp() + ${ms}::float8 * interval '1 millisecond'`
}

/** A column's value and `amount` more. */
export function plus(column: keyof BackfillProgressTable, amount: number): RawBuilder<number> {
  return sql`${sql.ref(column)} + ${amount}`
}
