// The admin endpoints on node:http alone, with a backfill into Postgres. Stop it with Ctrl-C: a run hands its claims back.
//
//   ADMIN_TOKEN    at least 16 characters; without it, one is made up and printed
//   PORT           0 takes any free one (2585)
//   DATABASE_URL   the database; without it, a Postgres of its own in ./.backfill-postgres
//   RELAY          the relay; without it, a bundled one
//   GARDEN         where llms.txt is, when not at lexicon.garden
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { ReadableStream as NodeStream } from 'node:stream/web'
import { createBackfiller, lexiconGarden, relayLister } from 'atproto-collection-backfill'
import { openPostgres } from 'atproto-collection-backfill/postgres'
import { adminHandler } from 'atproto-collection-backfill/server'
import { startRelay } from 'atproto-collection-backfill/testing'
import { startLocalPostgres } from './support/local-postgres.ts'

const { ADMIN_TOKEN = crypto.randomUUID(), PORT = '2585', DATABASE_URL, RELAY, GARDEN } = process.env
await using postgres = DATABASE_URL ? undefined : await startLocalPostgres('.backfill-postgres')
await using bundled = RELAY
  ? undefined
  : await startRelay({ collections: { 'app.bsky.actor.profile': 60_000 } })
await using store = await openPostgres(postgres?.url ?? DATABASE_URL ?? '')
const garden = lexiconGarden({ url: bundled?.gardenUrl ?? GARDEN })

await using admin = adminHandler({
  token: ADMIN_TOKEN,
  allowedRelays: [bundled?.url ?? RELAY ?? ''],
  progress: store.progress,
  backfill: ({ relay, ...context }) =>
    createBackfiller({
      relay: relayLister(relay),
      collections: [garden, store.observed],
      store: { sink: store.sink, progress: store.progress },
      ...context,
    }),
  onEnd: ({ relay: source, outcome, error }) => console.log(`${source}: ${outcome}`, error ?? ''),
})

const server = createServer(listenerOf(admin)).listen(Number(PORT), '127.0.0.1')
await once(server, 'listening')
const address = server.address()
const port = typeof address === 'object' ? address?.port : PORT
console.log(`http://127.0.0.1:${port}/admin/backfill-collections, token ${ADMIN_TOKEN}`)

const ended = Promise.withResolvers<void>()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => ended.resolve())
await ended.promise
server.close()
await admin.close()

/** A handler on web standards for node:http, of requests without a body; what `@hono/node-server` does for all. */
function listenerOf(handle: (request: Request) => Promise<Response>): RequestListener {
  return async (incoming, outgoing) => {
    const address = `http://localhost${incoming.url}`
    if (!URL.canParse(address)) return void outgoing.writeHead(400).end()
    // Requests are few, and a connection that is kept for the next one would hold the process up at its end.
    outgoing.shouldKeepAlive = false
    // A viewer who hangs up is noticed by this.
    const gone = new AbortController()
    outgoing.once('close', () => gone.abort())
    const headers = new Headers()
    for (const [name, values = []] of Object.entries(incoming.headersDistinct)) {
      for (const value of values) headers.append(name, value)
    }
    const { method = 'GET' } = incoming
    const response = await handle(new Request(address, { method, headers, signal: gone.signal }))
    outgoing.writeHead(response.status, Object.fromEntries(response.headers))
    if (response.body === null) return void outgoing.end()
    // Rejects when the client hangs up, or is dropped; either is its own affair.
    await pipeline(Readable.fromWeb(response.body as NodeStream), outgoing).catch(() => {})
  }
}
