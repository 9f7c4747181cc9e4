import type { CollectionSource, KnownCollection } from '../contracts/collection-source.ts'
import type { BackfillEvent, BackfillStatus, BackfillSummary, Emit, PageEvent } from '../contracts/events.ts'
import type { ProgressStore } from '../contracts/progress-store.ts'
import { DiscoveryError, IncompleteError } from '../errors.ts'
import { checkRelay, tellPauses } from '../paging/fetch-page.ts'
import { abortWith } from '../util/abort.ts'
import { merge } from '../util/merge-streams.ts'
import { createRun, isLeft, type Run } from '../util/run-iterator.ts'
import { createClaimQueue } from './claim-queue.ts'
import { type Discovery, discover } from './discovery.ts'
import { guardListener } from './listener.ts'
import { type BackfillOptions, type Settings, settingsOf } from './options.ts'
import { pageDeltas } from './page-deltas.ts'
import { createPatience, patientStore } from './patient-store.ts'
import { createWorkerPool, type WorkerPool } from './worker-pool.ts'

// One run, from the top: check the relay, ask the sources, register what they know (`prepare`); let the workers claim
// and walk until nothing is left (worker-pool, walk, commit); look once more, and go another round if there is new work
// (`isOver`). Who repeats what, from the inside out:
//
// | what failed                               | is repeated by             | how often, and how long apart             |
// | ----------------------------------------- | -------------------------- | ----------------------------------------- |
// | a transaction, by a conflict with another | kysely/transaction         | up to 40 times, at once                   |
// | a commit that got no answer               | kysely/advance             | up to 3 times: it is read, then repeated  |
// | any call to a store that is unavailable   | run/patient-store          | for ever, 0.5 s growing to 30 s           |
// | a request for a page                      | paging/fetch-page          | `retry.retries`, or as the server asked   |
// | a malformed page, a repeated cursor       | paging/fetch-page          | twice                                     |
// | a write of pages                          | run/commit                 | `retry.retries`; several pages: singly    |
// | a source of collections                   | run/discovery              | where its error says so                   |
// | a walk, with its requests' retries used   | run/failure-policy         | `maxAttempts`, minutes growing to an hour |
// | a walk that the relay asked to wait       | run/failure-policy         | `maxAttempts` in a row, not counted       |
// | a saved cursor that the relay refuses     | run/failure-policy         | once, from the first page                 |
// | a round of workers that left work behind  | this file                  | `MAX_ROUNDS`                              |
//
// Nothing repeats a programming error, an error with `scope: 'run'`, or what a listener throws: each ends the run.

/**
 * One run, as an async iterator of durable pages. Nothing starts before the first `next()`.
 *
 * There is one way to stop: leave the loop, or abort the signal. Both abort what is under way, release the claims and
 * settle within a second. If the loop finishes without throwing, every collection that is registered for the relay is
 * complete.
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
 * recover from, what the listener throws, the signal's reason when that aborts.
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
  return Object.assign(createRun(backfill(settings, stop, summary), stop, summary), {
    relay: summary.relay,
    signal: settings.signal,
    status: () => readStatus(settings),
  })
}

/** How often a run looks for work again that appeared at its very end; more often, and something is wrong with the store. */
const MAX_ROUNDS = 10

async function* backfill(
  settings: Settings,
  stop: AbortController,
  summary: BackfillSummary,
): AsyncGenerator<PageEvent, BackfillSummary, void> {
  const startedAt = performance.now()
  const { signal } = settings
  signal?.throwIfAborted()
  abortWith(signal, stop)
  try {
    const running = startRun(settings, stop, summary)
    const discovery = await prepare(running)
    summary.failedSources = namesOf(discovery.errors)
    for (let round = 1; ; round += 1) {
      const workers = Array.from({ length: settings.concurrency }, () => running.pool.work())
      yield* merge(workers, stop)
      const isLastRound = round === MAX_ROUNDS
      if (!isLastRound) await askAgain(running, discovery)
      summary.failedSources = namesOf(discovery.errors)
      if (await isOver(running, discovery.collections, isLastRound)) break
    }
  } catch (error) {
    // An abort is the caller's decision, not a failure of the run, and so is leaving the loop.
    if (isLeft(stop.signal)) return finished(summary, startedAt)
    signal?.throwIfAborted()
    throw error
  } finally {
    stop.abort()
  }
  return finished(summary, startedAt)
}

