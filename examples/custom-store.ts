// A sink and a progress store of your own, on the SQLite that comes with Node: pairs and cursor in one transaction.
import { DatabaseSync } from 'node:sqlite'
import {
  createBackfiller,
  type IndexSink,
  lexiconGarden,
  type ProgressRow,
  type ProgressRows,
  type ProgressStore,
  progressStoreOn,
  relayLister,
} from 'atproto-collection-backfill'
import { startRelay } from 'atproto-collection-backfill/testing'

const SCHEMA = `
  pragma journal_mode = wal; pragma synchronous = full; pragma busy_timeout = 5000;
  create table if not exists pair (collection text, did text, primary key (collection, did)) without rowid;
  create table if not exists progress
    (relay text, collection text, version integer, row text, primary key (relay, collection)) without rowid;`

/** Both on one database, which stays the caller's: it is never closed here. */
export function sqliteStore(db: DatabaseSync): { sink: IndexSink; progress: ProgressStore } {
  db.exec(SCHEMA)
  const addPair = db.prepare('insert into pair values (?, ?) on conflict do nothing')
  const select = db.prepare('select row from progress where relay = coalesce(?, relay)')
  const selectOne = db.prepare('select row from progress where relay = ? and collection = ?')
  const insert = db.prepare('insert into progress values (?, ?, ?, ?) on conflict do nothing')
  const update = db.prepare(
    'update progress set version = ?, row = ? where relay = ? and collection = ? and version = ?',
  )
  const parse = (stored: { row?: unknown } | undefined): ProgressRow => JSON.parse(String(stored?.row))

  let last: Promise<unknown> = Promise.resolve()
  /** One connection has one transaction at a time, so each waits for the one before. */
  function transaction<T>(body: (transaction: unknown) => Promise<T>): Promise<T> {
    const mine = last.then(async () => {
      db.exec('begin immediate')
      try {
        const result = await body(db)
        db.exec('commit')
        return result
      } finally {
        if (db.isTransaction) db.exec('rollback')
      }
    })
    last = mine.catch(() => {})
    return mine
  }

  const rows: ProgressRows = {
    database: db,
    transaction,
    // Every process on this file is on this machine, so they have one clock.
    now: () => Date.now(),
    list: async (relay) => select.all(relay ?? null).map(parse),
    async read(relay, collection) {
      const stored = selectOne.get(relay, collection)
      return stored && parse(stored)
    },
    async write(row) {
      const { relay, collection, version } = row
      const json = JSON.stringify(row)
      const { changes } =
        version === 1
          ? insert.run(relay, collection, version, json)
          : update.run(version, json, relay, collection, version - 1)
      return changes === 1
    },
  }

  const sink: IndexSink = {
    database: db,
    async add({ collection, dids }, { transaction: open, signal } = {}) {
      signal?.throwIfAborted()
      if (open === undefined) return transaction(async () => addPairs(collection, dids))
      if (open !== db) throw new TypeError('The transaction is not one of this database.')
      return addPairs(collection, dids)
    },
  }

  function addPairs(collection: string, dids: readonly string[]) {
    return { added: dids.filter((did) => addPair.run(collection, did).changes === 1).length }
  }
  return { sink, progress: progressStoreOn(rows) }
}

if (import.meta.main) {
  using db = new DatabaseSync(process.argv[2] ?? ':memory:')
  await using relay = await startRelay({
    collections: {
      'app.bsky.actor.profile': 9_000,
      'app.bsky.feed.post': 7_500,
      'com.whtwnd.blog.entry': 40,
    },
  })
  const sources = [lexiconGarden({ url: relay.gardenUrl })]
  const backfiller = createBackfiller({
    relay: relayLister(relay.url),
    collections: sources,
    store: sqliteStore(db),
  })
  console.log(await backfiller.run())
  console.table(db.prepare('select collection, count(*) as repos from pair group by collection').all())
}
