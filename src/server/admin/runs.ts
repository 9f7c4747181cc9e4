import { createEventLog } from './event-log.ts'
import { createEventStream } from './event-stream.ts'
import type { AdminSettings } from './options.ts'
import { createPicture, type Picture, type Publisher } from './picture.ts'
import { beginRun, type Run, readProgress } from './run.ts'
import type { AdminStatus, AdminTotals } from './shapes.ts'
import { countsOf, isoTime, prospectsOf, rowOf } from './status.ts'

/** The runs of one handler, one at a time, and those who watch. */
export interface Runs {
  /** The one under way. */
  readonly current: Run | undefined
  /** The relay of the run under way, or of the last one. */
  readonly source: string | undefined
  /** Begins one; there must be none. */
  begin(source: string): Run
  /**
   * Has collections worked on that were made pending again: by the run under way, or by one that this begins.
   *
   * @returns whether it began one
   */
  resume(source: string): boolean
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
  let picture: Picture | undefined

  const log = createEventLog()
  const statusNow = (): AdminStatus => ({ ...(picture?.status() ?? emptyStatus()), sources })
  const stream = createEventStream(log, statusNow)
  const publish: Publisher = {
    event(name, data) {
      log.append(name, data)
      stream.changed()
    },
    snapshot() {
      log.appendSnapshot()
      stream.changed()
    },
  }
  const publishTotals = () => {
    if (picture && stream.viewers > 0) publish.event('totals', { ...picture.totals(), sources })
  }

  function begin(source: string): Run {
    const seen = createPicture(source, publish)
    const run = beginRun(settings, seen, source)
    picture = seen
    current = run
    publish.snapshot()
    const totals = setInterval(publishTotals, TOTALS_MS)
    void run.ended.then(({ outcome, error }) => {
      clearInterval(totals)
      seen.end(outcome, error)
      current = undefined
      publishTotals()
      publish.snapshot()
    })
    void run.ended.then((end) => settings.onEnd({ source, ...end })).catch(seen.note)
    return run
  }

  async function status(): Promise<AdminStatus> {
    if (current !== undefined) return statusNow()
    if (picture === undefined) {
      const rows = await readProgress(settings, undefined)
      return {
        ...emptyStatus(),
        ...countsOf(rows),
        collections: rows.map((row) => rowOf(row, undefined)),
        sources,
      }
    }
    await refreshPicture()
    return statusNow()
  }

  /** What is known is better than nothing where the store does not answer: that may be why the last run failed. */
  async function refreshPicture(): Promise<void> {
    await picture?.refresh(() => readProgress(settings, picture?.source))
  }

  return {
    get current() {
      return current
    },
    get source() {
      return picture?.source
    },
    begin,
    resume(source) {
      if (current === undefined) return begin(source) !== undefined
      // It may be looking for what is left for the last time just now.
      const run = current
      void run.ended.then(({ outcome }) => {
        const isByItself = outcome === 'complete' || outcome === 'incomplete'
        const { pending } = run.picture.monitor.snapshot().collections
        if (isByItself && pending > 0 && current === undefined) begin(source)
      })
      return false
    },
    status,
    async refresh() {
      await refreshPicture()
      publish.snapshot()
    },
    async watch(lastEventId, signal) {
      const seen = log.seen(lastEventId)
      if (seen !== undefined) return stream.open({ seq: seen }, signal)
      // Events that come while it is made are told after it; they say how things are, not what to add.
      const seq = log.last
      return stream.open({ seq, snapshot: await status() }, signal)
    },
    get viewers() {
      return stream.viewers
    },
    async close(reason) {
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
    source: null,
    started_at: null,
    finished_at: null,
    at: isoTime(Date.now()),
    ...prospectsOf(undefined, false),
    last_error: null,
    outcome: null,
    error: null,
  }
  return { ...totals, collections: [], failures: [], history: [] }
}
