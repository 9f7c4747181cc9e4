import type { Attributes } from '@opentelemetry/api'
import type { BackfillEvent, Emit } from '../contracts/events.ts'
import { pageDeltas } from '../run/page-deltas.ts'
import { ATTRIBUTE, errorAttributes } from './attributes.ts'
import type { Instruments } from './instruments.ts'

export interface MetricParts {
  readonly instruments: Instruments
  readonly relay: string
  /** The collections that are told apart. */
  readonly collections: ReadonlySet<string>
}

/** Records each event of a run in the metrics. */
export function metricRecorder({ instruments, relay, collections }: MetricParts): Emit {
  const { waitDuration, failures } = instruments
  const base: Attributes = { [ATTRIBUTE.relay]: relay }
  const deltaOf = pageDeltas()

  function attributesOf(collection: string | undefined): Attributes {
    const isNamed = collection !== undefined && collections.has(collection)
    return isNamed ? { ...base, [ATTRIBUTE.collection]: collection } : base
  }

  /** Adds a wait to the sum, by why it is: for a retry, for the relay's pause or for the store. */
  function wait(waitMs: number, reason: 'retry' | 'relay' | 'store', attributes: Attributes = base): void {
    waitDuration.record(waitMs / 1000, { ...attributes, [ATTRIBUTE.waitReason]: reason })
  }

  function fail(kind: 'collection' | 'claim_lost' | 'source', error: unknown, attributes = base): void {
    failures.add(1, { ...attributes, ...errorAttributes(error), [ATTRIBUTE.failureKind]: kind })
  }

  function recordPages(
    event: Extract<BackfillEvent, { type: 'page' }>,
    pages: number,
    invalid: number,
  ): void {
    const attributes = attributesOf(event.collection)
    instruments.pages.add(pages, attributes)
    instruments.imported.add(event.dids.length, attributes)
    instruments.added.add(event.added ?? 0, attributes)
    instruments.invalid.add(invalid, attributes)
    instruments.commitDuration.record(event.durationMs / 1000, attributes)
  }

  return (event) => {
    const { pages, invalid } = deltaOf(event)
    switch (event.type) {
      case 'sourceFailed':
        return fail('source', event.error)
      case 'requested': {
        const outcome = event.error === undefined ? {} : errorAttributes(event.error)
        const attributes = { ...attributesOf(event.collection), ...outcome }
        return instruments.requestDuration.record(event.durationMs / 1000, attributes)
      }
      case 'page':
        return recordPages(event, pages, invalid)
      case 'retry': {
        const attributes = attributesOf(event.collection)
        instruments.retries.add(1, { ...attributes, ...errorAttributes(event.error) })
        return wait(event.waitMs, 'retry', attributes)
      }
      case 'collectionFailed':
        return fail('collection', event.error, attributesOf(event.collection))
      case 'claimLost':
        return fail('claim_lost', event.error, attributesOf(event.collection))
      case 'storeUnavailable':
        return wait(event.waitMs, 'store')
      case 'paused':
        return wait(event.waitMs, 'relay')
    }
  }
}
