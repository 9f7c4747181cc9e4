import { type Context, type Span, SpanKind, SpanStatusCode, type Tracer } from '@opentelemetry/api'
import type { BackfillHooks } from '../contracts/events.ts'
import { describe } from '../errors.ts'
import { ATTRIBUTE, errorAttributes } from './attributes.ts'

type WalkOutcome = 'completed' | 'failed' | 'given_up' | 'restarted' | 'claim_lost' | 'stopped'

export interface WalkSpans {
  readonly hooks: BackfillHooks
  /** Ends the spans of walks that were stopped on the way. */
  stop(): void
}

interface OpenWalk {
  readonly span: Span
  pages: number
  dids: number
  pairs: number
}

/**
 * A span for each walk of a collection, from the claim to its end: at most as many are open as collections are walked
 * at once. A walk can take hours and most exporters send a span when it ends, so look at the metrics meanwhile.
 */
export function walkSpans(tracer: Tracer, relay: string, parent: Context): WalkSpans {
  const walks = new Map<string, OpenWalk>()

  function end(collection: string, outcome: WalkOutcome, error?: unknown): void {
    const walk = walks.get(collection)
    if (walk === undefined) return
    walks.delete(collection)
    const { span, pages, dids, pairs } = walk
    span.setAttributes({
      [ATTRIBUTE.walkOutcome]: outcome,
      [ATTRIBUTE.pages]: pages,
      [ATTRIBUTE.dids]: dids,
      [ATTRIBUTE.pairs]: pairs,
    })
    if (error !== undefined) {
      span.recordException(error instanceof Error ? error : String(error))
      span.setAttributes(errorAttributes(error))
      span.setStatus({ code: SpanStatusCode.ERROR, message: describe(error) })
    }
    span.end()
  }

  return {
    hooks: {
      collectionStarted({ collection, cursor }) {
        const attributes = {
          [ATTRIBUTE.source]: relay,
          [ATTRIBUTE.collection]: collection,
          [ATTRIBUTE.resumed]: cursor !== undefined,
        }
        const span = tracer.startSpan('backfill collection', { kind: SpanKind.INTERNAL, attributes }, parent)
        walks.set(collection, { span, pages: 0, dids: 0, pairs: 0 })
      },
      retry({ collection = '', error, attempt, waitMs }) {
        walks.get(collection)?.span.addEvent('retry', {
          ...errorAttributes(error),
          'exception.message': describe(error),
          [ATTRIBUTE.attempt]: attempt,
          [ATTRIBUTE.waitSeconds]: waitMs / 1000,
        })
      },
      committed({ collection, pages, dids, added }) {
        const walk = walks.get(collection)
        if (walk === undefined) return
        walk.pages += pages
        walk.dids += dids
        walk.pairs += added
      },
      collectionCompleted: ({ collection }) => end(collection, 'completed'),
      collectionFailed({ collection, error, retryInMs, restart }) {
        const outcome = restart ? 'restarted' : retryInMs === undefined ? 'given_up' : 'failed'
        end(collection, outcome, error)
      },
      claimLost: ({ collection, error }) => end(collection, 'claim_lost', error),
    },
    stop() {
      for (const collection of [...walks.keys()]) end(collection, 'stopped')
    },
  }
}
