import { workOf } from '../../monitor/work.ts'
import { collectionRows } from '../../util/scopes.ts'
import { XrpcError } from '../responses.ts'
import type { AdminSettings } from './admin-options.ts'
import { beginRun, type Run, readProgress } from './admin-run.ts'
import { countsOf, isoTime, NOTHING_DONE, prospectsOf, rowOf, workFields } from './admin-status.ts'
import { createEventStream } from './event-stream.ts'
import { createRunView, type RunView } from './run-view.ts'
import type { AdminStatus, AdminTotals } from './wire-types.ts'

/** The runs of one handler, one at a time, and those who watch. */
export interface Runs {
  /** The one under way. */
  readonly current: Run | undefined
  /** The relay of the run under way, or of the last one. */
  readonly relay: string | undefined
  /** Begins one; there must be none. */
  begin(relay: string, keepFailed?: boolean): Run
  /**
   * Has collections worked on that were made pending again: by the run under way, or by one that this begins.
   *
   * @param keepFailed whether others that failed stay so
   * @returns whether it began one
   */
  resume(relay: string, keepFailed: boolean): boolean
  /** Has collections that were registered meanwhile worked on by the run under way, if there is one of that relay. */
  goOnWith(relay: string): void
  /** How things are: from memory while a run is under way, else from the store. */
  status(): Promise<AdminStatus>
  /** Something was changed in the store: takes it over, and tells those who watch. */
  refresh(): Promise<void>
  /** An event stream, from where the viewer was. */
  watch(lastEventId: string | undefined, signal: AbortSignal): Promise<ReadableStream<Uint8Array>>
  readonly viewers: number
  /** Stops the run and ends every stream. */
  close(reason?: unknown): Promise<void>
}

const TOTALS_MS = 1_000

export function createRuns(settings: AdminSettings): Runs {
  const sources = settings.allowed.names ?? null
  let current: Run | undefined
  let view: RunView | undefined
  let isClosed = false

  /** What the store held when it was looked at last, before the first run. */
  let stored: Omit<AdminStatus, 'sources'> = emptyStatus()

  const statusNow = (): AdminStatus => ({ ...(view?.status() ?? stored), sources })
  const stream = createEventStream(statusNow)
  // Also while there is no viewer: one that was away for a moment goes on where it was, with the speeds of meanwhile.
  const publishTotals = () => {
    if (view) stream.event('totals', { ...view.tick(), sources })
  }

  function begin(relay: string, keepFailed = false): Run {
    if (isClosed) throw new XrpcError(503, 'ShuttingDown', 'The server is shutting down')
    const seen = createRunView(relay, stream)
    const run = beginRun(settings, seen, { relay, keepFailed })
    view = seen
    current = run
    const totals = setInterval(publishTotals, TOTALS_MS)
    void run.ended.then(({ outcome, error }) => {
      clearInterval(totals)
      seen.end(outcome, error)
      current = undefined
      publishTotals()
      stream.snapshot()
    })
    void run.ended.then((end) => settings.onEnd({ relay, ...end })).catch(seen.note)
    return run
  }

  /** It may have looked for what is left for the last time before this was made pending. */
  async function resumeAfter(run: Run, keepFailed: boolean): Promise<void> {
    const { outcome } = await run.ended
    const isByItself = outcome === 'complete' || outcome === 'incomplete'
    const { pending } = run.view.monitor.snapshot().collections
    if (isByItself && pending > 0 && current === undefined && !isClosed) begin(run.relay, keepFailed)
  }

  /** What is known is better than nothing where the store does not answer: that may be why the last run failed. */
  async function refreshView(): Promise<void> {
    await view?.refresh(() => readProgress(settings, view?.relay))
  }

  async function status(): Promise<AdminStatus> {
    if (view === undefined) {
      const rows = collectionRows(await readProgress(settings, undefined))
      const at = Date.now()
      const collections = rows.map((row) => rowOf(row, { at, isOurs: false }))
      stored = { ...emptyStatus(), ...countsOf(rows), ...workFields(workOf(rows)), collections }
      return statusNow()
    }
    await (current === undefined ? refreshView() : current.loaded)
    return statusNow()
  }

  return {
    get current() {
      return current
    },
    get relay() {
      return view?.relay
    },
    get viewers() {
      return stream.viewers
    },
    begin,
    resume(relay, keepFailed) {
      if (current === undefined) {
        begin(relay, keepFailed)
        return true
      }
      if (current.relay === relay) void resumeAfter(current, keepFailed)
      return false
    },
    goOnWith(relay) {
      if (current?.relay === relay) void resumeAfter(current, true)
    },
    status,
    async refresh() {
      if (view === undefined) await status()
      else await refreshView()
      stream.snapshot()
    },
    watch: (lastEventId, signal) => stream.watch(lastEventId, status, signal),
    async close(reason) {
      isClosed = true
      current?.stop.abort(reason)
      await current?.ended
      stream.end()
    },
  }
}

/** Before there was a run in this process. */
function emptyStatus(): Omit<AdminStatus, 'sources'> {
  const totals: Omit<AdminTotals, 'sources'> = {
    running: false,
    ...countsOf([]),
    relay: null,
    started_at: null,
    finished_at: null,
    at: isoTime(Date.now()),
    ...workFields(workOf([])),
    ...prospectsOf(undefined),
    ...NOTHING_DONE,
    last_error: null,
    outcome: null,
    error: null,
  }
  return { ...totals, collections: [], failures: [], history: [] }
}
