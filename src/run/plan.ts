import type { CollectionProgress } from '../contracts/collection-progress.ts'
import type { KnownCollection } from '../contracts/collection-source.ts'
import type { Emit } from '../contracts/events.ts'
import { DiscoveryError } from '../errors.ts'
import { timeToRead } from '../monitor/time-to-read.ts'
import { checkRelay } from '../paging/fetch-page.ts'
import { abortWith, createController } from '../util/abort.ts'
import { isRefreshed } from '../util/refreshed.ts'
import { askWithLook, staysFailed } from './index-look.ts'
import { guardListener } from './listener.ts'
import { type BackfillOptions, type Settings, settingsOf } from './options.ts'
import { measurePages } from './page-times.ts'
import { createRelayPauses } from './relay-pauses.ts'
import { leftOutBy } from './run-scope.ts'

/** What a run would read of one collection. */
export interface PlannedCollection {
  collection: string
  /** How many repos it has, about, less those that were imported already. Absent where no source knows. */
  repos?: number | undefined
  /** How many requests that takes, at least one. */
  requests: number
}

/** What a run would do at one relay. */
export interface RelayPlan {
  /** {@link RepoLister.relay} */
  relay: string
  /** What would be read: the largest first, and those of unknown size by name after them. */
  collections: readonly PlannedCollection[]
  /** How many collections are complete, or failed and are kept so, or were cancelled, and would not be read again. */
  complete: number
  /** The repos of all collections whose size is known. */
  repos: number
  /** How many collections have no size. The smallest have none where a directory hides them. */
  unsized: number
  /** For pages, for the second look at a first page that ends each walk of several, and for the check of the relay. */
  requests: number
  /** The repos on a full page. */
  pageSize: number
  /**
   * What a full page takes one of `concurrency` workers now, in milliseconds, as measured on a few. Absent where none
   * was read.
   */
  msPerPage?: number | undefined
  /** How long it would take at this pace, in milliseconds. */
  durationMs: number
  /** The names of the sources that failed: what they know may be missing. */
  failedSources: readonly string[]
  /** As in the event `discovered`: registered, not complete, and left out by `only` or `except`. */
  leftOut?: readonly string[] | undefined
  /** As in the event `discovered`: entries of `only` and `except` that match no collection that is known. */
  unmatched?: readonly string[] | undefined
}

/** What a run would do. */
export interface BackfillPlan {
  relays: readonly RelayPlan[]
  /** The pairs that would come in, each once: what several relays list is taken for the same. */
  pairs: number
  /** What they would take on disk, in bytes. Absent for a store that does not say what a pair takes. */
  bytes?: number | undefined
  /** How long it would take, in milliseconds: relays are read side by side. */
  durationMs: number
  /**
   * Whether most collections of a relay have no size, so that `pairs`, `bytes` and `durationMs` are the least. Where
   * only some have none, they are too small for a directory.
   */
  atLeast: boolean
}

/**
 * What `createBackfiller` with the same options would do, and how long that would take: it checks the relay, asks the
 * sources, looks at the progress, and reads a few pages to see how fast the relay is now. Nothing is written.
 *
 * The pace is the relay's. A database that is slower, or a relay that asks for waits, makes it longer. A pause that it
 * asked an earlier run for is waited for first.
 *
 * @throws what a run throws before its first page, see {@link createBackfiller}
 */
export async function plan(options: BackfillOptions): Promise<BackfillPlan> {
  const { relays: settings, signal, onEvent } = settingsOf(options)
  const stop = createController()
  const emit = guardListener(onEvent, stop)
  signal?.throwIfAborted()
  abortWith(signal, stop)
  try {
    const relays = await Promise.all(settings.map((relay) => planRelay(relay, stop, emit)))
    return summed(relays, options.store.bytesPerPair)
  } catch (error) {
    // An abort is the caller's decision, not a failure of the plan.
    signal?.throwIfAborted()
    throw error
  } finally {
    stop.abort()
  }
}

function summed(relays: readonly RelayPlan[], bytesPerPair: number | undefined): BackfillPlan {
  const largest = new Map<string, number>()
  for (const { collection, repos = 0 } of relays.flatMap(({ collections }) => collections))
    largest.set(collection, Math.max(repos, largest.get(collection) ?? 0))
  const pairs = sum(largest.values())
  return {
    relays,
    pairs,
    ...(bytesPerPair === undefined ? {} : { bytes: pairs * bytesPerPair }),
    durationMs: Math.max(...relays.map(({ durationMs }) => durationMs)),
    atLeast: relays.some(({ unsized, collections }) => unsized * 2 > collections.length),
  }
}

