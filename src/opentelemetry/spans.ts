import { type Context, type Span, SpanKind, SpanStatusCode, type Tracer } from '@opentelemetry/api'
import type { CollectionStartedEvent, Emit, PageEvent, RetryEvent } from '../contracts/events.ts'
import { pageDeltas } from '../run/page-deltas.ts'
import { describe } from '../util/describe.ts'
import { ATTRIBUTE, errorAttributes } from './attributes.ts'

type WalkOutcome = 'completed' | 'failed' | 'retried' | 'restarted' | 'claim_lost' | 'stopped'

export interface WalkSpans {
  readonly handle: Emit
  /** Ends the spans of walks that were stopped on the way. */
  stop(): void
}

interface OpenWalk {
  readonly span: Span
  pages: number
  imported: number
  added: number
}

/**
 * A span for each walk of a collection, from the claim to its end: at most as many are open as collections are walked
 * at once. A walk can take hours and most exporters send a span when it ends, so look at the metrics meanwhile.
 */
export function walkSpans(tracer: Tracer, relay: string, parent: Context): WalkSpans {
  const walks = new Map<string, OpenWalk>()
  const deltaOf = pageDeltas()

  function end(collection: string, outcome: WalkOutcome, error?: unknown): void {
    const walk = walks.get(collection)
    if (walk === undefined) return
    walks.delete(collection)
    const { span, pages, imported, added } = walk
    span.setAttributes({
      [ATTRIBUTE.walkOutcome]: outcome,
      [ATTRIBUTE.pages]: pages,
      [ATTRIBUTE.imported]: imported,
      [ATTRIBUTE.added]: added,
    })
    if (error !== undefined) {
      span.recordException(error instanceof Error ? error : String(error))
      span.setAttributes(errorAttributes(error))
      span.setStatus({ code: SpanStatusCode.ERROR, message: describe(error) })
    }
    span.end()
  }

  function start({ collection, cursor }: CollectionStartedEvent): void {
    const attributes = {
      [ATTRIBUTE.relay]: relay,
      [ATTRIBUTE.collection]: collection,
      [ATTRIBUTE.resumed]: cursor !== undefined,
    }
    const span = tracer.startSpan('backfill collection', { kind: SpanKind.INTERNAL, attributes }, parent)
    walks.set(collection, { span, pages: 0, imported: 0, added: 0 })
  }

  function addPages({ collection, dids, added = 0, completed }: PageEvent, pages: number): void {
    const walk = walks.get(collection)
    if (walk === undefined) return
    walk.pages += pages
    walk.imported += dids.length
    walk.added += added
    if (completed) end(collection, 'completed')
  }

  function addRetry({ collection = '', error, attempt, waitMs }: RetryEvent): void {
    walks.get(collection)?.span.addEvent('retry', {
      ...errorAttributes(error),
      'exception.message': describe(error),
      [ATTRIBUTE.attempt]: attempt,
      [ATTRIBUTE.waitSeconds]: waitMs / 1000,
    })
  }

  return {
    handle(event) {
      const { pages } = deltaOf(event)
      switch (event.type) {
        case 'collectionStarted':
          return start(event)
        case 'retry':
          return addRetry(event)
        case 'page':
          return addPages(event, pages)
        case 'collectionFailed': {
          const { collection, error, retryInMs, restart } = event
          return end(
            collection,
            restart ? 'restarted' : retryInMs === undefined ? 'failed' : 'retried',
            error,
          )
        }
        case 'claimLost':
          return end(event.collection, 'claim_lost', event.error)
      }
    },
    stop() {
      for (const collection of [...walks.keys()]) end(collection, 'stopped')
    },
  }
}
