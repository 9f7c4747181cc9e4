import { discover } from './discover.ts'
import { BackfillError, DiscoveryError, IncompleteError } from './errors.ts'
import type { BackfillHooks, BackfillStatus, BackfillSummary, PageEvent } from './events.ts'
import { merge } from './merge.ts'
import { type BackfillOptions, type Settings, settingsOf } from './options.ts'
import { isFinal, retrying } from './retry.ts'
import { abortable } from './time.ts'
import { type Crew, createCrew } from './worker.ts'

/**
 * One run, as an async iterator of durable pages. Nothing starts before the first `next()`.
 *
 * There is one way to stop: leave the loop, or abort the signal. Both abort what is under way, hand the claims back
 * and settle within a second. A loop that ends without throwing means that every collection is complete.
 */
export interface Backfiller extends AsyncGenerator<PageEvent, BackfillSummary, void> {
  /** Runs to the end without looking at the events. */
  run(): Promise<BackfillSummary>
  /** How far the work is, over all runs and workers, at any time: read from the progress store. */
  status(): Promise<BackfillStatus>
  /** Ends the run, as leaving the loop does. */
  return(
    value?: BackfillSummary | PromiseLike<BackfillSummary>,
  ): Promise<IteratorResult<PageEvent, BackfillSummary>>
  [Symbol.asyncDispose](): Promise<void>
}

/**
 * Imports what a relay knows into an index: discovers collections, pages `listReposByCollection` for each, adds every
 * (collection, DID) pair to the sink and saves its place with each page. Another run, after a crash or beside this one,
 * goes on from there.
 *
 * @throws InvalidOptionError for an option that cannot be used. While iterated: `RelayUnsuitableError` when the relay
 * cannot serve a backfill, `DiscoveryError` when there is nothing to do, `IncompleteError` at the end when collections
 * are left, the signal's reason when that aborts.
 */
export function createBackfiller(options: BackfillOptions): Backfiller {
  const settings = settingsOf(options)
  const stop = new AbortController()
  const summary = {
    source: settings.lister.source,
    completed: 0,
    pages: 0,
    imported: 0,
    added: 0,
    rejected: 0,
    durationMs: 0,
  }
  let outcome: BackfillSummary | undefined
  const pages = play(settings, stop, summary)

  return {
    async next() {
      const result = await pages.next()
      if (result.done) outcome ??= result.value
      return result
    },
    return(value) {
      stop.abort(LEFT)
      return pages.return(value ?? summary)
    },
    throw(error) {
      stop.abort(LEFT)
      return pages.throw(error)
    },
    async run() {
      while (!(await this.next()).done);
      if (outcome === undefined) {
        throw new BackfillError(
          'INVALID_OPTION',
          'This backfiller has ended: one backfiller is one run. Create another one.',
        )
      }
      return outcome
    },
    status: () => readStatus(settings),
    async [Symbol.asyncDispose]() {
      await this.return()
    },
    [Symbol.asyncIterator]() {
      return this
    },
  }
}

/** The reason of a run that its consumer left. */
const LEFT = Symbol('left')

async function* play(
  settings: Settings,
  stop: AbortController,
  summary: BackfillSummary,
): AsyncGenerator<PageEvent, BackfillSummary, void> {
  const startedAt = performance.now()
  const { signal } = settings
  signal?.throwIfAborted()
  const onAbort = () => stop.abort(signal?.reason)
  signal?.addEventListener('abort', onAbort, { once: true })
  try {
    const running = { ...settings, hooks: guarded(settings.hooks, stop) }
    const crew = createCrew(running, stop.signal)
    await prepare(running, crew, stop.signal)
    const workers = Array.from({ length: settings.concurrency }, () => crew.work())
    for await (const page of merge(workers, stop)) {
      count(summary, page)
      yield page
    }
    await assertComplete(settings, crew)
  } catch (error) {
    // An abort is the caller's decision, not a failure of the run, and so is leaving the loop.
    if (stop.signal.reason === LEFT) return finished(summary, startedAt)
    signal?.throwIfAborted()
    throw error
  } finally {
    signal?.removeEventListener('abort', onAbort)
  }
  return finished(summary, startedAt)
}

function finished(summary: BackfillSummary, startedAt: number): BackfillSummary {
  return Object.assign(summary, { durationMs: Math.round(performance.now() - startedAt) })
}

function count(summary: BackfillSummary, page: PageEvent): void {
  summary.pages += 1
  summary.imported += page.dids.length
  summary.added += page.added
  summary.rejected += page.rejected
  if (page.completed) summary.completed += 1
}

/** Checks the relay, asks the sources, registers what they know. */
async function prepare(settings: Settings, crew: Crew, signal: AbortSignal): Promise<void> {
  const { lister, sources, progress, retry, hooks, discoveryTimeoutMs: timeoutMs, refreshAfterMs } = settings
  const { source } = lister
  const check = async () => lister.check?.({ signal })
  const onRetry = (context: { error: unknown; attempt: number; waitMs: number }) =>
    hooks.retry?.({ source, ...context })
  await retrying(() => abortable(check(), signal), {
    ...retry,
    signal,
    mayRetry: (error) => !isFinal(error),
    onRetry,
  })
  const discovery = await discover(sources, { signal, timeoutMs })
  for (const { source: name, error } of discovery.errors) hooks.sourceFailed?.({ name, error })
  hooks.discovered?.({ collections: discovery.collections, sources: discovery.sources })
  await crew.patiently(() =>
    abortable(progress.register(source, discovery.collections, { refreshAfterMs }), signal),
  )
  if (discovery.collections.length > 0) return
  const registered = await crew.patiently(() => abortable(progress.list({ source }), signal))
  if (registered.length === 0) throw new DiscoveryError(discovery.errors)
}

async function assertComplete({ progress, lister: { source } }: Settings, crew: Crew): Promise<void> {
  const rows = await crew.patiently(() => progress.list({ source }))
  const failures = rows.filter(({ state }) => state !== 'complete')
  if (failures.length === 0) return
  throw new IncompleteError(
    failures.map(({ collection, attempts, lastError }) => ({
      source,
      collection,
      attempts,
      lastError: lastError ?? 'not tried',
    })),
  )
}

/** The hooks, so that one which throws ends the run with what it threw. */
function guarded(hooks: BackfillHooks, stop: AbortController): BackfillHooks {
  const guard =
    <Context>(hook: (context: Context) => void) =>
    (context: Context) => {
      try {
        hook.call(hooks, context)
      } catch (error) {
        stop.abort(error)
        throw error
      }
    }
  const entries = Object.entries(hooks).filter(([, hook]) => hook !== undefined)
  return Object.fromEntries(entries.map(([name, hook]) => [name, guard(hook)]))
}

async function readStatus({ progress, lister: { source } }: Settings): Promise<BackfillStatus> {
  const collections = await progress.list({ source })
  const inState = (state: string) => collections.filter((collection) => collection.state === state).length
  return {
    source,
    total: collections.length,
    completed: inState('complete'),
    walking: inState('walking'),
    pending: inState('pending'),
    failed: inState('failed'),
    imported: collections.reduce((sum, { imported }) => sum + imported, 0),
    collections,
  }
}
