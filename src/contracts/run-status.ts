import type { CollectionProgress } from './collection-progress.ts'

/** What one run did in this process, at one relay. */
export interface RelaySummary {
  /** The relay: {@link RepoLister.relay}. */
  relay: string
  /** Collections whose last page this run committed. */
  completed: number
  pages: number
  /** DIDs on those pages, repeats included. */
  imported: number
  /** Pairs that were new to the index, as far as the sink could tell. */
  added: number
  /** Entries that were not valid DIDs. */
  invalid: number
  /** The names of the sources that failed: what they know may be missing, so a later run may find more. */
  failedSources: readonly string[]
  /** How long it took, or has taken so far, in milliseconds. */
  durationMs: number
}

/** What one run did in this process: the sums over all its relays, and each relay's own part. */
export interface BackfillSummary extends Omit<RelaySummary, 'relay'> {
  /** In the order of the option `relay`. */
  relays: readonly RelaySummary[]
}

/** Collections by their state, over all runs and workers. */
export interface StatusCounts {
  /** Collections registered. */
  total: number
  complete: number
  running: number
  pending: number
  failed: number
  /** DIDs imported by the current walk of each collection. */
  imported: number
}

/** How far the work is at one relay. */
export interface RelayStatus extends StatusCounts {
  /** The relay: {@link RepoLister.relay}. */
  relay: string
  /** What has become of this run at this relay. `stopped`: the run was left or aborted before that relay's end. */
  run: 'pending' | 'running' | 'complete' | 'failed' | 'stopped'
  /** What it failed with. */
  error?: unknown
}

/** How far the work is. A collection counts once for each relay that is asked for it. */
export interface BackfillStatus extends StatusCounts {
  /** In the order of the option `relay`. */
  relays: readonly RelayStatus[]
  /** One row for each collection of each relay, by name. */
  collections: readonly CollectionProgress[]
}
