import type { CollectionProgress, CollectionState } from '../contracts/collection-progress.ts'
import type { KnownCollection } from '../contracts/collection-source.ts'
import type { Emit, PageEvent } from '../contracts/events.ts'
import type { BackfillStatus, BackfillSummary, RelayStatus, StatusCounts } from '../contracts/run-status.ts'
import { DiscoveryError, IncompleteError } from '../errors.ts'
import { checkRelay, tellPauses } from '../paging/fetch-page.ts'
import { abortWith, createController } from '../util/abort.ts'
import { merge } from '../util/merge-streams.ts'
import type { Run } from '../util/run-iterator.ts'
import { type ClaimQueue, createClaimQueue } from './claim-queue.ts'
import { type CommitTurns, createCommitTurns } from './commit-turns.ts'
import { askSources, type Discovery } from './discovery.ts'
import { askWithLook, resetMissing } from './index-look.ts'
import { guardListener } from './listener.ts'
import { type BackfillOptions, type Settings, settingsOf } from './options.ts'
import { createPatience, patientStore } from './patient-store.ts'
import { createRelayPauses, type RelayPauses } from './relay-pauses.ts'
import { createRunScope, leftOutBy, type RunScope } from './run-scope.ts'
import { type RelayRun, sideBySide } from './several-relays.ts'
import { MAX_ROUNDS, startRun } from './start-run.ts'
import { countSummary } from './summary.ts'
import { createToldSizes, type ToldSizes } from './told-sizes.ts'
import { type WalkParts, walk } from './walk.ts'
import { createWorkerPool, type PoolParts, type WorkerPool } from './worker-pool.ts'

// One run, from the top: all relays side by side (several-relays), and for each: wait for a pause that the relay asked an
// earlier run for, check the relay, ask the sources, reset what is gone from the index, register what the sources know
// (`prepare`); let the workers claim and walk until nothing is left (worker-pool, walk, commit-turns, commit); look once
// more, and go another round if there is new work (`isOver`). Who repeats what, from the inside out:
//
// | what failed                               | is repeated by             | how often, and how long apart             |
// | ----------------------------------------- | -------------------------- | ----------------------------------------- |
// | a transaction, by a conflict with another | kysely/transaction         | up to 40 times, at once                   |
// | a commit that got no answer               | kysely/advance             | up to 3 times: it is read, then repeated  |
// | any call to a store that is unavailable   | run/patient-store          | for ever, 0.5 s growing to 30 s           |
// | a request for a page                      | paging/fetch-page          | `retry.retries`, or as the server asked   |
// | a cursor that is refused while the first  | paging/fetch-page          | 6 times                                   |
// | page is served                            |                            |                                           |
// | a malformed page, a repeated cursor       | paging/fetch-page          | twice                                     |
// | a write of pages                          | run/commit                 | `retry.retries`; several pages: singly    |
// | another call to the progress store        | run/patient-store          | `retry.retries`; then the run ends, last  |
// | a source of collections                   | run/discovery              | where its error says so                   |
// | a walk, with its requests' retries used   | run/failure-policy         | `maxAttempts`, minutes growing to an hour |
// | a walk that the relay asked to wait       | run/failure-policy         | `maxAttempts` in a row, not counted       |
// | a saved cursor that the relay refuses,    | run/failure-policy         | once for both, from the first page        |
// | or cursors that changed their meaning     |                            |                                           |
// | a round of workers that left work behind  | this file                  | `MAX_ROUNDS`                              |
//
// Nothing repeats a programming error, an error with `scope: 'run'`, or what a listener throws: each ends the run.

/**
 * One run, as an async iterator of durable pages. Nothing starts before the first `next()`.
 *
 * There is one way to stop: leave the loop, or abort the signal. Both abort what is under way, release the claims and
 * settle within a second. If the loop finishes without throwing, every collection that is registered for the relays is
 * complete.
 *
 * It is one run: iterated a second time, it throws.
 */
export interface Backfiller extends Run<PageEvent, BackfillSummary> {
  /** What this run has done in this process, up to date at any time. */
  readonly summary: BackfillSummary
  /** How far the work is, over all runs and workers, at any time: read from the progress store. */
  status(): Promise<BackfillStatus>
}

