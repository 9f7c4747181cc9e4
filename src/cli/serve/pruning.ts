import type { BackfillListener } from '../../contracts/events.ts'
import type { OpenedStore } from '../../contracts/opened-store.ts'
import { isBackfillError, type PruneRefusedError } from '../../errors.ts'
import { prune } from '../../prune/prune.ts'
import type { PruneSummary } from '../../prune/prune-summary.ts'
import { workScope } from '../../util/scopes.ts'

/** What keeps an index free of what is gone. */
export interface PruningParts {
  /** {@link RepoLister.relay} */
  readonly relay: string
  readonly store: OpenedStore
  /** How long after one prune the next one begins, in milliseconds. */
  readonly everyMs: number
  /** Whether the backlog is there: before that, there is nothing to prune. */
  readonly isImported: () => boolean
  readonly onEvent: BackfillListener
  readonly onPruned: (summary: PruneSummary) => void
  /** It would remove more than is removed without a question. */
  readonly onRefused: (error: PruneRefusedError) => void
}

/** How often is looked whether it is time, in milliseconds. */
const LOOK_MS = 60_000

/**
 * Prunes by a relay where the last prune is long ago. When it was stands in the store, so several processes on one database
 * have one timer, and a restart prunes nothing again.
 *
 * @returns how long until it is to be looked at again, in milliseconds
 */
export async function pruneWhenDue(parts: PruningParts, signal: AbortSignal): Promise<number> {
  const { relay, store, everyMs, onEvent } = parts
  const lookMs = Math.min(LOOK_MS, everyMs)
  if (!parts.isImported()) return lookMs
  const [row] = await store.progress.list({ relay: workScope('prune', relay) })
  if (row?.completedAt !== undefined && Date.now() - row.completedAt.getTime() < everyMs) return lookMs
  try {
    parts.onPruned(await prune({ relay, store, signal, onEvent }).run())
    return lookMs
  } catch (error) {
    if (!isBackfillError(error, 'PRUNE_REFUSED')) throw error
    // It asks a person, who may take days: reading all accounts again before that would find the same.
    parts.onRefused(error)
    return everyMs
  }
}
