import type { BackfillEvent, CollectionProgress, Monitor, PageEvent } from '../../src/index.ts'
import { createMonitor } from '../../src/index.ts'

export const SOURCE = 'relay.example'

/** A monitor on a clock that moves when it is told to. */
export function onClock(): { monitor: Monitor; pass(ms: number): void } {
  let time = 1_000_000
  const monitor = createMonitor({ relay: SOURCE, now: () => time })
  return {
    monitor,
    pass(ms) {
      time += ms
    },
  }
}

export function row(collection: string, fields: Partial<CollectionProgress> = {}): CollectionProgress {
  const fresh = { state: 'pending', pages: 0, imported: 0, invalid: 0, attempts: 0, flags: [] } as const
  return { relay: SOURCE, collection, ...fresh, ...fields }
}

/** A page that brings `dids` DIDs and comes to `imported`. */
export function page(
  collection: string,
  imported: number,
  { dids = 0, ...fields }: Partial<Omit<PageEvent, 'dids'>> & { dids?: number } = {},
): PageEvent {
  const given = Array.from({ length: dids }, (_, i) => `did:web:n${i}.example`)
  const event = { relay: SOURCE, collection, added: 0, invalid: 0, pages: 1, completed: false, durationMs: 1 }
  return { type: 'page', ...event, imported, dids: given, ...fields }
}

type EventOf<Type extends BackfillEvent['type']> = Extract<BackfillEvent, { type: Type }>

export function started(collection: string, imported = 0, pages = 0): EventOf<'collectionStarted'> {
  return { type: 'collectionStarted', relay: SOURCE, collection, pages, imported, invalid: 0 }
}

export function failed(collection: string, error: unknown, retryInMs?: number): EventOf<'collectionFailed'> {
  return {
    type: 'collectionFailed',
    relay: SOURCE,
    collection,
    error,
    attempts: 1,
    retryInMs,
    restart: false,
  }
}

export function known(...collections: [nsid: string, estimatedRepos?: number][]): EventOf<'discovered'> {
  return {
    type: 'discovered',
    relay: SOURCE,
    collections: collections.map(([nsid, estimatedRepos]) => ({ nsid, estimatedRepos })),
    sources: [],
  }
}
