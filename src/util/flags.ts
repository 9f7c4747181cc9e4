import type { CollectionFlag, CollectionProgress } from '../contracts/collection-progress.ts'
import type { CollectionFailure } from '../contracts/run-failures.ts'

/** What each flag says to people. */
export const FLAG_WORDS: Readonly<Record<CollectionFlag, string>> = {
  cursorsChanged:
    "the relay's cursors changed their meaning; what was imported before may be surplus: verify finds it",
  smallerThanTold:
    'the relay listed less than half of what its directory told; some may be missing: verify, or reset and run again',
  largerThanTold:
    'the relay listed more than twice of what its directory told; some may be surplus: verify finds it',
  reposFailed:
    'more of its repos could not be read than are kept to be asked for again: crawl the host again with --refresh-after',
  reposCut: 'some of its repos have more than 5,000 collections, of which the first are in the index',
  cancelled: 'it was cancelled, and stays so until it is retried by its name',
}

/** The last error of a collection that was cancelled. */
export const CANCELLED = 'cancelled'

/** Whether an operator cancelled a collection: no run touches it until it is retried by its name, or reset. */
export function wasCancelled({ flags }: Pick<CollectionProgress, 'flags'>): boolean {
  return flags.includes('cancelled')
}

/** What a run left because it failed, and what it left because it was cancelled, which a new run does not retry either. */
export function apartFromCancelled(failures: readonly CollectionFailure[]): {
  failed: CollectionFailure[]
  cancelled: CollectionFailure[]
} {
  const isCancelled = ({ lastError }: CollectionFailure) => lastError === CANCELLED
  return {
    failed: failures.filter((failure) => !isCancelled(failure)),
    cancelled: failures.filter(isCancelled),
  }
}

/** Flags as a store keeps them, with more of them: each once, with spaces between them. */
export function withFlags(
  known: string | undefined,
  more: readonly CollectionFlag[] | undefined,
): string | undefined {
  if (more === undefined || more.length === 0) return known
  return [...new Set([...(known?.split(' ') ?? []), ...more])].join(' ')
}

/** Flags as a store keeps them, without one of them. */
export function withoutFlag(known: string | undefined, flag: CollectionFlag): string | undefined {
  const left = known?.split(' ').filter((each) => each !== flag) ?? []
  return left.length > 0 ? left.join(' ') : undefined
}

/** The flags of a text that a store kept, in the order of their words. What another version may have added is left out. */
export function flagsFrom(text: string | null | undefined): CollectionFlag[] {
  const known = text?.split(' ') ?? []
  return (Object.keys(FLAG_WORDS) as CollectionFlag[]).filter((flag) => known.includes(flag))
}
