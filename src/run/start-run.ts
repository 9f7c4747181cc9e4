import { abortWith } from '../util/abort.ts'
import { createRun, isLeft, type Run } from '../util/run-iterator.ts'

/** How often a run looks for work again that appeared at its very end; more often, and something is wrong with the store. */
export const MAX_ROUNDS = 10

interface RunFrame<Summary> {
  /** The caller's. */
  readonly signal: AbortSignal | undefined
  /** Ends the run. */
  readonly stop: AbortController
  /** What the run has come to; `end` is told how long it took, in milliseconds. */
  readonly counts: { readonly summary: Summary; begin?(): void; end?(durationMs: number): void }
}

/** A run whose work is what `events` does. Nothing starts before the first `next()`. */
export function startRun<Event, Summary>(
  events: () => AsyncGenerator<Event, void, void>,
  { signal, stop, counts }: RunFrame<Summary>,
): Run<Event, Summary> {
  async function* run(): AsyncGenerator<Event, Summary, void> {
    const startedAt = performance.now()
    counts.begin?.()
    signal?.throwIfAborted()
    abortWith(signal, stop)
    try {
      yield* events()
    } catch (error) {
      // An abort is the caller's decision, not a failure of the run, and so is leaving the loop.
      if (isLeft(stop.signal)) return counts.summary
      signal?.throwIfAborted()
      throw error
    } finally {
      counts.end?.(Math.round(performance.now() - startedAt))
      stop.abort()
    }
    return counts.summary
  }
  return createRun(run(), stop, counts.summary)
}
