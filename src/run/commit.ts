import type { CollectionFlag } from '../contracts/collection-progress.ts'
import type { Emit } from '../contracts/events.ts'
import type { IndexBatch, IndexSink } from '../contracts/index-sink.ts'
import type { Claim, PageProgress, ProgressStore, WalkAnchor } from '../contracts/progress-store.ts'
import type { FetchedPage } from '../paging/prefetch.ts'
import { abortable } from '../util/abort.ts'
import { isFinal, type RetryPolicy, retrying } from '../util/retry.ts'
import type { WalkTurns } from './commit-turns.ts'
import { endsRun } from './failure-policy.ts'
import type { Patience } from './patient-store.ts'
import type { ToldSizes } from './told-sizes.ts'

/**
 * How long an abort waits for a commit under way, in milliseconds: it takes some 30 ms a page, and is whole or absent either
 * way.
 */
export const COMMIT_GRACE_MS = 300

export interface CommitParts {
  readonly sink: IndexSink
  readonly progress: ProgressStore
  readonly retry: RetryPolicy
  readonly signal: AbortSignal
  readonly emit: Emit
  readonly patience: Patience
  /** What is to be said of a walk that ends. @default nothing */
  readonly flagsOf?: ToldSizes['flagsOf'] | undefined
  /** Runs a commit when it is this walk's turn. @default at once */
  readonly inTurn?: WalkTurns['inTurn'] | undefined
}

/** Pages that are durable. */
export interface Committed<Page extends FetchedPage = FetchedPage> {
  /** The claim for the next page. */
  readonly claim: Claim
  readonly pages: readonly Page[]
  /** How many of the pairs were new; absent where the sink cannot know. */
  readonly added: number | undefined
  /** What these pages gave the collection to be known for good; absent for most. */
  readonly flags?: readonly CollectionFlag[]
  /** How long it took, in milliseconds, with its retries. */
  readonly durationMs: number
}

/**
 * Commits the next pages of a walk and gives what became durable: pairs and cursor in one transaction where both stores
 * share a database, else the pairs first.
 *
 * Pages that waited for the database are one commit and one batch, which a sink writes in the order of its DIDs:
 * written one by one, in a relay's order, they could be half of a deadlock with another relay's, or a live feed's.
 * Where the sink fails with the batch, its pages are committed one by one: it may be more than a statement bears, or
 * than fits into its time.
 *
 * @param anchor of the walk, to be kept with the cursor
 */
export async function* commitPages<Page extends FetchedPage>(
  claim: Claim,
  pages: readonly Page[],
  anchor: WalkAnchor | undefined,
  parts: CommitParts,
): AsyncGenerator<Committed<Page>, void, void> {
  const together = await commitOnce(claim, pages, anchor, parts)
  if (together !== 'split') return yield together
  let at = claim
  for (const page of pages) {
    const committed = await commitOnce(at, [page], anchor, parts)
    if (committed === 'split') throw new Error('One page cannot be split.')
    at = committed.claim
    yield committed
  }
}

/** @returns `split` when the sink failed with several pages: nothing was committed, and they are to come one by one */
async function commitOnce<Page extends FetchedPage>(
  claim: Claim,
  pages: readonly Page[],
  anchor: WalkAnchor | undefined,
  parts: CommitParts,
): Promise<Committed<Page> | 'split'> {
  const { signal, retry, emit, patience, inTurn } = parts
  const { relay, collection, cursor } = claim
  let startedAt: number | undefined
  const write = createWrite(batchesOf(claim, pages), parts)
  const isTooMuch = () => pages.length > 1 && write.state === 'failed'
  const change = withEndFlags(claim, changeBy(pages, anchor), parts)
  const { flags } = change
  const attempt = () => abortable(save(claim, change, write, parts), signal, COMMIT_GRACE_MS)
  const begin = () => {
    startedAt ??= performance.now()
    return patience.wait(attempt, COMMIT_GRACE_MS)
  }
  const tell = (failure: { error: unknown; attempt: number; waitMs: number }) =>
    emit({ type: 'retry', relay, collection, cursor, ...failure })
  try {
    const advanced = await retrying(() => (inTurn === undefined ? begin() : inTurn(claim, begin)), {
      ...retry,
      signal,
      mayRetry: (error) => !isFinal(error) && !isTooMuch(),
      onRetry: tell,
    })
    if (advanced === 'split') return 'split'
    const durationMs = performance.now() - (startedAt ?? 0)
    return { claim: advanced, pages, added: write.added, ...(flags && { flags }), durationMs }
  } catch (error) {
    // An abort is the caller's decision, not a failure of the sink.
    signal.throwIfAborted()
    if (!isTooMuch() || endsRun(error)) throw error
    tell({ error, attempt: 1, waitMs: 0 })
    return 'split'
  }
}

