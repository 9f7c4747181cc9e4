import type { CollectionProgress, ProgressStore } from '../../contracts/progress-store.ts'
import type { AdminRunEnd } from '../../server/admin/admin-run.ts'
import { sleep } from '../../util/abort.ts'

/** What the backlog of one relay needs. */
export interface BacklogParts {
  /** {@link RepoLister.relay} */
  readonly relay: string
  readonly progress: Pick<ProgressStore, 'list'>
  /** What is complete for longer than this is read again, in milliseconds. */
  readonly refreshMs: number
  /** Resolves once the feed is followed: what was complete before that moment may lack what came in between. */
  readonly followedSince: (signal: AbortSignal) => Promise<Date | undefined>
  /** Runs a backfill to its end. */
  readonly run: (options: BacklogRun) => Promise<AdminRunEnd>
  /** What the store holds, each time that it was looked at. */
  readonly onLook: (rows: readonly CollectionProgress[]) => void
}

/** What is read again. */
export interface BacklogRun {
  readonly refreshAfterMs: number
  readonly refreshBefore: Date | undefined
}

/** How often is looked whether there is something to do, in milliseconds: another process may have begun a run. */
const LOOK_MS = 60_000
/** After a run that did not complete, in milliseconds; after each further one twice as long. */
const RETRY_MS = { least: 60_000, most: 6 * 3_600_000 }

/**
 * Imports the backlog of a relay, and again when it has become old, until the signal aborts. When that is stands in the
 * rows: so several processes on one database have one timer, and a restart reads nothing again.
 */
export async function keepBacklog(parts: BacklogParts, signal: AbortSignal): Promise<void> {
  let incomplete = 0
  for (let first = true; ; first = false) {
    const since = await parts.followedSince(signal)
    const rows = await parts.progress.list({ relay: parts.relay })
    parts.onLook(rows)
    const isOld = isDue(rows, since, parts.refreshMs)
    if (!first && !isOld) {
      await sleep(Math.min(LOOK_MS, parts.refreshMs), signal)
      continue
    }
    // One pass takes up what becomes old while it lasts, and no other process begins a second one then.
    const refreshAfterMs = isOld ? parts.refreshMs / 2 : parts.refreshMs
    const { outcome } = await parts.run({ refreshAfterMs, refreshBefore: since })
    signal.throwIfAborted()
    incomplete = outcome === 'complete' ? 0 : incomplete + 1
    const retryMs = Math.min(RETRY_MS.least * 2 ** Math.max(0, incomplete - 1), RETRY_MS.most)
    // What an operator has stopped is not begun again by a timer of minutes.
    await sleep(outcome === 'stopped' ? parts.refreshMs : Math.min(retryMs, parts.refreshMs), signal)
  }
}

/** Whether a collection is not complete, or was so for too long. */
function isDue(rows: readonly CollectionProgress[], since: Date | undefined, refreshMs: number): boolean {
  const before = Math.max(Date.now() - refreshMs, since?.getTime() ?? 0)
  return (
    rows.length === 0 ||
    rows.some(({ completedAt }) => completedAt === undefined || completedAt.getTime() < before)
  )
}
