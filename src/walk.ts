import { advancePosition, type Position } from './cursor-guard.ts'
import { hasCode } from './errors.ts'
import type { BackfillHooks, PageEvent } from './events.ts'
import { blameRelay } from './failure.ts'
import type { IndexSink } from './index-sink.ts'
import type { Claim, ProgressStore } from './progress-store.ts'
import type { RepoLister, RepoPage } from './repo-lister.ts'
import { isFinal, type RetryPolicy, retrying } from './retry.ts'
import { abortable, linkedController } from './time.ts'

/** How often a malformed page, or a repeated cursor, is asked for again before it is believed. */
const BAD_ANSWER_RETRIES = 2
/** How long an abort waits for a commit under way: a page takes some 30 ms, and whole or absent it is either way. */
const COMMIT_GRACE_MS = 300

export interface WalkParts {
  readonly lister: RepoLister
  readonly sink: IndexSink
  readonly progress: ProgressStore
  readonly retry: RetryPolicy
  readonly signal: AbortSignal
  readonly hooks: BackfillHooks
  /** Runs a call to the stores, waiting while they are unavailable. */
  readonly patiently: <T>(operation: () => Promise<T>) => Promise<T>
}

interface FetchedPage {
  readonly page: RepoPage
  readonly next: Position
}

/**
 * Walks one claimed collection to its end. Each page is yielded once it is durable. The next page is fetched while
 * this one is committed, and no further: at most two pages are held.
 */
export async function* walk(start: Claim, parts: WalkParts): AsyncGenerator<PageEvent, void, void> {
  const { controller, unlink } = linkedController(parts.signal)
  const fetchFrom = (position: Position) => {
    const fetching = fetchPage(position, { ...parts, signal: controller.signal })
    // Its error is met where the page is awaited; when the walk ends before that, nobody needs it.
    fetching.catch(() => {})
    return fetching
  }
  let claim = start
  let fetching = fetchFrom({ ...positionOf(claim), emptyPages: 0 })
  try {
    for (;;) {
      const { page, next } = await fetching.catch(blameRelay)
      const isLast = next.cursor === undefined
      if (!isLast) fetching = fetchFrom(next)
      const { advanced, added } = await commit(claim, page, next, parts)
      claim = advanced
      yield eventOf(claim, page, added)
      if (isLast) return
    }
  } finally {
    controller.abort()
    unlink()
  }
}

function positionOf({ source, collection, cursor, page, loopGuard }: Claim): Omit<Position, 'emptyPages'> {
  return { source, collection, cursor, page, loopGuard }
}

function fetchPage(position: Position, parts: WalkParts): Promise<FetchedPage> {
  const { retry, signal, hooks } = parts
  const { source, collection, cursor } = position
  let badAnswers = 0
  const attempt = async () => {
    const page = await request(position, parts)
    // Here, inside the retry: servers have been seen to send a page twice and go on when asked again.
    return { page, next: advancePosition(position, page) }
  }
  const mayRetry = (error: unknown) => {
    if (isBadAnswer(error)) return ++badAnswers <= BAD_ANSWER_RETRIES
    return !isFinal(error)
  }
  return retrying(attempt, {
    ...retry,
    signal,
    mayRetry,
    onRetry: (context) => hooks.retry?.({ source, collection, cursor, ...context }),
  })
}

async function request(
  { source, collection, cursor }: Position,
  { lister, signal, hooks }: WalkParts,
): Promise<RepoPage> {
  const startedAt = performance.now()
  const tell = (outcome: { repos: number } | { error: unknown }) =>
    hooks.requested?.({ source, collection, cursor, durationMs: performance.now() - startedAt, ...outcome })
  try {
    const page = await abortable(lister.listRepos({ collection, cursor, signal }), signal)
    tell({ repos: page.dids.length })
    return page
  } catch (error) {
    // An abort is the caller's decision, not a failure of the relay; a hook that throws has aborted the run.
    signal.throwIfAborted()
    tell({ error })
    throw error
  }
}

function isBadAnswer(error: unknown): boolean {
  return hasCode(error, 'RELAY_BAD_ANSWER') || hasCode(error, 'CURSOR_LOOP')
}

/** Pairs and cursor: in one transaction where both stores share a database, else the pairs first. */
async function commit(
  claim: Claim,
  page: RepoPage,
  next: Position,
  parts: WalkParts,
): Promise<{ advanced: Claim; added: number }> {
  const { sink, progress, signal, hooks } = parts
  const { source, collection } = claim
  const startedAt = performance.now()
  const { cursor, loopGuard } = next
  const change = { cursor, imported: page.dids.length, rejected: page.rejected ?? 0, loopGuard }
  const shared = sink.database !== undefined && sink.database === progress.database
  let added: number | undefined
  const write = async (transaction?: unknown): Promise<void> => {
    const adding = sink.add({ source, collection, dids: page.dids }, { transaction, signal })
    // Here as well, so that a sink which never answers does not keep a transaction open after the run.
    const result = await abortable(adding, signal, COMMIT_GRACE_MS)
    added = result.added
  }
  const save = async (): Promise<Claim> => {
    if (shared) return progress.advance(claim, change, write)
    // Once is enough: pairs that are durable stay so while the cursor is tried again.
    if (added === undefined) await write()
    return progress.advance(claim, change)
  }
  const advanced = await retrying(() => parts.patiently(() => abortable(save(), signal, COMMIT_GRACE_MS)), {
    ...parts.retry,
    signal,
    mayRetry: (error) => !isFinal(error),
    onRetry: (context) => hooks.retry?.({ source, collection, cursor: claim.cursor, ...context }),
  })
  const durationMs = performance.now() - startedAt
  hooks.committed?.({ source, collection, pages: 1, dids: page.dids.length, added: added ?? 0, durationMs })
  return { advanced, added: added ?? 0 }
}

function eventOf(claim: Claim, page: RepoPage, added: number): PageEvent {
  return {
    source: claim.source,
    collection: claim.collection,
    dids: page.dids,
    added,
    rejected: page.rejected ?? 0,
    cursor: page.cursor,
    page: claim.page,
    imported: claim.imported,
    completed: page.cursor === undefined,
  }
}
