import { PrometheusExporter } from '@opentelemetry/exporter-prometheus'
import { MeterProvider } from '@opentelemetry/sdk-metrics'
import { expect, it } from 'vitest'
import { createRunMetrics } from '../../../src/cli/metrics/run-metrics.ts'
import { createTextMeter } from '../../../src/cli/metrics/text-meter.ts'
import type { BackfillEvent } from '../../../src/contracts/events.ts'
import { createMonitor } from '../../../src/monitor/monitor.ts'
import { createTelemetry } from '../../../src/opentelemetry/index.ts'
import { exposedSeries } from '../../support/prometheus-text.ts'

const relay = 'relay.example'
const walk = { relay, collection: 'app.bsky.feed.post', pages: 1, imported: 2, invalid: 1 }
const events: readonly BackfillEvent[] = [
  { type: 'discovered', relay, collections: [{ nsid: walk.collection, estimatedRepos: 9 }], sources: [] },
  { type: 'collectionStarted', ...walk, pages: 0, imported: 0, invalid: 0 },
  { type: 'requested', relay, collection: walk.collection, durationMs: 140, repos: 2 },
  { type: 'requested', relay, collection: walk.collection, durationMs: 5, error: new Error('"quoted"\\') },
  { type: 'retry', relay, error: new Error('no answer'), attempt: 1, waitMs: 700_000_000 },
  { type: 'page', ...walk, dids: ['did:web:a', 'did:web:b'], added: 1, completed: true, durationMs: 30 },
  { type: 'sourceFailed', relay, source: 'lexicon.garden', error: new Error('away') },
]

/** What OpenTelemetry's own exporter shows of the same events. */
async function exported(): Promise<string> {
  const exporter = new PrometheusExporter({ preventServerStart: true })
  const provider = new MeterProvider({ readers: [exporter] })
  using telemetry = createTelemetry({ relay, meterProvider: provider })
  for (const event of events) telemetry.handle(event)
  let text = ''
  const shown = Promise.withResolvers<void>()
  const response = {
    statusCode: 0,
    setHeader() {},
    end(given: string) {
      text = given
      shown.resolve()
    },
  }
  exporter.getMetricsRequestHandler(undefined as never, response as never)
  await shown.promise
  await provider.shutdown()
  return text
}

/** By name and labels; moments differ. */
function seriesIn(text: string): [name: string, value: number][] {
  return [...exposedSeries(text)]
    .flatMap(([name, series]) =>
      series.map(({ labels, value }): [string, number] => [
        `${name} ${JSON.stringify(Object.entries(labels).toSorted())}`,
        value,
      ]),
    )
    .filter(([name]) => !/target_info|scope_info/.test(name))
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
}

it('shows the metrics of a run as the exporter of OpenTelemetry does', async () => {
  const meter = createTextMeter()
  const monitor = createMonitor({ relay })
  using metrics = createRunMetrics(meter, [{ relay, monitor }])
  for (const event of events) {
    monitor.handle(event)
    metrics.handle(event)
  }
  const theirs = seriesIn(await exported())
  expect(theirs.length).toBeGreaterThan(60)
  expect(seriesIn(await meter.text())).toEqual(theirs)
})

it('escapes what is in labels and help, and tells a gauge no longer than it is observed', async () => {
  const meter = createTextMeter()
  meter.createCounter('a.b', { description: 'one\ntwo \\' }).add(2, { 'the.label': 'say "no"\n\\' })
  const gauge = meter.createObservableGauge('level')
  const observing = meter.observe((result) => result.observe(gauge, 0.5))
  const counter = String.raw`# HELP a_b_total one\ntwo \\
# TYPE a_b_total counter
a_b_total{the_label="say \"no\"\n\\"} 2
`
  expect(await meter.text()).toBe(`${counter}# HELP level \n# TYPE level gauge\nlevel 0.5\n`)
  observing[Symbol.dispose]()
  expect(await meter.text()).toBe(counter)
})

it('shows the others where one gauge cannot be read', async () => {
  const meter = createTextMeter()
  const gauge = meter.createObservableGauge('level')
  using _failing = meter.observe(() => {
    throw new Error('away')
  })
  using _well = meter.observe((result) => result.observe(gauge, 1))
  expect(await meter.text()).toContain('\nlevel 1\n')
})
