// A backfill with metrics for Prometheus, which asks for them at /metrics. They stay when the run is over, until Ctrl-C.
//
//   PORT    of the metrics; 0 takes any free one (9464)
//   RELAY   the relay; without it, a bundled one
//   GARDEN  where llms.txt is, when not at lexicon.garden
//
// examples/grafana has a dashboard and alert rules for them.
import { once } from 'node:events'
import { createServer } from 'node:http'
import { PrometheusExporter } from '@opentelemetry/exporter-prometheus'
import { MeterProvider } from '@opentelemetry/sdk-metrics'
import {
  createBackfiller,
  isBackfillError,
  lexiconGarden,
  memoryStore,
  relayLister,
} from 'atproto-collection-backfill'
import { createTelemetry } from 'atproto-collection-backfill/opentelemetry'
import { startRelay } from 'atproto-collection-backfill/testing'

const { PORT = '9464', RELAY, GARDEN } = process.env
const stop = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort())

const collections = {
  'app.bsky.actor.profile': 9_000,
  'app.bsky.feed.post': 7_500,
  'com.whtwnd.blog.entry': 40,
}
await using bundled = RELAY ? undefined : await startRelay({ collections, latencyMs: 140 })

// The exporter's own server knows no other path, and no other server can be beside it on its port.
const exporter = new PrometheusExporter({ preventServerStart: true })
const meterProvider = new MeterProvider({ readers: [exporter] })
const server = createServer((request, response) => {
  if (request.url === '/metrics') exporter.getMetricsRequestHandler(request, response)
  else response.writeHead(404).end()
})
server.listen(Number(PORT), '127.0.0.1')
await once(server, 'listening')
const address = server.address()
console.log(`http://127.0.0.1:${typeof address === 'object' ? address?.port : PORT}/metrics`)

const lister = relayLister(bundled?.url ?? RELAY ?? '')
const garden = lexiconGarden({ url: bundled?.gardenUrl ?? GARDEN })
const store = memoryStore()
using telemetry = createTelemetry({
  relay: lister.relay,
  progress: store.progress,
  // A series of its own for the collection that is watched; the others are summed up.
  collections: ['app.bsky.feed.post'],
  meterProvider,
})
try {
  const backfiller = createBackfiller({
    relay: lister,
    // The relay's own directory tells sizes, and so how long it takes; the bundled relay has none.
    collections: bundled || !lister.directory ? [garden] : [garden, lister.directory],
    store,
    signal: stop.signal,
    onEvent: telemetry.handle,
  })
  await backfiller.run()
  console.log('complete')
} catch (error) {
  // Collections that failed are in the metrics, as an alert wants them.
  if (isBackfillError(error, 'INCOMPLETE')) console.log(error.message)
  else if (!stop.signal.aborted) throw error
}
if (!stop.signal.aborted) await once(stop.signal, 'abort')
server.close()
await meterProvider.shutdown()
