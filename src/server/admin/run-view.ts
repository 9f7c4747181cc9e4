import type { BackfillHooks, PageEvent } from '../../contracts/events.ts'
import type { CollectionProgress } from '../../contracts/progress-store.ts'
import { createMonitor } from '../../monitor/monitor.ts'
import type { Monitor } from '../../monitor/snapshot.ts'
import { combineHooks } from '../../run/hooks.ts'
import { countsOf, failureOf, isoTime, plainError, prospectsOf, rowOf, sampleOf } from './admin-status.ts'
import type { LoggedEvent } from './event-log.ts'
import type {
  AdminEvents,
  AdminFailure,
  AdminOutcome,
  AdminRow,
  AdminStatus,
  AdminTotals,
} from './wire-types.ts'

/** Where a picture tells what it sees. */
export interface Publisher {
  event<Name extends LoggedEvent>(name: Name, data: AdminEvents[Name]): void
  /** So much has changed that viewers need everything anew. */
  snapshot(): void
}

/** One run, as it is seen from outside; it stays when the run is over. */
export interface Picture {
  /** The relay. */
  readonly relay: string
  readonly monitor: Monitor
  /** For the backfiller. */
  readonly hooks: BackfillHooks
  page(event: PageEvent): void
  /** For the `onPause` of the lister. */
  paused(context: { relay: string; waitMs: number; error?: unknown }): void
  /** The run is over; its clock stands still. */
  end(outcome: AdminOutcome, error?: unknown): void
  /** Something failed beside the run. */
  note(error: unknown): void
  /** Takes over what the store says; where it does not answer, what is known here stays. */
  refresh(read: () => Promise<readonly CollectionProgress[]>): Promise<void>
  /** Tells those who watch everything anew. */
  renew(): void
  totals(): Omit<AdminTotals, 'sources'>
  status(): Omit<AdminStatus, 'sources'>
}

/** @param relay the relay */
export function createPicture(relay: string, publish: Publisher): Picture {
  let end: { at: number; outcome: AdminOutcome; error: AdminTotals['error'] } | undefined
  let lastError: AdminTotals['last_error'] = null
  /** When collections that failed are tried again, as far as this run knows. */
  const dues = new Map<string, number>()
  const monitor = createMonitor({ relay, now: () => end?.at ?? clock() })

  const rows = () => monitor.collections().map((row) => rowOf(row, dues.get(row.collection)))

  function rowAfter(collection: string): AdminRow {
    const unknown = {
      relay,
      collection,
      state: 'pending',
      pages: 0,
      imported: 0,
      invalid: 0,
      attempts: 0,
    } as const
    return rowOf(monitor.collection(collection) ?? unknown, dues.get(collection))
  }

  function note(error: unknown, collection?: string) {
    const plain = plainError(error)
    lastError = { ...plain, collection: collection ?? null, at: isoTime(clock()) }
    return plain
  }

  function totals(): ReturnType<Picture['totals']> {
    const snapshot = monitor.snapshot()
    return {
      running: end === undefined,
      ...countsOf(monitor.collections()),
      relay,
      started_at: isoTime(snapshot.startedAt),
      finished_at: end ? isoTime(end.at) : null,
      at: isoTime(clock()),
      ...prospectsOf(snapshot, end === undefined),
      last_error: lastError,
      outcome: end?.outcome ?? null,
      error: end?.error ?? null,
    }
  }

  return {
    relay,
    monitor,
    hooks: combineHooks(monitor.hooks, hooksOf({ monitor, publish, dues, rowAfter, note })),
    page({ dids, ...event }) {
      monitor.page({ ...event, dids })
      publish.event('page', { ...event, repos: dids.length, row: rowAfter(event.collection) })
    },
    paused({ error, ...context }) {
      monitor.paused({ ...context, error })
      publish.event('paused', error === undefined ? context : { ...context, error: note(error) })
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
    totals,
    status: () => ({
      ...totals(),
      collections: rows(),
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
  readonly dues: Map<string, number>
  rowAfter(collection: string): AdminRow
  note(error: unknown, collection?: string): AdminFailureError
}

type AdminFailureError = ReturnType<typeof plainError>

/** What the monitor has taken in already is told to those who watch. */
function hooksOf({ monitor, publish, dues, rowAfter, note }: Parts): Required<BackfillHooks> {
  const { event } = publish
  const failure = (): AdminFailure => {
    const last = monitor.snapshot().failures.at(-1)
    if (last === undefined) throw new Error('The monitor was not told of the failure.')
    return failureOf(last)
  }
  return {
    discovered({ collections, sources }) {
      event('discovered', { collections: collections.length, sources })
      publish.snapshot()
    },
    sourceFailed({ name, error }) {
      event('sourceFailed', { name, error: note(error), failure: failure() })
    },
    retry({ error, ...context }) {
      event('retry', { ...context, error: note(error, context.collection) })
    },
    requested({ error, ...context }) {
      const failed = error === undefined ? {} : { error: note(error, context.collection) }
      event('requested', { ...context, ...failed })
    },
    committed: (context) => event('committed', context),
    collectionStarted(context) {
      dues.delete(context.collection)
      event('collectionStarted', { ...context, row: rowAfter(context.collection) })
    },
    collectionCompleted(context) {
      event('collectionCompleted', { ...context, row: rowAfter(context.collection) })
    },
    collectionFailed({ error, ...context }) {
      const { collection, retryInMs } = context
      if (retryInMs !== undefined) dues.set(collection, clock() + retryInMs)
      const told = { error: note(error, collection), failure: failure() }
      event('collectionFailed', { ...context, ...told, row: rowAfter(collection) })
    },
    claimLost({ error, ...context }) {
      const { collection } = context
      const told = { error: note(error, collection), failure: failure() }
      event('claimLost', { ...context, ...told, row: rowAfter(collection) })
    },
    storeUnavailable({ error, ...context }) {
      event('storeUnavailable', { ...context, error: note(error), failure: failure() })
    },
  }
}
