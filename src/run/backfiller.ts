import type { CollectionSource, KnownCollection } from '../contracts/collection-source.ts'
import type { BackfillStatus, BackfillSummary, PageEvent } from '../contracts/events.ts'
import { DiscoveryError, IncompleteError } from '../errors.ts'
import { checkRelay } from '../paging/fetch-page.ts'
import { abortable, abortWith } from '../util/abort.ts'
import { merge } from '../util/merge-streams.ts'
import type { RetryContext } from '../util/retry.ts'
import { createRun, isLeft, type Run } from '../util/run-iterator.ts'
import { type Discovery, discover } from './discovery.ts'
import { guardHooks } from './hooks.ts'
import { type BackfillOptions, type Settings, settingsOf } from './options.ts'
import { type Crew, createCrew } from './worker-pool.ts'

/**
 * One run, as an async iterator of durable pages. Nothing starts before the first `next()`.
 *
 * There is one way to stop: leave the loop, or abort the signal. Both abort what is under way, hand the claims back
 * and settle within a second. A loop that ends without throwing means that every collection that is registered for the
 * relay is complete.
 */
export interface Backfiller extends Run<PageEvent, BackfillSummary> {
  /** The relay: {@link RepoLister.relay}. */
  readonly relay: string
  /** What ends it besides leaving it, as it was given. */
  readonly signal: AbortSignal | undefined
  /** How far the work is, over all runs and workers, at any time: read from the progress store. */
  status(): Promise<BackfillStatus>
}

/**
 * Imports what a relay knows into an index: discovers collections, pages `listReposByCollection` for each, adds every
 * (collection, DID) pair to the sink and saves its place with each page. Another run, after a crash or beside this one,
 * goes on from there.
 *
 * @throws InvalidOptionError for an option that cannot be used. While iterated: `RelayUnsuitableError` when the relay
 * cannot serve a backfill, another `RelayError` when it cannot be reached at the start, `DiscoveryError` when there is
 * nothing to do, `IncompleteError` at the end when collections are left, `NotMigratedError` and what else a store cannot
 * recover from, what a hook throws, the signal's reason when that aborts.
 */
export function createBackfiller(options: BackfillOptions): Backfiller {
  const settings = settingsOf(options)
  const stop = new AbortController()
  const summary: BackfillSummary = {
    relay: settings.lister.relay,
    completed: 0,
    pages: 0,
    imported: 0,
    added: 0,
    invalid: 0,
    failedSources: [],
    durationMs: 0,
  }
  return Object.assign(createRun(play(settings, stop, summary), stop, summary), {
    relay: summary.relay,
    signal: settings.signal,
    status: () => readStatus(settings),
  })
}

/** How often a run looks for work again that appeared at its very end; more often, and something is wrong with the store. */
const MAX_ROUNDS = 10

async function* play(
  settings: Settings,
  stop: AbortController,
  summary: BackfillSummary,
): AsyncGenerator<PageEvent, BackfillSummary, void> {
  const startedAt = performance.now()
  const { signal } = settings
  signal?.throwIfAborted()
  const unlink = abortWith(signal, stop)
  try {
    const running = { ...settings, hooks: guardHooks(settings.hooks, stop) }
    const crew = createCrew(running, stop.signal)
    const discovery = await prepare(running, crew, stop.signal)
    summary.failedSources = namesOf(discovery.errors)
    for (let round = 1; ; round += 1) {
      const workers = Array.from({ length: settings.concurrency }, () => crew.work())
      for await (const page of merge(workers, stop)) {
        count(summary, page)
        yield page
      }
      const isLastRound = round === MAX_ROUNDS
      if (!isLastRound) await askAgain(running, discovery, stop.signal)
      summary.failedSources = namesOf(discovery.errors)
      if (await isOver(running, crew, discovery.collections, stop.signal, isLastRound)) break
    }
  } catch (error) {
    // An abort is the caller's decision, not a failure of the run, and so is leaving the loop.
    if (isLeft(stop.signal)) return finished(summary, startedAt)
    signal?.throwIfAborted()
    throw error
  } finally {
    unlink()
  }
  return finished(summary, startedAt)
}

function namesOf(errors: Discovery['errors']): string[] {
  return [...new Set(errors.map(({ source }) => source))]
}

