import type { CollectionProgress } from '../../contracts/collection-progress.ts'
import type { BackfillEvent, PageEvent } from '../../contracts/events.ts'
import { InvalidOptionError, isBackfillError, StoreUnavailableError } from '../../errors.ts'
import { keepFresh } from '../../monitor/keep-fresh.ts'
import { abortable, withDeadline } from '../../util/abort.ts'
import type { AdminRunContext, AdminSettings } from './admin-options.ts'
import type { RunView } from './run-view.ts'
import type { AdminOutcome } from './wire-types.ts'

/** A run that was begun, and how it comes to its end. */
export interface Run {
  readonly relay: string
  readonly view: RunView
  /** Aborts when the run is to stop. */
  readonly stop: AbortController
  /** Resolves once it was asked what the store knows, or the run is over. */
  readonly loaded: Promise<void>
  /** Resolves once the collections are known, or the run is over before that. */
  readonly known: Promise<void>
  /** Resolves once it is over and its claims are released; never rejects. */
  readonly ended: Promise<AdminRunEnd>
}

/** How a run ended. */
export interface AdminRunEnd {
  readonly outcome: AdminOutcome
  /** What it failed with. Absent for one that is complete, and for one that was stopped. */
  readonly error?: unknown
}

/** How long the store may take to tell how far the work is, in milliseconds, before that is done without. */
const READ_MS = 10_000

/** What the store says. @throws StoreUnavailableError and what else it rejects with */
export function readProgress(
  { progress }: Pick<AdminSettings, 'progress'>,
  relay: string | undefined,
): Promise<CollectionProgress[]> {
  const late = () =>
    new StoreUnavailableError(`The progress store did not answer within ${READ_MS / 1000} s.`)
  return withDeadline(progress.list({ relay }), READ_MS, late)
}

/** Begins a run in the background. Whatever goes wrong with it, its end tells. */
export function beginRun(
  settings: AdminSettings,
  view: RunView,
  { relay, keepFailed }: Pick<AdminRunContext, 'relay' | 'keepFailed'>,
): Run {
  const stop = new AbortController()
  const loaded = Promise.withResolvers<void>()
  const known = Promise.withResolvers<void>()
  const parts = { relay, keepFailed, view, stop, loaded: loaded.resolve, known: known.resolve }
  const ended = runToEnd(settings, parts)
    // What goes wrong before there is anything to follow.
    .catch((error: unknown) => endOf(error, stop.signal))
  void ended.then(() => {
    loaded.resolve()
    known.resolve()
  })
  return { relay, view, stop, loaded: loaded.promise, known: known.promise, ended }
}

function endOf(error: unknown, signal: AbortSignal): AdminRunEnd {
  // An abort is the operator's decision, not a failure of the run.
  if (signal.aborted) return { outcome: 'stopped' }
  return { outcome: isBackfillError(error, 'INCOMPLETE') ? 'incomplete' : 'failed', error }
}

interface RunParts {
  readonly relay: string
  readonly keepFailed: boolean
  readonly view: RunView
  readonly stop: AbortController
  readonly loaded: () => void
  readonly known: () => void
}

async function runToEnd(
  settings: AdminSettings,
  { relay, keepFailed, view, stop: { signal }, loaded, known }: RunParts,
): Promise<AdminRunEnd> {
  const { monitor } = view
  const read = () => readProgress(settings, relay)
  await abortable(monitor.refresh(read), signal).catch((error: unknown) => {
    signal.throwIfAborted()
    // The run itself asks a store that is down until it answers.
    if (!isBackfillError(error, 'STORE_UNAVAILABLE')) throw error
    view.note(error)
  })
  loaded()
  view.renew()
  const onEvent = (event: BackfillEvent) => {
    view.handle(event)
    if (event.type === 'discovered') known()
  }
  const backfiller = await abortable(make(settings, { relay, signal, onEvent, keepFailed }), signal)
  const stopRefreshing = keepFresh(monitor, read)
  try {
    await drain(backfiller, signal)
    // Decided before the last look at the store: a request to stop during that look stops nothing any more.
    return { outcome: signal.aborted ? 'stopped' : 'complete' }
  } catch (error) {
    return endOf(error, signal)
  } finally {
    stopRefreshing()
    await view.refresh(read)
  }
}

async function make(
  { backfill }: AdminSettings,
  context: Parameters<AdminSettings['backfill']>[0],
): Promise<AsyncIterable<PageEvent>> {
  const backfiller = await backfill(context)
  const isIterable =
    typeof backfiller === 'object' && backfiller !== null && Symbol.asyncIterator in backfiller
  if (isIterable) return backfiller
  throw new InvalidOptionError('backfill', 'a function that returns createBackfiller({ … })', backfiller)
}

/** Runs to the end. It is left when the run is to stop, also where the backfiller was not given the signal. */
async function drain(backfiller: AsyncIterable<PageEvent>, signal: AbortSignal): Promise<void> {
  const pages = backfiller[Symbol.asyncIterator]()
  const done = new AbortController()
  const leave = () => {
    pages.return?.().catch(() => {})
  }
  signal.throwIfAborted()
  signal.addEventListener('abort', leave, { once: true, signal: done.signal })
  try {
    while (!(await pages.next()).done);
  } finally {
    done.abort()
  }
}
