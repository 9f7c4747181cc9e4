import type { FeedEvent } from '../contracts/feed-events.ts'
import type { AppliedBatch, FeedBatch } from '../contracts/feed-store.ts'
import type { Claim } from '../contracts/progress-store.ts'
import { COMMIT_GRACE_MS } from '../run/commit.ts'
import type { Patience } from '../run/patient-store.ts'
import { abortable } from '../util/abort.ts'
import { isFinal, retrying, retryPolicy } from '../util/retry.ts'
import type { FeedSettings } from './feed-options.ts'
import type { PendingBatch } from './pending-batch.ts'

export interface FeedCommitParts extends Pick<FeedSettings, 'source' | 'store' | 'keepNewcomers'> {
  readonly emit: (event: FeedEvent) => void
  readonly patience: Patience
  readonly signal: AbortSignal
}

/** Writes what is pending, under one claim. */
export interface FeedCommit {
  /** The cursor that is durable; absent before the first commit of a feed, and after {@link FeedCommit.beginAnew}. */
  readonly cursor: string | undefined
  /** Takes the feed over: what an earlier follower writes late is refused from here on. @throws ClaimLostError */
  begin(): Promise<void>
  /** Writes what is pending with its cursor, and tells. @throws ClaimLostError */
  save(): Promise<void>
  /** Keeps that what came before is missing in part, before the cursor moves on. @returns since when nothing is */
  noteGap(): Promise<Date>
  /** `FeedStore.followedSince` */
  followedSince(): Promise<Date>
  /** The saved cursor means nothing to the server: it is replaced by the next one. */
  beginAnew(): void
  /** Why there is no cursor to go on from. */
  readonly missing: 'begin' | 'futureCursor' | undefined
}

export function createFeedCommit(
  granted: Claim,
  pending: PendingBatch,
  { source, store, keepNewcomers, emit, patience, signal }: FeedCommitParts,
): FeedCommit {
  const { feed } = source
  let claim = granted
  let cursor = granted.cursor
  let missing: FeedCommit['missing'] = cursor === undefined ? 'begin' : undefined
  const isShared = store.feed.database !== undefined && store.feed.database === store.progress.database
  // In one transaction with the cursor, a batch is fenced by its claim. Elsewhere a claim has two epochs, and takes the feed
  // over with the lower one: a progress store that was put back gives an epoch a second time, and the first claim may live.
  const fence = isShared ? {} : { epoch: 2 * granted.epoch }

  const patiently = <T>(call: () => Promise<T>): Promise<T> =>
    retrying(() => patience.wait(() => abortable(call(), signal, COMMIT_GRACE_MS), COMMIT_GRACE_MS), {
      ...retryPolicy(),
      signal,
      mayRetry: (error) => !isFinal(error),
      onRetry: (failure) => emit({ type: 'retry', feed, ...failure }),
    })

  /** In one transaction where there can be one; else the pairs first, so that a crash repeats them. */
  async function write(batch: FeedBatch, next: string): Promise<AppliedBatch> {
    const change = { pages: 1, cursor: next, imported: batch.added?.length ?? 0, invalid: 0 }
    const apply = (transaction?: unknown) => store.feed.apply(batch, { transaction, signal })
    let applied = { added: 0, removed: 0 }
    if (!isShared) applied = await apply()
    claim = await store.progress.advance(
      claim,
      change,
      isShared
        ? async (transaction) => {
            applied = await apply(transaction)
          }
        : undefined,
    )
    return applied
  }

  const readSince = () => patiently(() => store.feed.followedSince(feed, { signal }))
  async function noteGap(): Promise<Date> {
    await patiently(async () => {
      // It is written without the cursor.
      if (isShared) await store.progress.renew(claim, claim.leaseMs)
      return store.feed.apply({ feed, ...fence, restarted: true }, { signal })
    })
    const since = await readSince()
    if (since === undefined) throw new Error(`The store did not keep since when ${feed} is followed.`)
    return since
  }

  return {
    get cursor() {
      return cursor
    },
    async begin() {
      if (fence.epoch === undefined) return
      for (const epoch of [fence.epoch - 1, fence.epoch])
        await patiently(() => store.feed.apply({ feed, epoch }, { signal }))
    },
    async save() {
      const { batch, messages, invalid, seq, time } = pending.take()
      const next = seq === undefined ? cursor : String(Math.max(seq, Number(cursor ?? 0)))
      if (next === undefined) return
      const readAt = Date.now()
      const startedAt = performance.now()
      const whole = { feed, ...fence, ...batch, ...(keepNewcomers !== undefined && { keepNewcomers }) }
      const applied = await patiently(() => write(whole, next))
      cursor = next
      missing = undefined
      emit({
        type: 'batch',
        feed,
        cursor: next,
        messages,
        ...applied,
        accounts: batch.accounts?.length ?? 0,
        toLookUp: batch.toLookUp ?? [],
        invalid,
        ...(time !== undefined && { lagMs: Math.max(0, Math.round(readAt - time)) }),
        durationMs: performance.now() - startedAt,
      })
    },
    noteGap,
    followedSince: async () => (await readSince()) ?? noteGap(),
    beginAnew() {
      cursor = undefined
      missing = 'futureCursor'
    },
    get missing() {
      return missing
    },
  }
}
