// The whole job in memory, for one small collection: nothing is left when the program ends.
import { createBackfiller, memoryStore } from 'atproto-collection-backfill'

const { RELAY = 'relay1.us-east.bsky.network' } = process.env
const store = memoryStore()
const summary = await createBackfiller({ relay: RELAY, store, collections: ['com.whtwnd.blog.entry'] }).run()
console.log(`${summary.pages} pages, ${store.sink.pairs.get('com.whtwnd.blog.entry')?.size} repos`)
