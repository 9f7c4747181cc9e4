import type { BackfillStatus, BackfillSummary, PageEvent } from '../contracts/events.ts'
import { InvalidOptionError, type RelayFailure, UnionIncompleteError } from '../errors.ts'
import { abortWith } from '../util/abort.ts'
import { merge } from '../util/merge-streams.ts'
import { createRun, isLeft, type Run } from '../util/run-iterator.ts'
import { mustHave } from '../util/validate-options.ts'
import type { Backfiller } from './backfiller.ts'
import { guardListener } from './listener.ts'

/** How a union of backfillers behaves. */
export interface UnionOptions {
  /**
   * Told at once that a relay's run ended with an error, while the others go on. It is not waited for; one that throws, or
   * returns a promise that rejects, ends the union with that error.
   */
  onRelayFailed?: ((failure: RelayFailure) => void) | undefined
}

/** How far one relay of a union is: over all runs, and what has become of this one. */
export interface RelayStatus extends BackfillStatus {
  /** `complete`: it came to its end without an error. `ended`: the union was stopped before that. */
  run: 'not begun' | 'running' | 'complete' | 'failed' | 'ended'
  /** What its run failed with. */
  error?: unknown
}

/** How far a union is. A collection counts once for each relay that is asked for it. */
export interface UnionStatus extends Omit<BackfillStatus, 'relay' | 'collections'> {
  relays: readonly RelayStatus[]
}

/** What a union did: the sums, and each relay's own part. */
export interface UnionSummary extends Omit<BackfillSummary, 'relay'> {
  relays: readonly BackfillSummary[]
}

/**
 * Several backfillers as one: the pages of all relays, in the order in which they become durable. It stops as one
 * backfiller does: leave the loop, or abort a signal that one of them was given. Both end all of them.
 */
export interface Union extends Run<PageEvent, UnionSummary> {
  /** How far every relay is, read from their progress stores: totals, and each relay's own part. At any time. */
  status(): Promise<UnionStatus>
}

/**
 * Fills one index from several relays, for they differ in what they know. Each backfiller has a relay of its own and the
 * same sink and progress; they run side by side, each at its own relay's pace, and a pair that several relays list is added
 * by the first. A relay that fails does not stop the others.
 *
 * @throws InvalidOptionError. While iterated: `UnionIncompleteError` at the end, when relays are not complete; what
 * `onRelayFailed` throws; the reason of a backfiller's signal when that aborts.
 */
export function unionOf(backfillers: readonly Backfiller[], options: UnionOptions = {}): Union {
  const stop = new AbortController()
  const onRelayFailed = guardListener((failure: RelayFailure) => options.onRelayFailed?.(failure), stop)
  const parts = { relays: relaysOf(backfillers), onRelayFailed }
  const summary: UnionSummary = { ...sumsOf([]), relays: [] }
  return Object.assign(createRun(play(parts, stop, summary), stop, summary), {
    status: () => statusOf(parts.relays),
  })
}

/** One relay of a union, and what has become of it. */
interface Relay {
  readonly backfiller: Backfiller
  run: RelayStatus['run']
  failure?: RelayFailure
  summary?: BackfillSummary
}

interface UnionParts {
  readonly relays: readonly Relay[]
  readonly onRelayFailed: (failure: RelayFailure) => void
}

function relaysOf(backfillers: readonly Backfiller[]): Relay[] {
  const expected = 'a list of at least one backfiller, each of another relay'
  const isList = Array.isArray(backfillers) && backfillers.length > 0
  if (!isList) throw new InvalidOptionError('backfillers', expected, backfillers)
  for (const backfiller of backfillers) mustHave('backfillers', backfiller, 'status', expected)
  const relays = backfillers.map(({ relay }) => relay)
  if (new Set(relays).size < relays.length) throw new InvalidOptionError('backfillers', expected, relays)
  return backfillers.map((backfiller) => ({ backfiller, run: 'not begun' }))
}

async function* play(
  parts: UnionParts,
  stop: AbortController,
  summary: UnionSummary,
): AsyncGenerator<PageEvent, UnionSummary, void> {
  const startedAt = performance.now()
  const { relays } = parts
  const unlink = stopWith(relays, stop)
  try {
    stop.signal.throwIfAborted()
    yield* merge(
      relays.map((relay) => follow(relay, parts, stop.signal)),
      stop,
    )
  } catch (error) {
    // An abort is the caller's decision, not a failure of the union, and so is leaving the loop.
    if (!isLeft(stop.signal)) throw error
  } finally {
    unlink()
    const ended = relays.flatMap((relay) => relay.summary ?? [])
    const durationMs = Math.round(performance.now() - startedAt)
    Object.assign(summary, sumsOf(ended), { relays: ended, durationMs })
  }
  const failures = relays.flatMap(({ failure }) => failure ?? [])
  if (failures.length > 0 && !stop.signal.aborted) throw new UnionIncompleteError(failures, relays.length)
  return summary
}

/** An abort of one backfiller ends the union; the end of the union ends every backfiller, also one that waits. */
function stopWith(relays: readonly Relay[], stop: AbortController): () => void {
  for (const { backfiller } of relays) abortWith(backfiller.signal, stop)
  const endAll = () => {
    for (const { backfiller } of relays) backfiller.return().catch(() => {})
  }
  stop.signal.addEventListener('abort', endAll, { once: true })
  return () => {
    stop.signal.removeEventListener('abort', endAll)
  }
}

/** The pages of one relay. Its error is kept for the end. */
async function* follow(
  relay: Relay,
  { onRelayFailed }: UnionParts,
  stop: AbortSignal,
): AsyncGenerator<PageEvent, void, void> {
  const { backfiller } = relay
  relay.run = 'running'
  try {
    yield* backfiller
    relay.run = stop.aborted ? 'ended' : 'complete'
  } catch (error) {
    // An abort is the caller's decision, not a failure of the relay.
    stop.throwIfAborted()
    relay.run = 'failed'
    relay.failure = { relay: backfiller.relay, error }
    onRelayFailed(relay.failure)
  } finally {
    if (relay.run === 'running') relay.run = 'ended'
    const { done, value } = await backfiller.return()
    if (done) relay.summary = value
  }
}

async function statusOf(relays: readonly Relay[]): Promise<UnionStatus> {
  const rows = await Promise.all(
    relays.map(async ({ backfiller, run, failure }): Promise<RelayStatus> => {
      const status = { ...(await backfiller.status()), run }
      return failure === undefined ? status : { ...status, error: failure.error }
    }),
  )
  const sum = (of: (row: RelayStatus) => number) => rows.reduce((total, row) => total + of(row), 0)
  return {
    total: sum(({ total }) => total),
    complete: sum(({ complete }) => complete),
    running: sum(({ running }) => running),
    pending: sum(({ pending }) => pending),
    failed: sum(({ failed }) => failed),
    imported: sum(({ imported }) => imported),
    relays: rows,
  }
}

function sumsOf(summaries: readonly BackfillSummary[]): Omit<UnionSummary, 'relays'> {
  const sum = (of: (summary: BackfillSummary) => number) =>
    summaries.reduce((total, summary) => total + of(summary), 0)
  return {
    completed: sum(({ completed }) => completed),
    pages: sum(({ pages }) => pages),
    imported: sum(({ imported }) => imported),
    added: sum(({ added }) => added),
    invalid: sum(({ invalid }) => invalid),
    failedSources: [...new Set(summaries.flatMap(({ failedSources }) => failedSources))],
    durationMs: 0,
  }
}
