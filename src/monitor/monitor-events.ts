import type { CollectionFlag, CollectionProgress } from '../contracts/collection-progress.ts'
import type {
  BackfillEvent,
  ClaimHolder,
  CollectionFailedEvent,
  CollectionStartedEvent,
  PageEvent,
} from '../contracts/events.ts'
import { isBackfillError } from '../errors.ts'
import { describe } from '../util/describe.ts'
import { wasCancelled } from '../util/flags.ts'
import { missingText } from '../util/missing-text.ts'
import { changeWork } from './added-work.ts'
import type { MonitorParts } from './monitor-parts.ts'

/** Takes one event of the run into the monitor's state. */
export function takeEvent(parts: MonitorParts, event: BackfillEvent): void {
  const { now, failures, throughput, counts } = parts
  switch (event.type) {
    case 'discovered':
      return changeWork(parts, () => takeCollections(parts, event))
    case 'sourceFailed':
      failures.add({ at: now(), kind: 'source', subject: event.source, message: describe(event.error) })
      return
    case 'indexMissing':
      return changeWork(parts, () => takeMissing(parts, event.collections))
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
      parts.forecast.pause(now(), parts.pause.until)
      return
    }
    case 'collectionStarted':
      return takeStart(parts, event)
    case 'page':
      return takePage(parts, event)
    case 'collectionFailed':
      return changeWork(parts, () => takeFailure(parts, event))
    case 'claimLost':
      return takeLoss(parts, event.collection, event.error)
    case 'waiting':
      return takeHolders(parts, event.holders)
    case 'storeUnavailable':
      return takeOutage(parts, event.waitMs, describe(event.error))
    case 'storeAvailable':
      return takeReturn(parts)
  }
}

function takeCollections(
  { tally }: MonitorParts,
  { collections, keepFailed }: Extract<BackfillEvent, { type: 'discovered' }>,
): void {
  // Once they are registered, every failed collection of the relay is tried again that was not cancelled.
  for (const row of keepFailed ? [] : tally.rows()) {
    if (row.state === 'failed' && !wasCancelled(row))
      tally.change(row.collection, { state: 'pending', attempts: 0 })
  }
  for (const { nsid, estimatedRepos = tally.row(nsid)?.estimatedRepos } of collections) {
    tally.change(nsid, { estimatedRepos })
  }
}

/** They have been reset. */
function takeMissing({ now, tally, failures }: MonitorParts, collections: readonly string[]): void {
  const fresh = { cursor: undefined, pages: 0, invalid: 0, attempts: 0, lastError: undefined, flags: [] }
  for (const collection of collections) {
    const { imported = 0, estimatedRepos = 0 } = tally.row(collection) ?? {}
    const size = Math.max(imported, estimatedRepos)
    const place = { ...fresh, imported: 0, completedAt: undefined, retryInMs: undefined }
    tally.change(collection, { ...place, state: 'pending', ...(size > 0 && { estimatedRepos: size }) })
  }
  failures.add({ at: now(), kind: 'index', message: missingText(collections), retryInMs: 0 })
}

function takeStart(parts: MonitorParts, event: CollectionStartedEvent): void {
  const { now, tally, walks, forecast } = parts
  const { collection, cursor, pages, imported, invalid } = event
  takeReturn(parts)
  parts.begun = true
  tally.change(collection, { state: 'running', cursor, pages, imported, invalid, completedAt: undefined })
  walks.start({ collection, imported, estimatedRepos: tally.row(collection)?.estimatedRepos })
  forecast.begin(collection, now())
}

function takePage(parts: MonitorParts, event: PageEvent): void {
  const { now, tally, walks, counts, throughput, forecast } = parts
  const { collection, cursor, pages, imported, invalid, completed } = event
  takeReturn(parts)
  forecast.read(collection, Math.max(0, pages - (tally.row(collection)?.pages ?? 0)), now())
  const flags = withFlags(tally.row(collection)?.flags, event.flags)
  const place = { cursor, pages, imported, invalid, attempts: 0, lastError: undefined, flags }
  const end = completed ? ({ state: 'complete', completedAt: new Date(now()) } as const) : {}
  tally.change(collection, { ...place, ...end })
  walks.progress(collection, imported, completed)
  if (completed) forecast.end(collection, now())
  counts.added += event.added ?? 0
  throughput.add(now(), { imported: event.dids.length })
}

function takeFailure(
  parts: MonitorParts,
  { collection, error, attempts, retryInMs, restart }: CollectionFailedEvent,
): void {
  const { now, tally, walks, failures, forecast } = parts
  const message = describe(error)
  const again = restart || retryInMs !== undefined
  const fromStart: Partial<CollectionProgress> = restart
    ? { cursor: undefined, pages: 0, imported: 0, invalid: 0 }
    : {}
  const state = again ? 'pending' : 'failed'
  takeReturn(parts)
  const changed = isBackfillError(error, 'CURSORS_CHANGED') ? (['cursorsChanged'] as const) : []
  const flags = withFlags(tally.row(collection)?.flags, changed)
  tally.change(collection, { state, attempts, lastError: message, retryInMs, flags, ...fromStart })
  walks.end(collection)
  forecast.end(collection, now())
  const retry = again ? (retryInMs ?? 0) : undefined
  failures.add({ at: now(), kind: 'collection', subject: collection, message, retryInMs: retry })
}

function takeLoss(parts: MonitorParts, collection: string, error: unknown): void {
  const { now, tally, walks, failures, forecast } = parts
  takeReturn(parts)
  tally.change(collection, { state: 'running' })
  walks.end(collection)
  forecast.end(collection, now())
  failures.add({ at: now(), kind: 'claim-lost', subject: collection, message: describe(error) })
}

function takeHolders(parts: MonitorParts, holders: readonly ClaimHolder[]): void {
  takeReturn(parts)
  const until = parts.now() + Math.max(...holders.map(({ leaseLeftMs }) => leaseLeftMs))
  parts.holders = holders.length === 0 ? undefined : { names: holders.map(({ holder }) => holder), until }
}

function takeOutage(parts: MonitorParts, waitMs: number, message: string): void {
  const { now, failures, forecast } = parts
  const { since = now() } = parts.unavailable ?? {}
  parts.unavailable = { since, until: now() + waitMs, message }
  forecast.setAvailable(false, now())
  failures.add({ at: now(), kind: 'store', message, retryInMs: waitMs })
}

/** The database has answered. */
function takeReturn(parts: MonitorParts): void {
  if (parts.unavailable === undefined) return
  parts.unavailable = undefined
  parts.forecast.setAvailable(true, parts.now())
}

function withFlags(
  known: readonly CollectionFlag[] = [],
  more: readonly CollectionFlag[] = [],
): readonly CollectionFlag[] {
  return [...new Set([...known, ...more])]
}
