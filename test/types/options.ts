import {
  type Backfiller,
  type BackfillOptions,
  type BackfillStore,
  createBackfiller,
  lexiconGarden,
  memoryStore,
  relayLister,
} from 'atproto-collection-backfill'
import { openPostgres } from 'atproto-collection-backfill/postgres'

const relay = 'relay.example'
const store = memoryStore()

/** A string is enough where a string says it; every contract can be given instead, and several of them. */
export const right: readonly BackfillOptions[] = [
  { relay, store },
  { relay: relayLister(relay, { pageSize: 1_000 }), store, collections: ['app.bsky.*', lexiconGarden()] },
  { relay: [relay, relayLister('other.example')], store: { sink: store.sink, progress: store.progress } },
  { relay, store, refreshBefore: new Date(0), signal: new AbortController().signal },
  // What a program has not decided is as good as left out.
  { relay, store, concurrency: undefined, signal: undefined, onEvent: undefined, collections: undefined },
]

export const wrong: readonly BackfillOptions[] = [
  // @ts-expect-error: something has to be read
  { store },
  // @ts-expect-error: something has to be written
  { relay },
  // @ts-expect-error: a store keeps progress too
  { relay, store: { sink: store.sink } },
  // @ts-expect-error: a URL is given as a string
  { relay: new URL('https://relay.example'), store },
  // @ts-expect-error: several collections are a list
  { relay, store, collections: 'app.bsky.feed.post' },
  // @ts-expect-error: milliseconds are a number
  { relay, store, leaseMs: '60s' },
  // @ts-expect-error: there is no option of this name
  { relay, store, hooks: {} },
]

/** What an event is, a listener in the options knows. */
export function inferred(): Backfiller {
  return createBackfiller({
    relay,
    store,
    onEvent(event) {
      if (event.type === 'retry') return event.waitMs
      // @ts-expect-error: only some events have a wait
      return event.waitMs
    },
  })
}

/** What opens a store gives what the options take. */
export async function opened(): Promise<BackfillStore> {
  const postgres = await openPostgres('postgres://localhost/relay')
  createBackfiller({ relay, store: postgres })
  await postgres.close()
  return postgres
}
