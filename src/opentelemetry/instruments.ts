import type { Counter, Histogram, Meter, ObservableGauge, ValueType } from '@opentelemetry/api'

/** OpenTelemetry's own numbers of them: the command line measures without its package. */
const INT: ValueType = 0
const DOUBLE: ValueType = 1

/** Boundaries in seconds: a page of 2,000 takes some 0.14 s from a relay and 0.03 s into a database near by. */
const DURATIONS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300]
/** From the first pause of a retry to the longest that a run sits out, a day. */
const WAITS = [0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3_600, 14_400, 86_400]

/** What is used of a meter. */
export type InstrumentMeter = Pick<Meter, 'createCounter' | 'createHistogram' | 'createObservableGauge'>

/** The metrics. Their names and units are part of the API. */
export interface Instruments {
  readonly pages: Counter
  readonly imported: Counter
  readonly added: Counter
  readonly invalid: Counter
  readonly retries: Counter
  readonly failures: Counter
  readonly requestDuration: Histogram
  readonly commitDuration: Histogram
  readonly waitDuration: Histogram
  /** Told together, each time that the metrics are collected. */
  readonly gauges: Gauges
}

/** How things are at the moment. */
export interface Gauges {
  readonly collections: ObservableGauge
  readonly flagged: ObservableGauge
  readonly progress: ObservableGauge
  readonly requestsLeft: ObservableGauge
  readonly timeLeft: ObservableGauge
  readonly waiting: ObservableGauge
  readonly setAside: ObservableGauge
}

export function createInstruments(meter: InstrumentMeter): Instruments {
  const counter = (name: string, unit: string, description: string) =>
    meter.createCounter(`atproto.backfill.${name}`, { unit, description, valueType: INT })
  const histogram = (name: string, explicitBucketBoundaries: number[], description: string) =>
    meter.createHistogram(`atproto.backfill.${name}`, {
      unit: 's',
      description,
      advice: { explicitBucketBoundaries },
    })
  return {
    pages: counter('pages', '{page}', 'Pages that became durable.'),
    imported: counter('imported', '{did}', 'DIDs on pages that became durable, repeats included.'),
    added: counter('added', '{pair}', 'Pairs of collection and DID that were new to the index.'),
    invalid: counter('invalid', '{entry}', 'Entries of pages that were no DID.'),
    retries: counter('retries', '{retry}', 'Requests and writes that failed and were made again.'),
    failures: counter('failures', '{failure}', 'Walks that ended early, and sources that failed.'),
    requestDuration: histogram(
      'request.duration',
      DURATIONS,
      'Requests for pages, with the wait before them that the relay or the pace asked for.',
    ),
    commitDuration: histogram('commit.duration', DURATIONS, 'Commits of pages, retries included.'),
    waitDuration: histogram('wait.duration', WAITS, 'Waits, as long as they were to be when they began.'),
    gauges: createGauges(meter),
  }
}

function createGauges(meter: Pick<InstrumentMeter, 'createObservableGauge'>): Gauges {
  const gauge = (name: string, unit: string, description: string, valueType = INT) =>
    meter.createObservableGauge(`atproto.backfill.${name}`, { unit, description, valueType })
  return {
    collections: gauge('collections', '{collection}', 'Collections of the relay by state.'),
    flagged: gauge(
      'flagged',
      '{collection}',
      'Collections with a flag: what is to be known of them for good.',
    ),
    progress: gauge(
      'progress',
      '1',
      'The part of the work that is done. Absent where the sizes of the collections are not known.',
      DOUBLE,
    ),
    requestsLeft: gauge('requests_left', '{request}', 'Requests for pages that are left, at least.'),
    timeLeft: gauge('time_left', 's', 'How long the rest takes. Absent while that cannot be told.', DOUBLE),
    waiting: gauge('waiting', '1', '1 for what the whole run waits for, and 0 for all else.'),
    setAside: gauge('set_aside', '{collection}', 'Collections that are tried again later.'),
  }
}