function finished(summary: BackfillSummary, startedAt: number): BackfillSummary {
  return Object.assign(summary, { durationMs: Math.round(performance.now() - startedAt) })
}

function count(summary: BackfillSummary, page: PageEvent): void {
  summary.pages += 1
  summary.imported += page.dids.length
  summary.added += page.added
  summary.invalid += page.invalid
  if (page.completed) summary.completed += 1
}

/** Checks the relay, asks the sources, registers what they know. */
async function prepare(settings: Settings, crew: Crew, signal: AbortSignal): Promise<Discovery> {
  const { lister, sources, progress, retry, hooks, refreshAfterMs } = settings
  const { relay } = lister
  await checkRelay({ lister, retry, signal, hooks })
  const discovery = await ask(sources, settings, signal)
  hooks.discovered?.({ collections: discovery.collections, sources: discovery.sources })
  await crew.patiently(() =>
    abortable(progress.register(relay, discovery.collections, { refreshAfterMs }), signal),
  )
  if (discovery.collections.length > 0) return discovery
  const registered = await crew.patiently(() => abortable(progress.list({ relay }), signal))
  if (registered.length === 0) throw new DiscoveryError(discovery.errors)
  return discovery
}

/** What is new to the sources that come to know more while a run goes on. */
async function askAgain(settings: Settings, discovery: Discovery, signal: AbortSignal): Promise<void> {
  const live = settings.sources.filter((source) => source.live)
  const { collections, errors } = await ask(live, settings, signal)
  const known = new Set(discovery.collections.map(({ nsid }) => nsid))
  discovery.collections.push(...collections.filter(({ nsid }) => !known.has(nsid)))
  discovery.errors.push(...errors)
}

async function ask(
  sources: readonly CollectionSource[],
  { retry, hooks, discoveryTimeoutMs: timeoutMs }: Settings,
  signal: AbortSignal,
): Promise<Discovery> {
  const onRetry = ({ source, ...context }: RetryContext & { source: string }) =>
    hooks.retry?.({ relay: source, ...context })
  const discovery = await discover(sources, { signal, timeoutMs, retry, onRetry })
  for (const { source: name, error } of discovery.errors) hooks.sourceFailed?.({ name, error })
  return discovery
}

/**
 * Whether everything is complete, once the workers found nothing more to do. Another run may have registered more in the
 * meantime. What was discovered and has no row is registered: a live source has come to know it just now, or a database
 * that does not wait for its disk (`synchronous_commit=off`) forgot the row when it crashed.
 *
 * @throws IncompleteError when it is over and collections are not complete
 */
async function isOver(
  { progress, lister: { relay } }: Settings,
  crew: Crew,
  discovered: readonly KnownCollection[],
  signal: AbortSignal,
  isLastRound: boolean,
): Promise<boolean> {
  const rows = await crew.patiently(() => abortable(progress.list({ relay }), signal))
  const known = new Set(rows.map(({ collection }) => collection))
  const forgotten = discovered.filter(({ nsid }) => !known.has(nsid))
  const open = rows.filter(({ state }) => state === 'pending' || state === 'running')
  if (!isLastRound && forgotten.length + open.length > 0) {
    if (forgotten.length > 0)
      await crew.patiently(() => abortable(progress.register(relay, forgotten, { keepFailed: true }), signal))
    return false
  }
  const failures = rows
    .filter(({ state }) => state !== 'complete')
    .map(({ collection, attempts, lastError = 'not tried' }) => ({ relay, collection, attempts, lastError }))
  const lastError = 'the progress store has no row for it'
  const gone = forgotten.map(({ nsid: collection }) => ({ relay, collection, attempts: 0, lastError }))
  if (failures.length + gone.length > 0) throw new IncompleteError([...failures, ...gone])
  return true
}

async function readStatus({ progress, lister: { relay } }: Settings): Promise<BackfillStatus> {
  const collections = await progress.list({ relay })
  const inState = (state: string) => collections.filter((collection) => collection.state === state).length
  return {
    relay,
    total: collections.length,
    completed: inState('complete'),
    running: inState('running'),
    pending: inState('pending'),
    failed: inState('failed'),
    imported: collections.reduce((sum, { imported }) => sum + imported, 0),
    collections,
  }
}
