import {
  type BackfillEvent,
  type Backfiller,
  type BackfillListener,
  type BackfillStatus,
  type BackfillSummary,
  type CollectionState,
  createMonitor,
  type PageEvent,
} from 'atproto-collection-backfill'
import { assertType, type Same } from './assert-type.ts'

/** The loop yields page events, and its end is the summary. */
export async function theLoop(backfiller: Backfiller): Promise<void> {
  for await (const page of backfiller) {
    assertType<Same<typeof page, PageEvent>>()
    assertType<Same<typeof page.added, number | undefined>>()
    assertType<Same<typeof page.cursor, string | undefined>>()
    // @ts-expect-error: what a page lists belongs to the library
    page.dids.push('did:web:a.example')
    // @ts-expect-error: an entry is a DID and nothing else
    page.dids[0]?.nsid
  }
  assertType<Same<Awaited<ReturnType<Backfiller['run']>>, BackfillSummary>>()
  assertType<Same<Awaited<ReturnType<Backfiller['status']>>, BackfillStatus>>()
  const next = await backfiller.next()
  if (next.done) assertType<Same<typeof next.value, BackfillSummary>>()
  else assertType<Same<typeof next.value, PageEvent>>()
}

/** `type` tells the events apart, and a switch over it can be known to be whole. */
export function sentence(event: BackfillEvent): string {
  switch (event.type) {
    case 'page':
      assertType<Same<typeof event, PageEvent>>()
      return `${event.collection}: ${event.imported}`
    case 'discovered':
      return `${event.collections.length} from ${event.sources.map(({ name }) => name).join()}`
    case 'sourceFailed':
      return `${event.source} failed`
    case 'indexMissing':
      return `${event.collections.join()} are gone from the index`
    case 'requested':
      return `${event.repos ?? 0} in ${event.durationMs} ms`
    case 'retry':
      return `${event.collection ?? event.source ?? event.relay} again in ${event.waitMs} ms`
    case 'paused':
      return `${event.relay} pauses for ${event.waitMs} ms`
    case 'collectionStarted':
      return `${event.collection} from page ${event.pages}`
    case 'collectionFailed':
      return `${event.collection} failed ${event.attempts} times`
    case 'claimLost':
      return `${event.collection} was taken over`
    case 'waiting':
      return `${event.holders.map(({ holder }) => holder).join()} hold what is left`
    case 'storeUnavailable':
      return `try ${event.attempt} of the store failed`
    case 'storeAvailable':
      return `the store was away for ${event.unavailableMs} ms`
    case 'relayFailed':
      return `${event.relay} failed`
    default:
      return unknownEvent(event)
  }
}

function unknownEvent(event: never): never {
  throw new Error(`not an event: ${JSON.stringify(event)}`)
}

export function aTypo(event: BackfillEvent): boolean {
  // @ts-expect-error: there is no event of this name
  return event.type === 'pages'
}

export function aFieldOfOne(event: BackfillEvent): unknown {
  // @ts-expect-error: not every event concerns a collection
  return event.collection
}

/** What listens is a plain function: also one that answers something, and one that is async. */
export const listeners: readonly BackfillListener[] = [
  createMonitor({ relay: 'relay.example' }).handle,
  (event) => console.log(event.type),
  async (event) => event.relay,
  // @ts-expect-error: a listener gets the event, and nothing beside it
  (_event: BackfillEvent, collection: string) => collection,
]

export function states(state: CollectionState): boolean {
  assertType<Same<CollectionState, 'pending' | 'running' | 'failed' | 'complete'>>()
  return state === 'complete'
}