/** The settings of a run under way: with a signal that its end aborts, and a progress store that waits. */
interface Running extends Omit<Settings, 'signal' | 'onEvent'> {
  readonly signal: AbortSignal
  readonly emit: Emit
  readonly pool: WorkerPool
}

function startRun(settings: Settings, stop: AbortController, summary: BackfillSummary): Running {
  const { signal } = stop
  const { lister, leaseMs, storeTimeoutMs, onEvent } = settings
  const { relay } = lister
  const tell = guardListener(onEvent, stop)
  const count = counting(summary)
  const emit = (event: BackfillEvent) => {
    count(event)
    tell(event)
  }
  const patience = createPatience({ relay, timeoutMs: storeTimeoutMs, signal, emit })
  const progress = patientStore(settings.progress, patience, signal)
  const queue = createClaimQueue({ relay, progress, leaseMs, signal })
  const running = { ...settings, progress, signal, emit, patience, queue }
  return { ...running, pool: createWorkerPool(running) }
}

function counting(summary: BackfillSummary): Emit {
  const deltaOf = pageDeltas()
  return (event) => {
    const { pages, invalid } = deltaOf(event)
    if (event.type !== 'page') return
    summary.pages += pages
    summary.invalid += invalid
    summary.imported += event.dids.length
    summary.added += event.added ?? 0
    if (event.completed) summary.completed += 1
  }
}

function namesOf(errors: Discovery['errors']): string[] {
  return [...new Set(errors.map(({ source }) => source))]
}

function finished(summary: BackfillSummary, startedAt: number): BackfillSummary {
  return Object.assign(summary, { durationMs: Math.round(performance.now() - startedAt) })
}

/** Checks the relay, asks the sources, registers what they know. */
async function prepare(running: Running): Promise<Discovery> {
  const { lister, sources, progress, emit, refreshAfterMs } = running
  const { relay } = lister
  tellPauses(running)
  await checkRelay(running)
  const discovery = await ask(sources, running)
  emit({ type: 'discovered', relay, collections: discovery.collections, sources: discovery.sources })
  await progress.register(relay, discovery.collections, { refreshAfterMs })
  if (discovery.collections.length > 0) return discovery
  const registered = await progress.list({ relay })
  if (registered.length === 0) throw new DiscoveryError(discovery.errors)
  return discovery
}

/** What is new to the sources that come to know more while a run goes on. */
async function askAgain(running: Running, discovery: Discovery): Promise<void> {
  const live = running.sources.filter((source) => source.live)
  const { collections, errors } = await ask(live, running)
  const known = new Set(discovery.collections.map(({ nsid }) => nsid))
  discovery.collections.push(...collections.filter(({ nsid }) => !known.has(nsid)))
  discovery.errors.push(...errors)
}

async function ask(
  sources: readonly CollectionSource[],
  { lister: { relay }, retry, emit, signal }: Running,
): Promise<Discovery> {
  const asked = sources.map((source) => ({ source }))
  const discovery = await discover(asked, {
    signal,
    retry,
    onRetry: (context) => emit({ type: 'retry', relay, ...context }),
  })
  for (const { source, error } of discovery.errors) emit({ type: 'sourceFailed', relay, source, error })
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
  { progress, lister: { relay } }: Running,
  discovered: readonly KnownCollection[],
  isLastRound: boolean,
): Promise<boolean> {
  const rows = await progress.list({ relay })
  const known = new Set(rows.map(({ collection }) => collection))
  const forgotten = discovered.filter(({ nsid }) => !known.has(nsid))
  const open = rows.filter(({ state }) => state === 'pending' || state === 'running')
  if (!isLastRound && forgotten.length + open.length > 0) {
    if (forgotten.length > 0) await progress.register(relay, forgotten, { keepFailed: true })
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

async function readStatus({
  progress,
  lister: { relay },
}: {
  progress: ProgressStore
  lister: { relay: string }
}): Promise<BackfillStatus> {
  const collections = await progress.list({ relay })
  const inState = (state: string) => collections.filter((collection) => collection.state === state).length
  return {
    relay,
    total: collections.length,
    complete: inState('complete'),
    running: inState('running'),
    pending: inState('pending'),
    failed: inState('failed'),
    imported: collections.reduce((sum, { imported }) => sum + imported, 0),
    collections,
  }
}
