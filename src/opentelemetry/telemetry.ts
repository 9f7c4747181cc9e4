import {
  type BatchObservableResult,
  context,
  diag,
  type MeterProvider,
  metrics,
  type TracerProvider,
  trace,
} from '@opentelemetry/api'
import type { BackfillEvent } from '../contracts/events.ts'
import type { ProgressStore } from '../contracts/progress-store.ts'
import { createMonitor } from '../monitor/monitor.ts'
import { describe } from '../util/describe.ts'
import { type OptionNames, refuseUnknown } from '../util/validate-options.ts'
import { VERSION } from '../util/version.ts'
import { observeGauges } from './gauges.ts'
import { createInstruments } from './instruments.ts'
import { metricRecorder } from './metrics.ts'
import { walkSpans } from './spans.ts'

/** What is measured, and where that goes. */
export interface TelemetryOptions {
  /** The relay: `RepoLister.relay`. */
  relay: string
  /**
   * Read each time that the metrics are collected, so that the gauges also tell what other runs have done and do: one
   * query, of a row for each collection. Absent: they tell what this run knows.
   */
  progress?: Pick<ProgressStore, 'list'> | undefined
  /**
   * Collections that get series of their own, by the attribute `atproto.backfill.collection`; all others are summed up
   * in the series without it. Each one adds some sixty, so name the few that you watch.
   *
   * @default none
   */
  collections?: readonly string[] | undefined
  /** @default the global one */
  meterProvider?: MeterProvider | undefined
  /** @default the global one */
  tracerProvider?: TracerProvider | undefined
}

const OPTIONS: OptionNames<TelemetryOptions> = {
  relay: true,
  progress: true,
  collections: true,
  meterProvider: true,
  tracerProvider: true,
}

/** Makes OpenTelemetry metrics and spans of one run. Close it after the run. */
export interface Telemetry extends Disposable {
  /**
   * Takes an event of the run: for `onEvent` of `createBackfiller`. It needs no `this`, and passes over the events of
   * other relays.
   */
  handle(this: void, event: BackfillEvent): void
  /**
   * Ends the spans of walks that were stopped on the way, and the observation of the gauges. A second
   * call does nothing. `using` does the same.
   */
  close(): void
}

const SCOPE = 'atproto-collection-backfill'

/**
 * Makes metrics and spans of one run: see {@link Telemetry}.
 *
 * The number of series is bounded, however long a run takes and whatever the network holds. Attributes are the relay,
 * the code of an error of this library (`_OTHER` for others), the status of an answer, and short lists of words. There
 * is never one for a DID or a cursor, and none for a collection but those that `collections` names: there were 1,287 in
 * March 2026, any account can create another one, and with the buckets of the histograms each costs some sixty series.
 * The spans, one for each walk of a collection, name it, which costs nothing there.
 */
export function createTelemetry(options: TelemetryOptions): Telemetry {
  refuseUnknown(options, OPTIONS)
  const { relay, progress, collections = [] } = options
  const { meterProvider = metrics.getMeterProvider(), tracerProvider = trace.getTracerProvider() } = options
  const meter = meterProvider.getMeter(SCOPE, VERSION)
  const instruments = createInstruments(meter)
  const { gauges } = instruments
  const record = metricRecorder({ instruments, relay, collections: new Set(collections) })
  const spans = walkSpans(tracerProvider.getTracer(SCOPE, VERSION), relay, context.active())
  const monitor = createMonitor({ relay })

  async function observe(result: BatchObservableResult): Promise<void> {
    if (progress !== undefined) {
      await monitor
        .refresh(() => progress.list({ relay }))
        // The gauges tell what is known here; that the database cannot be reached, the run itself tells.
        .catch((error) => diag.warn(`The progress of ${relay} could not be read: ${describe(error)}`))
    }
    observeGauges(result, gauges, relay, monitor.snapshot(), monitor.collections())
  }

  const observed = Object.values(gauges)
  meter.addBatchObservableCallback(observe, observed)
  const close = () => {
    meter.removeBatchObservableCallback(observe, observed)
    spans.stop()
  }
  return {
    handle(event) {
      if (event.relay !== relay) return
      monitor.handle(event)
      record(event)
      spans.handle(event)
    },
    close,
    [Symbol.dispose]: close,
  }
}
