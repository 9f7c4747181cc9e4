import type { BackfillHooks } from '../contracts/events.ts'
import type { IndexSink } from '../contracts/index-sink.ts'
import type { Claim, PageProgress, ProgressStore } from '../contracts/progress-store.ts'
import type { FetchedPage } from '../paging/prefetch.ts'
import { abortable } from '../util/abort.ts'
import { isFinal, type RetryPolicy, retrying } from '../util/retry.ts'

/** How long an abort waits for a commit under way: it takes some 30 ms a page, and is whole or absent either way. */
const COMMIT_GRACE_MS = 300

/**
 * After a batch that was undone, so many pages in a row are to be wholly new, or wholly known, before several are one batch
 * again: it was written for nothing, and with four pages ahead this keeps that to an eighth of the pages at the most,
 * wherever the known pairs lie.
 */
const PAGES_BEFORE_BATCHES = 32

export interface CommitParts {
  readonly sink: IndexSink
  readonly progress: ProgressStore
  readonly retry: RetryPolicy
  readonly signal: AbortSignal
  readonly hooks: BackfillHooks
  /** Runs a call to the stores, waiting while they are unavailable. */
  readonly patiently: <T>(operation: () => Promise<T>) => Promise<T>
}

/** Pages that are durable. */
export interface Committed {
  /** The claim for the next page. */
  readonly claim: Claim
  readonly pages: readonly FetchedPage[]
  /** How many pairs of each page were new. */
  readonly added: readonly number[]
}

/** Commits the next pages of a walk, in one commit or in several, and gives each once it is durable. */
export type Commit = (claim: Claim, pages: readonly FetchedPage[]) => AsyncGenerator<Committed, void, void>

/**
 * How the pages of one walk are committed: pairs and cursor in one transaction where both stores share a database, else
 * the pairs first.
 *
 * Pages that waited for the database are one commit. In a shared transaction their pairs are one batch, which a sink
 * writes in the order of its DIDs: written one by one, in a relay's order, they could be half of a deadlock with another
 * relay's, or a live feed's. A batch only tells how many of its pairs were new; where that says nothing of its pages,
 * because they are neither all new nor all known, it is undone and the pages are committed one by one. So they are where
 * the sink fails with the batch: it may be more than a statement bears, or than fits into its time.
 */
export function committing(parts: CommitParts): Commit {
  const { sink, progress } = parts
  const shared = sink.database !== undefined && sink.database === progress.database
  const save = shared ? inOneTransaction : pairsFirst
  let unmixed = PAGES_BEFORE_BATCHES
  return async function* commit(claim, pages) {
    if (pages.length > 1 && unmixed >= PAGES_BEFORE_BATCHES) {
      const together = await commitOnce(claim, pages, save, parts)
      if (together !== undefined) return yield together
      unmixed = 0
    }
    let at = claim
    for (const fetched of pages) {
      const committed = await commitOnce(at, [fetched], save, parts)
      if (committed === undefined) throw new Error('A single page was taken for a mixed batch.')
      const [added] = committed.added
      const isWhole = !shared || added === 0 || added === fetched.page.dids.length
      unmixed = isWhole ? unmixed + 1 : 0
      at = committed.claim
      yield committed
    }
  }
}

/** @returns undefined when the pages are to be committed one by one: then nothing was committed */
async function commitOnce(
  claim: Claim,
  pages: readonly FetchedPage[],
  save: Save,
  parts: CommitParts,
): Promise<Committed | undefined> {
  const { signal, hooks, retry, patiently } = parts
  const { relay, collection, cursor } = claim
  const startedAt = performance.now()
  const change = changeBy(pages)
  const added: number[] = []
  const saving: Saving = { claim, pages, change, added, isTooMuch: false }
  const attempt = () => abortable(save(saving, parts), signal, COMMIT_GRACE_MS)
  const advanced = await retrying(() => patiently(attempt), {
    ...retry,
    signal,
    mayRetry: (error) => !isFinal(error),
    onRetry: (context) => hooks.retry?.({ relay, collection, cursor, ...context }),
  })
  if (advanced === undefined) return undefined
  const durationMs = performance.now() - startedAt
  hooks.committed?.({
    relay,
    collection,
    pages: pages.length,
    dids: change.imported,
    added: sum(added),
    durationMs,
  })
  return { claim: advanced, pages, added }
}

interface Saving {
  readonly claim: Claim
  readonly pages: readonly FetchedPage[]
  readonly change: PageProgress
  /** How many pairs of each page were new, as far as that is known. */
  readonly added: number[]
  /** Whether the sink failed with several pages as one batch. */
  isTooMuch: boolean
}

/** One try. @returns undefined when the pages are to be committed one by one */
type Save = (saving: Saving, parts: CommitParts) => Promise<Claim | undefined>

async function inOneTransaction(saving: Saving, parts: CommitParts): Promise<Claim | undefined> {
  // The hook has told the failure, and the pause after it is over.
  if (saving.isTooMuch) return undefined
  const { claim, pages, change, added } = saving
  const dids = pages.flatMap(({ page }) => page.dids)
  let isAdding = false
  let isMixed = false
  try {
    return await parts.progress.advance(claim, change, async (transaction) => {
      isAdding = true
      const total = await add(claim, dids, parts, transaction)
      isAdding = false
      isMixed = pages.length > 1 && total !== 0 && total !== dids.length
      // The transaction is rolled back.
      if (isMixed) throw new Error('Some pairs of the batch are new and others are known.')
      for (const [index, { page }] of pages.entries())
        added[index] = pages.length === 1 || total === 0 ? total : page.dids.length
    })
  } catch (error) {
    if (isMixed) return undefined
    saving.isTooMuch = pages.length > 1 && isAdding
    throw error
  }
}

/** Pairs that are durable stay so while the others, or the cursor, are tried again. */
async function pairsFirst({ claim, pages, change, added }: Saving, parts: CommitParts): Promise<Claim> {
  for (const [index, { page }] of [...pages.entries()].slice(added.length))
    added[index] = await add(claim, page.dids, parts)
  return parts.progress.advance(claim, change)
}

/** Waits no longer than an abort allows, so that a sink which never answers keeps no transaction open after the run. */
async function add(
  { relay, collection }: Claim,
  dids: readonly string[],
  { sink, signal }: CommitParts,
  transaction?: unknown,
): Promise<number> {
  const adding = sink.add({ relay, collection, dids }, { transaction, signal })
  return (await abortable(adding, signal, COMMIT_GRACE_MS)).added
}

function changeBy(pages: readonly FetchedPage[]): PageProgress {
  const last = pages.at(-1)?.next
  return {
    pages: pages.length,
    cursor: last?.cursor,
    imported: sum(pages.map(({ page }) => page.dids.length)),
    invalid: sum(pages.map(({ page }) => page.invalid ?? 0)),
    loopGuard: last?.loopGuard,
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}
