// A sink of your own, on the SQLite that comes with Node: it writes before the cursor moves, and adding again changes nothing.
import { DatabaseSync } from 'node:sqlite'
import { createBackfiller, type IndexSink, memoryStore } from 'atproto-collection-backfill'

const { RELAY = 'relay1.us-east.bsky.network', FILE = ':memory:' } = process.env
const db = new DatabaseSync(FILE)
db.exec(
  'create table if not exists pair (collection text, did text, primary key (collection, did)) without rowid',
)
const insert = db.prepare(
  'insert into pair select ?, value from json_each(?) where true on conflict do nothing',
)
const sink: IndexSink = {
  async add({ collection, dids }) {
    return { added: Number(insert.run(collection, JSON.stringify(dids)).changes) }
  },
}
const store = { sink, progress: memoryStore().progress }
await createBackfiller({ relay: RELAY, store, collections: ['com.whtwnd.blog.*'] }).run()
console.log(db.prepare('select collection, count(*) as repos from pair group by collection').all())
