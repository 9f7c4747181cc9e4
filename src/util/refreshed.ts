import type { CollectionProgress } from '../contracts/collection-progress.ts'
import type { RegisterOptions } from '../contracts/progress-store.ts'

/** Whether a registration at this moment begins a collection again that is complete, or has pages: `RegisterOptions`. */
export function isRefreshed(
  { state, pages, cursor, beganAt, completedAt }: CollectionProgress,
  { refreshAfterMs, refreshBefore }: Pick<RegisterOptions, 'refreshAfterMs' | 'refreshBefore'>,
): boolean {
  const isOld =
    refreshAfterMs !== undefined &&
    completedAt !== undefined &&
    completedAt.getTime() < Date.now() - refreshAfterMs
  if (isOld || refreshBefore === undefined) return isOld
  const holdsPages = pages > 0 || cursor !== undefined || state === 'complete' || state === 'running'
  return holdsPages && (beganAt ?? completedAt ?? new Date(0)) < refreshBefore
}
