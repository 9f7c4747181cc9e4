import type { Attributes } from '@opentelemetry/api'
import type { BackfillHooks, PageEvent } from '../contracts/events.ts'
import { ATTRIBUTE, errorAttributes } from './attributes.ts'
import type { Instruments } from './instruments.ts'

export interface MetricParts {
  readonly instruments: Instruments
  readonly relay: string
  /** The collections that are told apart. */
  readonly collections: ReadonlySet<string>
}

export interface Recorder {
  readonly hooks: BackfillHooks
  page(event: PageEvent): void
  paused(context: { waitMs: number; error?: unknown }): void
}

export function metricRecorder({ instruments, relay, collections }: MetricParts): Recorder {
  const { waitDuration, failures } = instruments
  const base: Attributes = { [ATTRIBUTE.source]: relay }

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

  return {
    hooks: {
      sourceFailed: ({ error }) => fail('source', error),
      requested({ collection, durationMs, error }) {
        const outcome = error === undefined ? {} : errorAttributes(error)
        instruments.requestDuration.record(durationMs / 1000, { ...attributesOf(collection), ...outcome })
      },
      committed({ collection, pages, dids, added, durationMs }) {
        const attributes = attributesOf(collection)
        instruments.pages.add(pages, attributes)
        instruments.dids.add(dids, attributes)
        instruments.pairs.add(added, attributes)
        instruments.commitDuration.record(durationMs / 1000, attributes)
      },
      retry({ collection, error, waitMs }) {
        const attributes = attributesOf(collection)
        instruments.retries.add(1, { ...attributes, ...errorAttributes(error) })
        wait(waitMs, 'retry', attributes)
      },
      collectionFailed: ({ collection, error }) => fail('collection', error, attributesOf(collection)),
      claimLost: ({ collection, error }) => fail('claim_lost', error, attributesOf(collection)),
      storeUnavailable: ({ waitMs }) => wait(waitMs, 'store'),
    },
    page({ collection, invalid }) {
      instruments.rejected.add(invalid, attributesOf(collection))
    },
    paused: ({ waitMs }) => wait(waitMs, 'relay'),
  }
}