async function planRelay(settings: Settings, stop: AbortController, emit: Emit): Promise<RelayPlan> {
  const { lister, progress, concurrency, filter } = settings
  const { relay } = lister
  const { signal } = stop
  const pauses = createRelayPauses({ relay, progress, emit, stop })
  const parts = { ...settings, pauses, signal, emit }
  await pauses.sitOut(relay, signal)
  await checkRelay(parts, settings.named)
  const { discovery, missing } = await askWithLook(parts)
  const gone = new Set(missing.map(({ collection }) => collection))
  const all = (await progress.list({ relay })).map((row) =>
    gone.has(row.collection) && !staysFailed(row, settings) ? begun(row) : row,
  )
  if (discovery.collections.length + all.length === 0) throw new DiscoveryError(discovery.errors)
  const leftOut = leftOutBy(filter, discovery.collections, all)
  const rows = all.filter(({ collection }) => filter.wants(collection))
  const known = discovery.collections.filter(({ nsid }) => filter.wants(nsid))
  const left = leftOf(known, rows, settings)
  const names = left.map(({ collection }) => collection)
  const times = await measurePages(names, parts)
  const unread = new Set(names)
  const collections = left.map(({ collection, repos }): PlannedCollection => {
    const requests = Math.max(1, Math.ceil((repos ?? 0) / times.pageSize))
    return {
      collection,
      ...(repos === undefined ? {} : { repos }),
      requests: requests + (requests > 1 ? 1 : 0),
    }
  })
  const open = collections.map(({ requests }) => ({
    requestsLeft: requests,
    isRunning: false,
    msPerPage: requests > 1 ? times.msPerFullPage : times.msPerSmallPage,
    dueInMs: 0,
  }))
  return {
    relay,
    collections,
    complete: rows.length - rows.filter(({ collection }) => unread.has(collection)).length,
    repos: sum(collections.map(({ repos = 0 }) => repos)),
    unsized: collections.filter(({ repos }) => repos === undefined).length,
    requests: sum(collections.map(({ requests }) => requests)) + (lister.check === undefined ? 0 : 1),
    pageSize: times.pageSize,
    ...(times.msPerFullPage === 0 ? {} : { msPerPage: times.msPerFullPage }),
    durationMs: Math.ceil(timeToRead(open, concurrency, times.msPerFullPage)),
    failedSources: discovery.errors.map(({ source }) => source),
    ...leftOut,
  }
}

/** A collection that a run would read. */
interface Unread {
  readonly collection: string
  readonly repos: number | undefined
}

/** What is left: everything that is known and not complete, or that the run would refresh. */
function leftOf(
  known: readonly KnownCollection[],
  rows: readonly CollectionProgress[],
  settings: Settings,
): Unread[] {
  const byName = new Map(rows.map((row) => [row.collection, row]))
  const estimates = new Map(known.map(({ nsid, estimatedRepos }) => [nsid, estimatedRepos]))
  const names = new Set([...estimates.keys(), ...byName.keys()])
  const left: Unread[] = []
  for (const collection of names) {
    const row = byName.get(collection)
    if (row !== undefined && staysFailed(row, settings)) continue
    const isAnew = row !== undefined && isRefreshed(row, settings)
    if (row?.state === 'complete' && !isAnew) continue
    const estimate = estimates.get(collection) ?? row?.estimatedRepos ?? (isAnew ? row.imported : undefined)
    const imported = isAnew ? 0 : (row?.imported ?? 0)
    const repos = estimate === undefined ? undefined : Math.max(0, estimate - imported)
    left.push({ collection, repos })
  }
  return left.toSorted((a, b) => (b.repos ?? -1) - (a.repos ?? -1) || (a.collection < b.collection ? -1 : 1))
}

/** The row of a collection that is missing from the index, as the run resets it. */
function begun(row: CollectionProgress): CollectionProgress {
  const { imported, estimatedRepos = 0 } = row
  return { ...row, state: 'pending', imported: 0, estimatedRepos: Math.max(estimatedRepos, imported) }
}

function sum(numbers: Iterable<number>): number {
  let total = 0
  for (const number of numbers) total += number
  return total
}
