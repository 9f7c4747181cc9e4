import type { Attributes } from '@opentelemetry/api'
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import {
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
  TracerProvider,
} from '@opentelemetry/sdk-trace'

export interface Series {
  readonly attributes: Attributes
  /** The sum of a counter, the value of a gauge, or how often and how much a histogram was told. */
  readonly value: number | { count: number; sum: number }
}

/** The real SDK, with exporters that keep what they get. */
export interface Collector extends AsyncDisposable {
  /** For `createTelemetry`. */
  readonly providers: { readonly meterProvider: MeterProvider; readonly tracerProvider: TracerProvider }
  /** The spans that have ended. */
  spans(): ReadableSpan[]
  /** Collects now: the metrics by their names, as `name [unit]`. */
  collect(): Promise<Record<string, Series[]>>
}

export function collector(): Collector {
  const metricExporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
  const reader = new PeriodicExportingMetricReader({
    exporter: metricExporter,
    exportIntervalMillis: 3_600_000,
  })
  const meterProvider = new MeterProvider({ readers: [reader] })
  const spanExporter = new InMemorySpanExporter()
  const tracerProvider = new TracerProvider({
    spanProcessors: [new SimpleSpanProcessor({ exporter: spanExporter })],
  })
  return {
    providers: { meterProvider, tracerProvider },
    spans: () => spanExporter.getFinishedSpans(),
    async collect() {
      metricExporter.reset()
      await meterProvider.forceFlush()
      const scopes = metricExporter.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics)
      return Object.fromEntries(
        scopes.flatMap(({ metrics }) =>
          metrics.map(({ descriptor: { name, unit }, dataPoints }) => [
            `${name} [${unit}]`,
            dataPoints.map(({ attributes, value }) => ({ attributes, value: plain(value) })),
          ]),
        ),
      )
    },
    async [Symbol.asyncDispose]() {
      await meterProvider.shutdown()
      await tracerProvider.shutdown()
    },
  }
}

function plain(value: number | object): Series['value'] {
  if (typeof value === 'number') return value
  if ('count' in value && 'sum' in value && typeof value.count === 'number' && typeof value.sum === 'number')
    return { count: value.count, sum: value.sum }
  throw new Error(`neither a number nor a histogram: ${JSON.stringify(value)}`)
}
