import { endsRun } from '../run/failure-policy.ts'
import type { CompareRelaysParts } from './compare-parts.ts'
import { digestRelays } from './digest-relays.ts'
import { type RelayListParts, relayPages } from './lists.ts'
import { mergeRelays } from './merge-relays.ts'
import { type ComparedRelays, RelayListError } from './relay-side.ts'

/** What several relays list of one collection, compared. */
export interface RelayComparison {
  readonly collection: string
  /** Absent when one of the lists could not be read to its end: what it lacks would pass for a difference. */
  readonly compared?: ComparedRelays | undefined
  /** The relay whose list could not be read, and why. */
  readonly failed?: { readonly relay: string; readonly error: unknown } | undefined
  readonly durationMs: number
}

export interface RelayCount {
  readonly relay: string
  /** DIDs on the list, repeats included. Absent where it could not be read to its end. */
  readonly listed?: number | undefined
  readonly error?: unknown
}

/**
 * Compares what relays list, a collection a call. Lists in the order of their DIDs are merged in the memory of some
 * pages; once one of them turns out not to be in order, all are compared by digests from then on, as `verify`
 * does.
 */
export function relayComparer(parts: CompareRelaysParts): (collection: string) => Promise<RelayComparison> {
  let isMerged = true
  const compare = async (collection: string): Promise<ComparedRelays> => {
    const merged = isMerged ? await mergeRelays(collection, parts) : undefined
    if (merged !== undefined) return merged
    // The order is a matter of the relay's software: no other collection needs to find that out again.
    isMerged = false
    return digestRelays(collection, parts)
  }
  return async (collection) => {
    const startedAt = performance.now()
    const took = () => Math.round(performance.now() - startedAt)
    try {
      return { collection, compared: await compare(collection), durationMs: took() }
    } catch (error) {
      // An abort is the caller's decision, not a failure of a relay.
      parts.signal.throwIfAborted()
      if (!(error instanceof RelayListError) || endsRun(error.cause)) throw causeOf(error)
      return { collection, failed: { relay: error.relay, error: error.cause }, durationMs: took() }
    }
  }
}

/** Counts what each relay lists of a collection, side by side, keeping nothing. One that fails stops no other. */
export async function countRelays(collection: string, parts: RelayListParts): Promise<RelayCount[]> {
  return Promise.all(
    parts.listers.map(async (lister): Promise<RelayCount> => {
      const { relay } = lister
      let listed = 0
      try {
        for await (const dids of relayPages(collection, { ...parts, listers: [lister] }))
          listed += dids.length
        return { relay, listed }
      } catch (error) {
        parts.signal.throwIfAborted()
        if (endsRun(error)) throw error
        return { relay, error }
      }
    }),
  )
}

function causeOf(error: unknown): unknown {
  return error instanceof RelayListError ? error.cause : error
}
