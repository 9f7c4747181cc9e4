import type {
  Attributes,
  BatchObservableResult,
  Counter,
  Histogram,
  MetricOptions,
  Observable,
  ObservableGauge,
} from '@opentelemetry/api'
import type { InstrumentMeter } from '../../opentelemetry/instruments.ts'

/** Tells the gauges, each time that the metrics are asked for. */
export type ObserveGauges = (result: BatchObservableResult) => void | Promise<void>

/** A meter whose metrics can be read as the text that Prometheus reads. */
export interface TextMeter extends InstrumentMeter {
  /** From now on, until the disposal. What it throws leaves its gauges out of that one text. */
  observe(callback: ObserveGauges): Disposable
  /** All metrics as they are now. */
  text(): Promise<string>
}

/** The content type of {@link TextMeter.text}. */
export const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

/** What a metric has told: the lines of its series. */
interface Metric {
  readonly name: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly help: string
  lines(): string[]
}

/** Seconds, where an instrument names no boundaries of its own. */
const BOUNDARIES = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

/**
 * Takes the place of OpenTelemetry's SDK and its exporter in a program that brings neither: the same names and labels as
 * the exporter for Prometheus gives them, without those of the scope. The number of series is that of the instruments'
 * attributes, which is bounded.
 */
export function createTextMeter(): TextMeter {
  const metrics: Metric[] = []
  const observers = new Set<ObserveGauges>()
  /** What was observed for the text that is being made. */
  const gauges = new Map<Observable, Map<string, number>>()

  const result: BatchObservableResult = {
    observe: (gauge, value, attributes) => gauges.get(gauge)?.set(labelsOf(attributes), value),
  }
  return {
    createCounter: (name, options) => addCounter(metrics, nameOf(name), options),
    createHistogram: (name, options) => addHistogram(metrics, nameOf(name), options),
    createObservableGauge(name, { description = '' } = {}): ObservableGauge {
      const seriesName = nameOf(name)
      const gauge: ObservableGauge = { addCallback() {}, removeCallback() {} }
      gauges.set(gauge, new Map())
      const lines = () =>
        Array.from(gauges.get(gauge) ?? [], ([labels, value]) => line(seriesName, labels, value))
      metrics.push({ name: seriesName, type: 'gauge', help: description, lines })
      return gauge
    },
    observe(callback) {
      observers.add(callback)
      return { [Symbol.dispose]: () => observers.delete(callback) }
    },
    async text() {
      for (const series of gauges.values()) series.clear()
      await Promise.allSettled(Array.from(observers, async (callback) => callback(result)))
      return metrics.map(textOf).join('')
    },
  }
}

function addCounter(metrics: Metric[], name: string, { description = '' }: MetricOptions = {}): Counter {
  const totals = new Map<string, number>()
  const total = name.endsWith('_total') ? name : `${name}_total`
  const lines = () => Array.from(totals, ([labels, value]) => line(total, labels, value))
  metrics.push({ name: total, type: 'counter', help: description, lines })
  return {
    add(value, attributes) {
      const labels = labelsOf(attributes)
      totals.set(labels, (totals.get(labels) ?? 0) + value)
    },
  }
}

interface Distribution {
  /** How many values were no greater than each boundary and greater than the one before. */
  readonly buckets: number[]
  sum: number
  count: number
}

function addHistogram(metrics: Metric[], name: string, options: MetricOptions = {}): Histogram {
  const boundaries = options.advice?.explicitBucketBoundaries ?? BOUNDARIES
  const distributions = new Map<string, Distribution>()
  const lines = () =>
    Array.from(distributions, ([labels, { buckets, sum, count }]) => {
      const below = boundaries.map((_, i) => buckets.slice(0, i + 1).reduce((all, each) => all + each, 0))
      return [
        ...boundaries.map((le, i) => line(`${name}_bucket`, withLabel(labels, 'le', le), below[i] ?? 0)),
        line(`${name}_bucket`, withLabel(labels, 'le', '+Inf'), count),
        line(`${name}_sum`, labels, sum),
        line(`${name}_count`, labels, count),
      ]
    }).flat()
  metrics.push({ name, type: 'histogram', help: options.description ?? '', lines })
  return {
    record(value, attributes) {
      const labels = labelsOf(attributes)
      const known = distributions.get(labels) ?? { buckets: boundaries.map(() => 0), sum: 0, count: 0 }
      distributions.set(labels, known)
      const i = boundaries.findIndex((boundary) => value <= boundary)
      if (i !== -1) known.buckets[i] = (known.buckets[i] ?? 0) + 1
      known.sum += value
      known.count += 1
    },
  }
}

function textOf({ name, type, help, lines }: Metric): string {
  const series = lines()
  if (series.length === 0) return ''
  const words = help.replaceAll('\\', String.raw`\\`).replaceAll('\n', String.raw`\n`)
  return [`# HELP ${name} ${words}`, `# TYPE ${name} ${type}`, ...series, ''].join('\n')
}

function nameOf(name: string): string {
  return name.replaceAll(/[^a-zA-Z0-9_:]/g, '_')
}

/** As they stand between the braces. */
function labelsOf(attributes: Attributes = {}): string {
  return Object.entries(attributes)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${nameOf(name)}="${escaped(String(value))}"`)
    .join(',')
}

function withLabel(labels: string, name: string, value: number | string): string {
  return [labels, `${name}="${value}"`].filter((each) => each !== '').join(',')
}

function escaped(value: string): string {
  return value
    .replaceAll('\\', String.raw`\\`)
    .replaceAll('\n', String.raw`\n`)
    .replaceAll('"', String.raw`\"`)
}

function line(name: string, labels: string, value: number): string {
  return labels === '' ? `${name} ${value}` : `${name}{${labels}} ${value}`
}
