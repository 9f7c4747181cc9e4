import type { Emit } from '../contracts/events.ts'
import type { FeedEvent } from '../contracts/feed-events.ts'
import type { Claim } from '../contracts/progress-store.ts'
import { isBackfillError } from '../errors.ts'
import { createClaimQueue } from '../run/claim-queue.ts'
import { keepLease } from '../run/lease.ts'
import { guardListener } from '../run/listener.ts'
import { createPatience, patientStore, RELEASE_MS, STORE_TIMEOUT_MS } from '../run/patient-store.ts'
import { abortWith, childController, createController, settledWithin, sleep } from '../util/abort.ts'
import { retryPolicy } from '../util/retry.ts'
import { createFeedCommit } from './feed-commit.ts'
import { followConnections } from './feed-connections.ts'
import { type FeedOptions, type FeedSettings, type FeedTarget, feedSettings } from './feed-options.ts'
import { createPendingBatch } from './pending-batch.ts'

/**
 * How often a process that waits looks whether the other one follows the feed by now, in milliseconds. And how long one whose
 * claim was lost waits before it is after the next one.
 */
const ELSEWHERE_MS = 1_000

/**
 * Follows a relay's firehose, or a Jetstream, and keeps the index up to date with it: repos that write their first record
 * of a collection, and those that delete their last; accounts that are deleted, or come back. What the feed told is
 * written about once a second, together with its cursor where both are in one database, so that a crash at any instant
 * loses nothing and repeats nothing that shows.
 *
 * Any number of processes may follow one feed with one store: one of them does, and another one takes over when it stops
 * or dies.
 *
 * Begin a backfill once the `live` event came, with `refreshBefore: event.since`: so nothing falls between the two. See
 * the page on the live feed for the repos that are to be looked up at their hosts.
 *
 * @returns never resolves: a feed has no end. It rejects with the signal's reason when that aborts
 * @throws InvalidOptionError for an option that cannot be used, at once. Later, what a store cannot recover from, or what
 * the listener throws. The relay and a store that cannot be reached are waited for
 */
export function followFeed(options: FeedOptions): Promise<never> {
  return follow(feedSettings(options))
}

async function follow(settings: FeedSettings): Promise<never> {
  const { source, store, leaseMs } = settings
  const { feed } = source
  const stop = createController()
  abortWith(settings.signal, stop)
  const { signal } = stop
  const emit = guardListener<FeedEvent>(settings.onEvent, stop)
  // A part of a run tells its relay's name, which is the feed's here.
  const emitForRun: Emit = ({ relay, ...event }) => emit({ ...event, feed: relay } as unknown as FeedEvent)
  // A process that does nothing else waits here for its turn.
  const awake = setInterval(() => {}, STORE_TIMEOUT_MS)
  try {
    signal.throwIfAborted()
    const parts = { relay: feed, signal, emit: emitForRun }
    const patience = createPatience({ ...parts, timeoutMs: STORE_TIMEOUT_MS })
    const progress = patientStore(store.progress, { ...parts, patience, retry: retryPolicy() })
    await progress.register(feed, [{ nsid: source.kind }], { keepFailed: true })
    const queue = createClaimQueue({ ...parts, progress, leaseMs })
    const pending = createPendingBatch(settings.unprovenDeletes, { sharesRevs: source.kind === 'jetstream' })
    for (;;) {
      const claim = await waitForTurn(() => queue.next(), settings, emit, signal)
      const lease = keepLease(claim, progress, signal)
      let hasBegun = false
      try {
        const commit = createFeedCommit(claim, pending, { ...settings, emit, patience, signal: lease.signal })
        await commit.begin()
        hasBegun = true
        await followConnections({ ...settings, emit, commit, pending, signal: lease.signal })
      } catch (error) {
        signal.throwIfAborted()
        if (!isBackfillError(error, 'CLAIM_LOST')) throw error
        // Not where the progress store is older than the pairs, as after a restore: each claim raises its epoch.
        if (hasBegun) emit({ type: 'claimLost', feed, error })
      } finally {
        lease.letGo()
        pending.forget()
        await settledWithin(RELEASE_MS, store.progress.release(claim))
      }
      // Two that have a progress store each take one feed from each other: the relay is not to be connected to all the time.
      if (hasBegun) await sleep(ELSEWHERE_MS, signal)
    }
  } catch (error) {
    // An abort is the caller's decision, and what a listener threw has aborted too.
    signal.throwIfAborted()
    throw error
  } finally {
    clearInterval(awake)
    stop.abort()
  }
}

/** Since when another process follows the feed without a gap; absent while none does. */
async function followedElsewhere(
  { progress, feed: kept }: FeedTarget,
  feed: string,
): Promise<Date | undefined> {
  const [row] = await progress.list({ relay: feed })
  return row?.state === 'running' ? kept.followedSince(feed) : undefined
}

/** Waits for the claim on the feed. If another process follows it meanwhile, tells that once. */
async function waitForTurn(
  next: () => Promise<Claim | undefined>,
  { source: { feed }, store }: FeedSettings,
  emit: (event: FeedEvent) => void,
  signal: AbortSignal,
): Promise<Claim> {
  const waiting = childController(signal)
  const lookElsewhere = async () => {
    for (;;) {
      await sleep(ELSEWHERE_MS, waiting.signal)
      // A store that cannot be read is waited for by the claim itself, and asked again here.
      const since = await followedElsewhere(store, feed).catch(() => undefined)
      waiting.signal.throwIfAborted()
      if (since !== undefined) return emit({ type: 'live', feed, since, elsewhere: true })
    }
  }
  // It ends by the abort alone.
  lookElsewhere().catch(() => {})
  try {
    const claim = await next()
    if (claim === undefined) throw new Error(`The row of ${feed} is gone from the progress store.`)
    return claim
  } finally {
    waiting.abort()
  }
}
