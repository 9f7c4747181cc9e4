import type { BackfillEvent, CollectionFailedEvent, PageEvent } from '../contracts/events.ts'
import type { CollectionProgress } from '../contracts/progress-store.ts'
import { describe } from '../util/describe.ts'
import type { MonitorParts } from './monitor-parts.ts'

/** Takes one event of the run into the monitor's state. */
export function takeEvent(parts: MonitorParts, event: BackfillEvent): void {
  const { now, tally, failures, throughput, counts, walks } = parts
  switch (event.type) {
    case 'discovered':
      return takeCollections(parts, event.collections)
    case 'sourceFailed':
      failures.add({ at: now(), kind: 'source', subject: event.source, message: describe(event.error) })
      return
    case 'requested':
      counts.requests += 1
      if (event.error !== undefined) counts.failedRequests += 1
      throughput.add(now(), { requests: 1 })
      return
    case 'retry': {
      const { relay, source = relay, collection = source, attempt, waitMs, error } = event
      counts.retries += 1
      parts.lastRetry = { at: now(), subject: collection, message: describe(error), attempt, waitMs }
      return
    }
    case 'paused': {
      const message = event.error === undefined ? undefined : describe(event.error)
      counts.pauses += 1
      parts.pause = { until: now() + event.waitMs, message }
      return
    }
    case 'collectionStarted': {
      const { collection, cursor, pages, imported, invalid } = event
      parts.begun = true
      tally.change(collection, { state: 'running', cursor, pages, imported, invalid, completedAt: undefined })
      walks.start({ collection, imported, estimatedRepos: tally.row(collection)?.estimatedRepos })
      return
    }
    case 'page':
      return takePage(parts, event)
    case 'collectionFailed':
      return takeFailure(parts, event)
    case 'claimLost':
      tally.change(event.collection, { state: 'running' })
      walks.end(event.collection)
      failures.add({
        at: now(),
        kind: 'claim-lost',
        subject: event.collection,
        message: describe(event.error),
      })
      return
    case 'storeUnavailable':
      failures.add({
        at: now(),
        kind: 'store',
        message: describe(event.error),
        retryInMs: event.waitMs,
      })
  }
}

function takeCollections(
  { tally }: MonitorParts,
  collections: Extract<BackfillEvent, { type: 'discovered' }>['collections'],
): void {
  // Once they are registered, every failed collection of the relay is tried again.
  for (const { collection, state } of tally.rows()) {
    if (state === 'failed') tally.change(collection, { state: 'pending', attempts: 0 })
  }
  for (const { nsid, estimatedRepos = tally.row(nsid)?.estimatedRepos } of collections) {
    tally.change(nsid, { estimatedRepos })
  }
}

function takePage({ now, tally, walks, counts, throughput }: MonitorParts, event: PageEvent): void {
  const { collection, cursor, pages, imported, invalid, completed } = event
  const before = tally.workDone
  const place = { cursor, pages, imported, invalid, attempts: 0, lastError: undefined }
  const end = completed ? ({ state: 'complete', completedAt: new Date(now()) } as const) : {}
  tally.change(collection, { ...place, ...end })
  walks.progress(collection, imported, completed)
  counts.added += event.added ?? 0
  throughput.add(now(), { pairs: event.dids.length, work: tally.workDone - before })
}

function takeFailure(
  { now, tally, walks, failures }: MonitorParts,
  { collection, error, attempts, retryInMs, restart }: CollectionFailedEvent,
): void {
  const message = describe(error)
  const again = restart || retryInMs !== undefined
  const fromStart: Partial<CollectionProgress> = restart
    ? { cursor: undefined, pages: 0, imported: 0, invalid: 0 }
    : {}
  const state = again ? 'pending' : 'failed'
  tally.change(collection, { state, attempts, lastError: message, ...fromStart })
  walks.end(collection)
  const retry = again ? (retryInMs ?? 0) : undefined
  failures.add({ at: now(), kind: 'collection', subject: collection, message, retryInMs: retry })
}