/**
 * Imports what relays know into an index: discovers collections, pages `listReposByCollection` for each, adds every
 * (collection, DID) pair to the store and saves the cursor with each page. Another run, after a crash or beside this one,
 * goes on from there. Of several relays, one that fails does not stop the others.
 *
 * @throws InvalidOptionError for an option that cannot be used. While iterated: `IncompleteError` at the end when
 * collections are left, or one of several relays has failed; `RelayUnsuitableError` when the only relay cannot serve a
 * backfill, another `RelayError` when it cannot be reached at the start, `DiscoveryError` when there is nothing to do;
 * `NotMigratedError` and what else a store cannot recover from, what the listener throws, the signal's reason when that
 * aborts.
 */
export function createBackfiller(options: BackfillOptions): Backfiller {
  const settings = settingsOf(options)
  const stop = createController()
  const emit = guardListener(settings.onEvent, stop)
  const counts = countSummary(settings.relays.map(({ lister: { relay } }) => relay))
  const counted: Emit = (event) => {
    counts.count(event)
    emit(event)
  }
  const runs = settings.relays.map(
    (relay): RelayRun => ({
      relay: relay.lister.relay,
      state: 'pending',
      pages: () => walkRelay(relay, stop.signal, counted),
    }),
  )
  const { signal } = settings
  const run = startRun(() => sideBySide(runs, stop, emit), { signal, stop, counts })
  return Object.assign(run, { status: () => readStatus(runs, settings.relays) })
}

/** The run over one relay, to its end. Its own failure ends nothing but itself. */
async function* walkRelay(
  settings: Settings,
  signal: AbortSignal,
  emit: Emit,
): AsyncGenerator<PageEvent, void, void> {
  const stop = createController()
  abortWith(signal, stop)
  const running = startRelay(settings, stop, emit)
  try {
    const discovery = await prepare(running)
    for (let round = 1; ; round += 1) {
      const workers = Array.from({ length: settings.concurrency }, () => running.pool.work())
      yield* merge(workers, stop)
      const isLastRound = round === MAX_ROUNDS
      if (!isLastRound) await askAgain(running, discovery)
      if (await isOver(running, discovery.collections, isLastRound)) return
    }
  } finally {
    await running.pauses.end()
    stop.abort()
  }
}

/** The settings of a relay whose run is under way: with a signal that its end aborts, and a progress store that waits. */
interface Running extends Settings {
  readonly signal: AbortSignal
  readonly emit: Emit
  readonly pauses: RelayPauses
  readonly keepPause: RelayPauses['keep']
  readonly sizes: ToldSizes
  readonly turns: CommitTurns
  readonly scope: RunScope
  readonly queue: ClaimQueue
  readonly pool: WorkerPool<PageEvent>
}

function startRelay(settings: Settings, stop: AbortController, emit: Emit): Running {
  const { signal } = stop
  const { lister, leaseMs, storeTimeoutMs } = settings
  const { relay } = lister
  const patience = createPatience({ relay, timeoutMs: storeTimeoutMs, signal, emit })
  const progress = patientStore(settings.progress, { ...settings, relay, patience, signal, emit })
  const scope = createRunScope(settings.filter)
  const queue = createClaimQueue({ relay, progress, leaseMs, signal, emit, collections: scope.names })
  const pauses = createRelayPauses({ relay, progress, emit, stop })
  const sizes = createToldSizes(lister.pageSize)
  const turns = createCommitTurns(signal)
  const told = { sizes, flagsOf: sizes.flagsOf, turns }
  const parts = { patience, queue, pauses, keepPause: pauses.keep, scope, ...told }
  const running = { ...settings, progress, signal, emit, ...parts }
  return { ...running, pool: createWorkerPool(poolParts(running)) }
}

