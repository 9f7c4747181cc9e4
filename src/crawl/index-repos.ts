import { isValidDid } from '@atproto/syntax'
import type { RepoToLookUp } from '../contracts/feed-store.ts'
import type { IndexReposEvent, IndexReposSummary, RepoEvent } from '../contracts/index-repos-events.ts'
import { guardListener } from '../run/listener.ts'
import { startRun } from '../run/start-run.ts'
import { createController } from '../util/abort.ts'
import { merge } from '../util/merge-streams.ts'
import type { Run } from '../util/run-iterator.ts'
import { oneLine } from '../util/text.ts'
import { guardConnections } from './connection-guard.ts'
import { heldCollections } from './held-collections.ts'
import { createHostFinder } from './host-finder.ts'
import { hostPaces } from './host-paces.ts'
import {
  type IndexReposOptions,
  type IndexReposSettings,
  indexReposSettingsOf,
} from './index-repos-options.ts'
import { countRepos, type RepoCounts } from './index-repos-summary.ts'
import { counted, createRepoLook, type RepoFound, type RepoLook } from './repo-look.ts'
import { type RepoQueue, repoQueue } from './repo-queue.ts'
import { createRepoWriter, type RepoBefore, type RepoWriter } from './repo-writer.ts'
import { createStoreCalls, type StoreCalls } from './store-calls.ts'

/** One run over given repos: an event for each of them, in the order in which they are done. */
export interface IndexReposRun extends Run<RepoEvent, IndexReposSummary> {}

/**
 * Indexes given repos: finds the host of each by the document of its DID, asks that for the repo's collections, and adds
 * the repo to them. Where it is told to, it removes the repo from those that it has no more, and repos that are gone. For
 * what no relay lists, and to mend what `verify` and a comparison of relays found.
 *
 * A repo that could not be had is an event with the state `failed`, and ends nothing. Each host is asked at its own pace;
 * one that does not answer is not asked again for a minute. Nothing is kept of how far it is: a run that is repeated
 * asks again, and changes nothing that is right already.
 *
 * It stops as a backfiller does: leave the loop, or abort the signal.
 *
 * @throws InvalidOptionError for an option that cannot be used. While iterated: `NotMigratedError` and what else a store
 * cannot recover from, what the stream of repos or `onEvent` throws, the signal's reason when that aborts.
 */
export function indexRepos(options: IndexReposOptions): IndexReposRun {
  const settings = indexReposSettingsOf(options)
  const stop = createController()
  const counts = countRepos()
  return startRun(() => indexAll(settings, stop, counts), { signal: settings.signal, stop, counts })
}

async function* indexAll(
  settings: IndexReposSettings,
  stop: AbortController,
  counts: RepoCounts,
): AsyncGenerator<RepoEvent, void, void> {
  const { concurrency } = settings
  const queue = repoQueue(settings.repos, stop.signal)
  // A fetch of the caller's own may reach hosts by other ways.
  const endGuard = settings.isOwnFetch ? guardConnections(settings.isGuarded) : () => {}
  try {
    const work = workOn(queue, settings, stop, counts)
    yield* merge(
      Array.from({ length: concurrency }, () => work()),
      stop,
    )
  } finally {
    endGuard()
    queue.close()
  }
}

interface WorkParts extends IndexReposSettings {
  readonly look: RepoLook
  readonly writer: RepoWriter
  readonly calls: StoreCalls
  before(did: string): Promise<RepoBefore>
}

function workOn(
  queue: RepoQueue,
  settings: IndexReposSettings,
  stop: AbortController,
  counts: RepoCounts,
): () => AsyncGenerator<RepoEvent, void, void> {
  const { signal } = stop
  const guarded = guardListener(settings.onEvent, stop)
  const emit = (event: IndexReposEvent) => {
    counts.count(event)
    guarded(event)
  }
  const onPause = (host: string, waitMs: number, error: unknown) =>
    emit({ type: 'paused', host, waitMs, ...(error !== undefined && { error }) })
  const paces = hostPaces({ ...settings, onPause }, signal)
  const finder = createHostFinder(settings.did, {
    http: settings.httpOptions,
    readHost: settings.readHost,
    rates: settings.rates,
    askHost: ({ host, origin }) => counted(paces.of(host, origin), { host }, emit),
    askDirectory: (host, run) => counted(run, { host }, emit),
  })
  const calls = createStoreCalls({ ...settings, signal, emit })
  const parts: WorkParts = {
    ...settings,
    calls,
    look: createRepoLook({ ...settings, finder, paces, signal, emit }),
    writer: createRepoWriter({ ...settings, calls, signal, onWritten: counts.written }),
    before: readerOf(settings, calls, signal),
  }
  return async function* work() {
    for (let item = await queue.next(); item !== undefined; item = await queue.next()) {
      const event = await indexOne(item, parts)
      emit(event)
      yield event
    }
  }
}

/** Reads what the store has of a repo before its host is asked. */
function readerOf(
  { index, feed, removeMissing, removeGone }: IndexReposSettings,
  calls: StoreCalls,
  signal: AbortSignal,
): WorkParts['before'] {
  const removes = removeMissing || removeGone.length > 0
  const held = index !== undefined && removes ? heldCollections(index, calls, signal) : undefined
  return async (did) => {
    const [account] = feed === undefined ? [] : await calls.make(() => feed.accountsOf([did], { signal }))
    return { held: await held?.(did), rev: account === undefined ? undefined : (account.rev ?? null) }
  }
}

/** How often a repo is looked at that a live feed tells of meanwhile. */
const MOST_LOOKS = 3

async function indexOne(item: string | RepoToLookUp, parts: WorkParts): Promise<RepoEvent> {
  const note = typeof item === 'string' ? undefined : item
  const did: unknown = typeof item === 'string' ? item : Object(item).did
  if (typeof did !== 'string' || !isValidDid(did)) return noDid(did)
  for (let looks = 1; ; looks += 1) {
    const before = note === undefined ? await parts.before(did) : { held: undefined, rev: undefined }
    const found = await parts.look.at(did)
    const isLast = looks === MOST_LOOKS
    const written = await parts.writer.write({ found, before, note, isLast })
    if (written !== 'stale') return eventOf(found, before, written.removed)
  }
}

function noDid(given: unknown): RepoEvent {
  const did = oneLine(typeof given === 'string' ? given : `(${typeof given})`, 100)
  return { type: 'repo', did, state: 'invalid', reason: 'it is no DID', collections: [], removed: [] }
}

function eventOf(
  { isWhole: _, ...found }: RepoFound,
  { held }: RepoBefore,
  removed: readonly string[],
): RepoEvent {
  const added = held && found.collections.filter((nsid) => !held.has(nsid))
  return { type: 'repo', ...found, ...(added && { added }), removed }
}
