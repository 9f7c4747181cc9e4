import type { KnownCollection } from './collection-source.ts'
import type { CollectionProgress } from './progress-store.ts'

/** A page that is durable: its pairs are in the index and its cursor is saved. */
export interface PageEvent {
  /** The relay: {@link RepoLister.relay}. */
  relay: string
  collection: string
  /** The valid DIDs, as the relay sent them. */
  dids: readonly string[]
  /** How many of the pairs were new to the index. */
  added: number
  /** How many entries of the page were no DID. */
  invalid: number
  /** Where the page behind this one begins: this cursor is saved, or a later one. Absent on the last page. */
  cursor?: string | undefined
  /** The pages of this walk, this one included. */
  pages: number
  /** The DIDs of this walk, this page's included. */
  imported: number
  /** Whether this page ended the collection. */
  completed: boolean
}

/** What one source contributed. */
export interface SourceReport {
  /** {@link CollectionSource.name}. */
  name: string
  /** How many names it gave, repeats included; when it was asked again, in the try that gave most. */
  found: number
  /** How many of them were no NSID. */
  invalid: number
}

/**
 * What page events do not tell. Each hook gets one context object and is not waited for; one that throws, or returns a
 * promise that rejects, ends the run with that error. A fault that the run lives through shows in exactly one hook.
 */
export interface BackfillHooks {
  /** Discovery is over: the union of all sources. */
  discovered?:
    | ((context: { collections: readonly KnownCollection[]; sources: readonly SourceReport[] }) => void)
    | undefined
  /** A source failed or took too long; what it gave before counts, and the others go on. */
  sourceFailed?: ((context: { name: string; error: unknown }) => void) | undefined
  /**
   * A request or a write failed and is made again after `waitMs`. Without a collection it is the check before the run, or
   * a source of collections (`source` is its name then).
   */
  retry?:
    | ((context: {
        relay: string
        collection?: string | undefined
        cursor?: string | undefined
        error: unknown
        attempt: number
        waitMs: number
      }) => void)
    | undefined
  /**
   * A request for a page was answered, or failed with `error`. `durationMs` is the whole time, with what the lister waited
   * before it asked; `repos` counts the valid DIDs of the page.
   */
  requested?:
    | ((context: {
        relay: string
        collection: string
        cursor?: string | undefined
        durationMs: number
        repos?: number | undefined
        error?: unknown
      }) => void)
    | undefined
  /** Pages of one collection became durable by one commit; their page events follow. */
  committed?:
    | ((context: {
        relay: string
        collection: string
        pages: number
        /** The DIDs on these pages, repeats included. */
        dids: number
        added: number
        durationMs: number
      }) => void)
    | undefined
  /** A worker of this run took a collection; with a cursor when the walk goes on from an earlier one. */
  collectionStarted?:
    | ((context: {
        relay: string
        collection: string
        cursor?: string | undefined
        pages: number
        imported: number
      }) => void)
    | undefined
  /** A collection's last page is committed. */
  collectionCompleted?:
    | ((context: { relay: string; collection: string; pages: number; imported: number }) => void)
    | undefined
  /** A walk ended with an error: tried again after `retryInMs`, or given up for this run without it. */
  collectionFailed?:
    | ((context: {
        relay: string
        collection: string
        error: unknown
        attempts: number
        retryInMs?: number | undefined
        /** The relay refused the saved cursor, so the walk begins again at the first page. */
        restart: boolean
      }) => void)
    | undefined
  /** Another worker took a collection over; this run goes on with other work. */
  claimLost?: ((context: { relay: string; collection: string; error: unknown }) => void) | undefined
  /** The store cannot be used at the moment; the run waits `waitMs` and asks again, for as long as it takes. */
  storeUnavailable?: ((context: { error: unknown; attempt: number; waitMs: number }) => void) | undefined
}

/** What a hook is given: `HookContext<'retry'>`. */
export type HookContext<Name extends keyof BackfillHooks> = Parameters<NonNullable<BackfillHooks[Name]>>[0]

/** What one run did in this process. */
export interface BackfillSummary {
  relay: string
  /** Collections whose last page this run committed. */
  completed: number
  pages: number
  /** DIDs on those pages, repeats included. */
  imported: number
  /** Pairs that were new to the index. */
  added: number
  /** Entries that were no DID. */
  invalid: number
  /** The names of the sources that failed: what they know may be missing, so a later run may find more. */
  failedSources: readonly string[]
  durationMs: number
}

/** How far the work is, over all runs and workers of this source. */
export interface BackfillStatus {
  relay: string
  /** Collections registered. */
  total: number
  completed: number
  running: number
  pending: number
  failed: number
  /** DIDs imported by the current walk of each collection. */
  imported: number
  /** One row for each collection, by name. */
  collections: readonly CollectionProgress[]
}
