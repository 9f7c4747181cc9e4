import type { CollectionProgress } from '../../contracts/collection-progress.ts'
import type { BackfillEvent } from '../../contracts/events.ts'
import { createMonitor } from '../../monitor/monitor.ts'
import type { Monitor } from '../../monitor/snapshot.ts'
import {
  countsOf,
  failureOf,
  isoTime,
  plainError,
  prospectsOf,
  rowOf,
  sampleOf,
  workFields,
} from './admin-status.ts'
import type { LoggedEvent } from './event-log.ts'
import type {
  AdminError,
  AdminEvents,
  AdminFailure,
  AdminOutcome,
  AdminRow,
  AdminStatus,
  AdminTick,
  AdminTotals,
} from './wire-types.ts'

/** Where a view of a run tells what it sees. */
export interface Publisher {
  event<Name extends LoggedEvent>(name: Name, data: AdminEvents[Name]): void
  /** So much has changed that viewers need everything anew. */
  snapshot(): void
}

/** One run, as it is seen from outside; it stays when the run is over. */
export interface RunView {
  /** The relay. */
  readonly relay: string
  readonly monitor: Monitor
  /** Takes an event of the run: for the `onEvent` of its backfiller. */
  handle(event: BackfillEvent): void
  /** The run is over; its clock stands still. */
  end(outcome: AdminOutcome, error?: unknown): void
  /** Something failed beside the run. */
  note(error: unknown): void
  /** Takes over what the store says; where it does not answer, what is known here stays. */
  refresh(read: () => Promise<readonly CollectionProgress[]>): Promise<void>
  /** Tells those who watch everything anew. */
  renew(): void
  tick(): Omit<AdminTick, 'sources'>
  status(): Omit<AdminStatus, 'sources'>
}

/** So many seconds of the curve may come late, one is told each second, and the last one is not over. */
const LATEST = 5

/** @param relay the relay */
export function createRunView(relay: string, publish: Publisher): RunView {
  let end: { at: number; outcome: AdminOutcome; error: AdminTotals['error'] } | undefined
  let lastError: AdminTotals['last_error'] = null
  let imported = 0
  /** The collections that this run reads. */
  const ours = new Set<string>()
  const monitor = createMonitor({ relay, now: () => end?.at ?? clock() })

  const wireRow = (row: CollectionProgress) =>
    rowOf(row, { at: clock(), isOurs: end === undefined && ours.has(row.collection) })

  function rowAfter(collection: string): AdminRow {
    const unknown = {
      relay,
      collection,
      state: 'pending',
      pages: 0,
      imported: 0,
      invalid: 0,
      attempts: 0,
      flags: [],
    } as const
    return wireRow(monitor.collection(collection) ?? unknown)
  }

  function note(error: unknown, collection?: string) {
    const plain = plainError(error)
    lastError = { ...plain, collection: collection ?? null, at: isoTime(clock()) }
    return plain
  }

  function totals(): Omit<AdminTotals, 'sources'> {
    const snapshot = monitor.snapshot()
    return {
      running: end === undefined,
      ...countsOf(monitor.collections()),
      relay,
      started_at: isoTime(snapshot.startedAt),
      finished_at: end ? isoTime(end.at) : null,
      at: isoTime(clock()),
      ...workFields(snapshot.work),
      ...prospectsOf(end === undefined ? snapshot : undefined),
      run_imported: imported,
      run_added: snapshot.added,
      run_requests: snapshot.requests,
      last_error: lastError,
      outcome: end?.outcome ?? null,
      error: end?.error ?? null,
    }
  }

  return {
    relay,
    monitor,
    handle(event) {
      monitor.handle(event)
      if (event.type === 'page') imported += event.dids.length
      if (event.type === 'collectionStarted') ours.add(event.collection)
      if (event.type === 'collectionFailed' || event.type === 'claimLost') ours.delete(event.collection)
      publishEvent(event, { monitor, publish, rowAfter, note })
    },
    end(outcome, error) {
      const at = clock()
      if (outcome === 'failed') note(error)
      end = { at, outcome, error: error === undefined ? null : plainError(error) }
    },
    note,
    refresh: (read) =>
      monitor
        .refresh(read)
        .catch(note)
        .then(() => {}),
    renew: () => publish.snapshot(),
    tick: () => ({ ...totals(), latest: monitor.history().slice(-LATEST).map(sampleOf) }),
    status: () => ({
      ...totals(),
      collections: monitor.collections().map(wireRow),
      failures: monitor.snapshot().failures.map(failureOf),
      history: monitor.history().map(sampleOf),
    }),
  }
}

/** The time since 1970, in milliseconds, on a clock that never jumps. */
function clock(): number {
  return performance.timeOrigin + performance.now()
}

interface Parts {
  readonly monitor: Monitor
  readonly publish: Publisher
  rowAfter(collection: string): AdminRow
  note(error: unknown, collection?: string): AdminError
}

/** Tells viewers of an event that the monitor has taken in already. */
function publishEvent(event: BackfillEvent, { monitor, publish, rowAfter, note }: Parts): void {
  const failure = (): AdminFailure => {
    const last = monitor.snapshot().failures.at(-1)
    if (last === undefined) throw new Error('The monitor was not told of the failure.')
    return failureOf(last)
  }
  switch (event.type) {
    case 'discovered': {
      const { relay, collections, sources, invalidNames } = event
      publish.event('discovered', { relay, collections: collections.length, sources, invalidNames })
      return publish.snapshot()
    }
    case 'indexMissing': {
      const { type, ...told } = event
      publish.event(type, { ...told, failure: failure() })
      return publish.snapshot()
    }
    case 'page': {
      const { type, dids, ...told } = event
      return publish.event(type, { ...told, repos: dids.length, row: rowAfter(told.collection) })
    }
    case 'requested':
    case 'paused': {
      const { type, error, ...told } = event
      const collection = 'collection' in told ? told.collection : undefined
      return publish.event(type, {
        ...told,
        ...(error === undefined ? {} : { error: note(error, collection) }),
      })
    }
    case 'retry': {
      const { type, error, ...told } = event
      return publish.event(type, { ...told, error: note(error, told.collection) })
    }
    case 'sourceFailed':
    case 'storeUnavailable': {
      const { type, error, ...told } = event
      return publish.event(type, { ...told, error: note(error), failure: failure() })
    }
    case 'waiting': {
      const { type, ...told } = event
      return publish.event(type, told)
    }
    case 'storeAvailable': {
      const { type, ...told } = event
      return publish.event(type, told)
    }
    case 'collectionStarted': {
      const { type, ...told } = event
      return publish.event(type, { ...told, row: rowAfter(told.collection) })
    }
    case 'collectionFailed':
    case 'claimLost': {
      const { type, error, ...told } = event
      const { collection } = told
      const what = { error: note(error, collection), failure: failure(), row: rowAfter(collection) }
      return publish.event(type, { ...told, ...what })
    }
  }
}
