// A relay's collection directory on Hono: the index as XRPC, and the backfill that fills it under /admin. In memory, to
// be looked at; `await openPostgres(url)` gives a store that stays.
//
//   ADMIN_TOKEN   at least 16 characters; without it, one is made up and printed
//   PORT          0 takes any free one (2585)
//   RELAY         the relay; without it, a bundled one
import { serve } from '@hono/node-server'
import { createBackfiller, lexiconGarden, memoryStore, relayLister } from 'atproto-collection-backfill'
import { adminHandler, xrpcHandler } from 'atproto-collection-backfill/server'
import { startRelay } from 'atproto-collection-backfill/testing'
import { Hono } from 'hono'

const { ADMIN_TOKEN = crypto.randomUUID(), PORT = '2585', RELAY } = process.env
const collections = {
  'app.bsky.actor.profile': 9_000,
  'app.bsky.feed.post': 7_500,
  'com.whtwnd.blog.entry': 700,
}
await using bundled = RELAY ? undefined : await startRelay({ collections, latencyMs: 140 })
const garden = lexiconGarden({ url: bundled?.gardenUrl })

const store = memoryStore()

// Stopped, and waited for, before what stands above is closed.
await using admin = adminHandler({
  token: ADMIN_TOKEN,
  allowedRelays: [bundled?.url ?? RELAY ?? ''],
  progress: store.progress,
  backfill: ({ relay, ...context }) =>
    createBackfiller({
      relay: relayLister(relay),
      collections: [garden],
      store,
      ...context,
    }),
  onEnd: ({ relay, outcome, error }) => console.log(`${relay}: ${outcome}`, error ?? ''),
})
const xrpc = xrpcHandler({ index: store.index })

const app = new Hono()
app.all('/admin/*', ({ req }) => admin(req.raw))
app.all('/xrpc/*', ({ req }) => xrpc(req.raw))

const server = serve({ fetch: app.fetch, port: Number(PORT), hostname: '127.0.0.1' }, ({ port }) => {
  const url = `http://127.0.0.1:${port}`
  console.log(`${url}/admin/backfill-collections, token ${ADMIN_TOKEN}`)
  console.log(
    `start: curl -X POST -H 'authorization: Bearer ${ADMIN_TOKEN}' ${url}/admin/backfill-collections`,
  )
})

const ended = Promise.withResolvers<void>()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => ended.resolve())
await ended.promise
server.close()
await admin.close()
