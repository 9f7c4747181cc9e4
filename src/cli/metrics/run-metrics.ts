import type { BackfillEvent } from '../../contracts/events.ts'
import type { Monitor } from '../../monitor/snapshot.ts'
import { observeGauges } from '../../opentelemetry/gauges.ts'
import { createInstruments } from '../../opentelemetry/instruments.ts'
import { metricRecorder } from '../../opentelemetry/metrics.ts'
import type { TextMeter } from './text-meter.ts'

/** Counts what runs over some relays tell, in the metrics that `createTelemetry` makes of them. */
export interface RunMetrics extends Disposable {
  /** Takes an event of a run, for `onEvent`. */
  handle(event: BackfillEvent): void
}

/** @param relays whose monitor gets the same events, and is kept up with the store */
export function createRunMetrics(
  meter: TextMeter,
  relays: readonly { readonly relay: string; readonly monitor: Pick<Monitor, 'snapshot' | 'collections'> }[],
): RunMetrics {
  const instruments = createInstruments(meter)
  const recorders = new Map(
    relays.map(({ relay }) => [relay, metricRecorder({ instruments, relay, collections: new Set() })]),
  )
  const observing = meter.observe((result) => {
    for (const { relay, monitor } of relays)
      observeGauges(result, instruments.gauges, relay, monitor.snapshot(), monitor.collections())
  })
  return {
    handle: (event) => recorders.get(event.relay)?.(event),
    [Symbol.dispose]: () => observing[Symbol.dispose](),
  }
}
