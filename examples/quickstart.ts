// The whole job in memory: discover a relay's collections, page through their repos, index every pair.
import { createBackfiller, lexiconGarden, memoryStore, relayLister } from 'atproto-collection-backfill'
import { startRelay } from 'atproto-collection-backfill/testing'

// Stands in for relayLister('relay1.us-east.bsky.network') and lexiconGarden().
await using relay = await startRelay({
  collections: { 'app.bsky.actor.profile': 9_000, 'app.bsky.feed.post': 7_500, 'com.whtwnd.blog.entry': 40 },
})

const store = memoryStore()
const backfiller = createBackfiller({
  relay: relayLister(relay.url),
  collections: [lexiconGarden({ url: relay.gardenUrl })],
  store,
})

for await (const page of backfiller) {
  console.log(
    `${page.collection}: page ${page.pages}, ${page.imported} repos${page.completed ? ', complete' : ''}`,
  )
}

for (const [collection, dids] of store.sink.pairs) console.log(`${collection}: ${dids.size} repos indexed`)