function batchesOf({ relay, collection }: Claim, pages: readonly FetchedPage[]): readonly IndexBatch[] {
  if (pages.some(({ batches }) => batches !== undefined)) return pages.flatMap(({ batches = [] }) => batches)
  return [{ relay, collection, dids: pages.flatMap(({ page }) => page.dids) }]
}

/** The writing of one commit's pairs to the sink, over all its tries. */
interface PairsWrite {
  /** In the progress store's open transaction, or on its own without one. */
  run(transaction?: unknown): Promise<void>
  /** How the last try went; `failed` also while one is under way, for it may never come back. */
  readonly state: 'not begun' | 'failed' | 'written'
  readonly added: number | undefined
}

function createWrite(batches: readonly IndexBatch[], { sink, signal }: CommitParts): PairsWrite {
  const write: { -readonly [Key in keyof PairsWrite]: PairsWrite[Key] } = {
    state: 'not begun',
    added: undefined,
    async run(transaction) {
      write.state = 'failed'
      let added: number | undefined = 0
      for (const batch of batches) {
        const adding = sink.add(batch, { transaction, signal })
        // Waits no longer than an abort allows, so that a sink which never answers keeps no transaction open after the
        // run.
        const result = await abortable(adding, signal, COMMIT_GRACE_MS)
        added = result && added !== undefined ? added + result.added : undefined
      }
      write.state = 'written'
      write.added = added
    },
  }
  return write
}

/** One try. */
async function save(
  claim: Claim,
  change: PageProgress,
  write: PairsWrite,
  { sink, progress }: CommitParts,
): Promise<Claim | 'split'> {
  // The sink was unavailable with the batch: perhaps it takes too long for it.
  if (write.state === 'failed' && change.pages > 1) return 'split'
  const isShared = sink.database !== undefined && sink.database === progress.database
  if (isShared) return progress.advance(claim, change, (transaction) => write.run(transaction))
  // Pairs that are durable stay so while the cursor is tried again.
  if (write.state !== 'written') await write.run()
  return progress.advance(claim, change)
}

function changeBy(pages: readonly FetchedPage[], anchor: WalkAnchor | undefined): PageProgress {
  const last = pages.at(-1)?.next
  const flags = pages.flatMap((page) => page.flags ?? [])
  return {
    pages: pages.length,
    cursor: last?.cursor,
    imported: sum(pages.map(({ page }) => page.dids.length)),
    invalid: sum(pages.map(({ page }) => page.invalid ?? 0)),
    loopGuard: last?.loopGuard,
    anchor: last?.cursor === undefined ? undefined : anchor,
    ...(flags.length > 0 && { flags }),
  }
}

function withEndFlags(claim: Claim, change: PageProgress, { flagsOf }: CommitParts): PageProgress {
  if (change.cursor !== undefined || flagsOf === undefined) return change
  const entries = claim.imported + claim.invalid + change.imported + change.invalid
  const flags = flagsOf({ collection: claim.collection, entries, pages: claim.pages + change.pages })
  return flags.length > 0 ? { ...change, flags: [...(change.flags ?? []), ...flags] } : change
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}
