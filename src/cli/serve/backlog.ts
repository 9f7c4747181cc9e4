import type { CollectionProgress } from '../../contracts/collection-progress.ts'
import type { ProgressStore, RegisterOptions } from '../../contracts/progress-store.ts'
import { isBackfillError } from '../../errors.ts'
import type { AdminRunEnd } from '../../server/admin/admin-run.ts'
import { apartFromCancelled, wasCancelled } from '../../util/flags.ts'
import { isRefreshed } from '../../util/refreshed.ts'

/** What is read again that is there. */
export type Refresh = Pick<RegisterOptions, 'refreshAfterMs' | 'refreshBefore'>

/** What the backlog of one relay needs. */
export interface BacklogParts {
  /** {@link RepoLister.relay} */
  readonly relay: string
  readonly progress: Pick<ProgressStore, 'list'>
  /** What is complete for longer than this is read again, in milliseconds. */
  readonly refreshMs: number
  /**
   * Resolves once the feed is followed, with the moment since when that is: pages that were read before may lack what came
   * in between. Nothing where no feed is followed.
   */
  readonly followedSince: (signal: AbortSignal) => Promise<Date | undefined>
  /** Runs a backfill to its end, which reads again what that says. */
  readonly run: (refresh: Refresh) => Promise<AdminRunEnd>
  /** What the store holds, each time that it was looked at. */
  readonly onLook: (rows: readonly CollectionProgress[]) => void
}

/** How often is looked whether there is something to do, in milliseconds: another process may have begun a run. */
const LOOK_MS = 60_000
/** The pauses after runs that did not complete, in milliseconds: each further one is twice as long. */
const PAUSE_MS = { least: 5_000, most: 6 * 3_600_000 }

/**
 * Imports the backlog of a relay at the first call, and at later ones where it has become old. When that is stands in the
 * rows, so several processes on one database have one timer, and a restart reads nothing again that is there.
 *
 * @returns a function that gives how long until it is to be called again, in milliseconds
 */
export function createBacklog(parts: BacklogParts): (signal: AbortSignal) => Promise<number> {
  const { relay, refreshMs } = parts
  const lookMs = Math.min(LOOK_MS, refreshMs)
  let isFirst = true
  let incomplete = 0
  return async (signal) => {
    const since = await parts.followedSince(signal)
    const rows = await parts.progress.list({ relay })
    parts.onLook(rows)
    const isDue = rows.some((row) => isOpen(row, { refreshAfterMs: refreshMs, refreshBefore: since }))
    if (!isFirst && !isDue) return lookMs
    // One pass takes up what becomes old while it lasts, and no other process begins a second one then.
    const refreshAfterMs = isDue ? refreshMs / 2 : refreshMs
    const end = await parts.run({ refreshAfterMs, refreshBefore: since })
    const { outcome } = end
    signal.throwIfAborted()
    if (outcome !== 'failed') isFirst = false
    // What an operator has stopped is not begun again by a timer of minutes.
    if (outcome === 'stopped') return refreshMs
    incomplete = isDone(end) ? 0 : incomplete + 1
    return incomplete === 0 ? lookMs : Math.min(PAUSE_MS.least * 2 ** (incomplete - 1), PAUSE_MS.most)
  }
}

/** Whether a run left nothing that a later one would read. */
function isDone({ outcome, error }: AdminRunEnd): boolean {
  if (!isBackfillError(error, 'INCOMPLETE')) return outcome === 'complete'
  return error.relays.length + apartFromCancelled(error.failures).failed.length === 0
}

/** Whether a collection is to be read: it is not complete, is too old, or may lack what a gap in the feed took. */
function isOpen(row: CollectionProgress, refresh: Refresh): boolean {
  return !wasCancelled(row) && (row.state !== 'complete' || isRefreshed(row, refresh))
}

/**
 * How far the backlog of a relay is: `waiting` for its first run, or for work that is left; `incomplete` where nothing is
 * left to do but collections have failed.
 */
export function backlogState(rows: readonly CollectionProgress[]): 'waiting' | 'incomplete' | 'complete' {
  const wanted = rows.filter((row) => !wasCancelled(row))
  if (rows.length === 0 || wanted.some(({ state }) => state === 'pending' || state === 'running'))
    return 'waiting'
  return wanted.every(({ state }) => state === 'complete') ? 'complete' : 'incomplete'
}
