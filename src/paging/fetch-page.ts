import type { Emit } from '../contracts/events.ts'
import type { RepoLister, RepoPage } from '../contracts/repo-lister.ts'
import { isBackfillError } from '../errors.ts'
import { abortable } from '../util/abort.ts'
import { refusesCursor } from '../util/cursor.ts'
import { retryAfterMs } from '../util/describe.ts'
import { isFinal, LONGEST_WAIT_MS, type RetryPolicy, retrying } from '../util/retry.ts'
import { checkPage } from './check-page.ts'
import { advancePosition, type Position } from './cursor-guard.ts'
import type { FetchedPage } from './prefetch.ts'

/** How often a malformed page, or a repeated cursor, is asked for again before it is believed. */
export const BAD_ANSWER_RETRIES = 2

/**
 * After that many tries a server that refuses a cursor is asked whether it serves the first page: then it is the cursor
 * that it refuses, and no further try helps. With the default pauses that is some four seconds after the first try.
 */
const REFUSALS_BEFORE_DOUBT = 7

/** How a relay is asked. */
export interface AskParts {
  readonly lister: RepoLister
  /** What the list is called in messages and events. @default the collection that is claimed */
  readonly listName?: string | undefined
  readonly retry: RetryPolicy
  readonly signal: AbortSignal
  readonly emit: Emit
  /** The longest wait that the relay may ask for before a page, in milliseconds. @default retry.maxDelayMs */
  readonly longestWaitMs?: number | undefined
  /** Called when the relay wants no request for that long, in milliseconds. */
  readonly keepPause?: ((ms: number) => void) | undefined
}

/** Whose list a claim is about, and which: a claim's own names may be those of other work than a backfill. */
export function listOf(
  { collection }: { readonly collection: string },
  { lister: { relay }, listName = collection }: AskParts,
): { relay: string; collection: string } {
  return { relay, collection: listName }
}

/**
 * Whether the relay can serve a walk at all. There is nothing else to do meanwhile, so a long wait is sat out here.
 *
 * @param collections those that were asked for by name
 */
export async function checkRelay(
  { lister, retry, signal, emit, keepPause }: AskParts,
  collections: readonly string[],
): Promise<void> {
  const check = async () => {
    try {
      await lister.check?.({ signal, collections })
    } catch (error) {
      keepPause?.(retryAfterMs(error))
      throw error
    }
  }
  await retrying(() => abortable(check(), signal), {
    ...retry,
    longestWaitMs: LONGEST_WAIT_MS,
    signal,
    mayRetry: (error) => !isFinal(error),
    onRetry: (context) => emit({ type: 'retry', relay: lister.relay, ...context }),
  })
}

/** Tells of the pauses that the relay asks for, where the lister tells of them, until the signal aborts. */
export function tellPauses({ lister, signal, emit, keepPause }: AskParts): void {
  const { relay } = lister
  lister.onPause?.((pause) => {
    keepPause?.(pause.waitMs)
    emit({ type: 'paused', relay, ...pause })
  }, signal)
}

/** The page at a position, asked for again where that may help, and the position behind it. */
export function fetchPage(position: Position, parts: AskParts): Promise<FetchedPage> {
  const { retry, longestWaitMs, signal, emit } = parts
  const { relay, collection, cursor } = position
  let badAnswers = 0
  let refusals = 0
  const attempt = async () => {
    const page = await requestPage(position, parts)
    // Here, inside the retry: servers have been seen to send a page twice and go on when asked again.
    return { page, next: advancePosition(position, page) }
  }
  const servesFirstPage = () =>
    requestPage({ relay, collection, pages: 0, emptyPages: 0 }, parts).then(
      () => true,
      () => false,
    )
  const mayRetry = async (error: unknown) => {
    if (isBadAnswer(error)) return ++badAnswers <= BAD_ANSWER_RETRIES
    if (isFinal(error)) return false
    if (cursor === undefined || !refusesCursor(error)) return true
    refusals += 1
    return refusals < REFUSALS_BEFORE_DOUBT || !(await servesFirstPage())
  }
  return retrying(attempt, {
    ...retry,
    longestWaitMs,
    signal,
    mayRetry,
    onRetry: (context) => emit({ type: 'retry', relay, collection, cursor, ...context }),
  })
}

/** One request for the page at a position, and the event that tells of it. */
export async function requestPage(
  { relay, collection, cursor }: Position,
  { lister, signal, emit, keepPause }: AskParts,
): Promise<RepoPage> {
  const startedAt = performance.now()
  const tell = (outcome: { repos: number } | { error: unknown }) =>
    emit({
      type: 'requested',
      relay,
      collection,
      cursor,
      durationMs: performance.now() - startedAt,
      ...outcome,
    })
  try {
    const answer = await abortable(lister.listRepos({ collection, cursor, signal }), signal)
    const page = checkPage(answer, { relay, collection, cursor })
    tell({ repos: page.dids.length })
    return page
  } catch (error) {
    // An abort is the caller's decision, not a failure of the relay; a hook that throws has aborted the run.
    signal.throwIfAborted()
    keepPause?.(retryAfterMs(error))
    tell({ error })
    throw error
  }
}

function isBadAnswer(error: unknown): boolean {
  return isBackfillError(error, 'RELAY_BAD_ANSWER') || isBackfillError(error, 'CURSOR_LOOP')
}