function poolParts(
  parts: WalkParts & Pick<Running, 'queue' | 'maxAttempts' | 'turns'>,
): PoolParts<PageEvent> {
  const { queue, progress, signal, maxAttempts, retry, emit } = parts
  return {
    queue,
    progress,
    signal,
    maxAttempts,
    maxDelayMs: retry.maxDelayMs,
    isOneServer: true,
    workOn: (claim) => ({
      asking: parts,
      emit,
      async *steps({ signal: held }) {
        for await (const step of walk(claim, parts, held)) {
          emit(step.event)
          yield { ...step, completed: step.event.completed }
        }
      },
    }),
  }
}

/**
 * Waits for a pause that an earlier run was told, checks the relay, asks the sources, resets what is gone from the index,
 * registers what the sources know.
 */
async function prepare(running: Running): Promise<Discovery> {
  const { lister, progress, pauses, scope, signal, emit } = running
  const { refreshAfterMs, refreshBefore, keepFailed } = running
  const { relay } = lister
  tellPauses(running)
  await pauses.sitOut(relay, signal)
  await checkRelay(running, running.named)
  const { discovery, missing } = await askWithLook(running)
  running.sizes.take(discovery.told)
  const rows = scope.isSet ? await progress.list({ relay }) : []
  const leftOut = leftOutBy(scope, discovery.collections, rows)
  const collections = scope.takeKnown(discovery.collections)
  running.turns.expect(collections)
  const { sources: reports, invalidNames } = discovery
  const told = { ...(invalidNames.length > 0 && { invalidNames }), ...(keepFailed && { keepFailed }) }
  emit({ type: 'discovered', relay, collections, sources: reports, ...told, ...leftOut })
  await resetMissing(
    missing.filter(({ collection }) => scope.wants(collection)),
    { relay, progress, emit, keepFailed },
  )
  const earlier = scope.takeRows(rows).map(({ collection }) => ({ nsid: collection }))
  const how = { refreshAfterMs, refreshBefore, keepFailed, ...(scope.isSet && { keepOthers: true }) }
  await progress.register(relay, [...earlier, ...collections], how)
  if (collections.length > 0) return { ...discovery, collections }
  const registered = await progress.list({ relay })
  if (registered.length === 0) throw new DiscoveryError(discovery.errors)
  return { ...discovery, collections }
}

/** What is new to the sources that come to know more while a run goes on. */
async function askAgain(running: Running, discovery: Discovery): Promise<void> {
  const live = running.sources.filter(({ source }) => source.live)
  const { collections, told } = await askSources(live, running)
  running.sizes.take(told)
  const known = new Set(discovery.collections.map(({ nsid }) => nsid))
  discovery.collections.push(...running.scope.takeKnown(collections).filter(({ nsid }) => !known.has(nsid)))
}

/**
 * Whether everything is complete, once the workers found nothing more to do. Another run may have registered more in the
 * meantime. What was discovered and has no row is registered: a live source has come to know it just now, or a database
 * that does not wait for its disk (`synchronous_commit=off`) forgot the row when it crashed.
 *
 * @throws IncompleteError when it is over and collections are not complete
 */
async function isOver(
  { progress, scope, lister: { relay } }: Running,
  discovered: readonly KnownCollection[],
  isLastRound: boolean,
): Promise<boolean> {
  const rows = scope.takeRows(await progress.list({ relay }))
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

/** How far the work is, as the store has it, and what has become of each relay's run. */
async function readStatus(runs: readonly RelayRun[], settings: readonly Settings[]): Promise<BackfillStatus> {
  const lists = await Promise.all(settings.map(({ progress, lister: { relay } }) => progress.list({ relay })))
  const collections = lists.flat()
  const relays = runs.map(({ relay, state: run, error }, i): RelayStatus => {
    const status = { relay, run, ...countsOf(lists[i] ?? []) }
    return run === 'failed' ? { ...status, error } : status
  })
  return { ...countsOf(collections), relays, collections }
}

function countsOf(collections: readonly CollectionProgress[]): StatusCounts {
  const inState = (state: CollectionState) =>
    collections.filter((collection) => collection.state === state).length
  return {
    total: collections.length,
    complete: inState('complete'),
    running: inState('running'),
    pending: inState('pending'),
    failed: inState('failed'),
    imported: collections.reduce((sum, { imported }) => sum + imported, 0),
  }
}
