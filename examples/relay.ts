// A collection directory from the library's parts: a relay's live feed and its backlog in, XRPC out. The command `serve` is
// made of the same ones, and has more: a timer, pruning, look-ups, several instances, health, metrics, the status page.
//
//   DATA        the file of the index, of SQLite (.backfill-directory.sqlite)
//   RELAY       whose backlog is imported (relay1.us-east.bsky.network)
//   FIREHOSE    whose live feed is followed (RELAY)
//   GARDEN      where llms.txt is, when not at lexicon.garden
//   PORT        where it is served (2510)
//
// Kill it at any moment and start it again: feed and backlog go on where they were.
import { serve } from '@hono/node-server'
import { createBackfiller, lexiconGarden } from 'atproto-collection-backfill'
import { followFeed } from 'atproto-collection-backfill/live'
import { xrpcHandler } from 'atproto-collection-backfill/server'
import { openSqlite } from 'atproto-collection-backfill/sqlite'

const { RELAY = 'relay1.us-east.bsky.network', GARDEN, PORT = '2510' } = process.env
const { DATA = '.backfill-directory.sqlite', FIREHOSE = RELAY } = process.env
const stop = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stop.abort())
const { signal } = stop

await using store = await openSqlite(DATA)
const { index, feed, progress } = store
const xrpc = xrpcHandler({ index, feed, progress, onError: ({ error }) => console.error(error) })
const server = serve({ fetch: xrpc, port: Number(PORT) }, ({ port }) =>
  console.log(`http://localhost:${port}`),
)

// The feed first: what comes from then on is its part, and everything before that is the backlog's.
const { promise: since, resolve: isLive } = Promise.withResolvers<Date>()
const following = followFeed({
  relay: FIREHOSE,
  store,
  signal,
  onEvent(event) {
    if (event.type === 'live') isLive(event.since)
    if (event.type === 'disconnected') console.error(String(event.error))
  },
})

/** What was imported before the feed was followed without a gap is imported again. */
async function importBacklog(): Promise<void> {
  const collections = [lexiconGarden({ url: GARDEN }), store.observed]
  await createBackfiller({ relay: RELAY, collections, store, refreshBefore: await since, signal }).run()
  console.log('backfill complete')
}

try {
  await Promise.all([following, importBacklog()])
} catch (error) {
  if (!signal.aborted) throw error
} finally {
  stop.abort()
  await new Promise((closed) => server.close(closed))
}
