import type { Emit, PageEvent } from '../contracts/events.ts'
import type { RelayFailure } from '../contracts/run-failures.ts'
import type { RelayStatus } from '../contracts/run-status.ts'
import { IncompleteError, isBackfillError } from '../errors.ts'
import { merge } from '../util/merge-streams.ts'
import { endsRun } from './failure-policy.ts'

/** The run over one relay, and what has become of it. */
export interface RelayRun {
  readonly relay: string
  state: RelayStatus['run']
  error?: unknown
  /** Its pages, once. Ends when the run's signal aborts, and leaves the runs over other relays alone. */
  pages(): AsyncGenerator<PageEvent, void, void>
}

/**
 * The pages of all relays, in the order in which they become durable, each relay at its own pace. One alone fails with
 * its own error. Of several, one that fails does not stop the others, unless its error concerns them too: what all of
 * them failed with is told at the end.
 *
 * @param stop ends them all
 * @throws IncompleteError when at least one of several relays has failed
 */
export async function* sideBySide(
  runs: readonly RelayRun[],
  stop: AbortController,
  emit: Emit,
): AsyncGenerator<PageEvent, void, void> {
  const [only, ...others] = runs
  if (only !== undefined && others.length === 0) return yield* watched(only, stop.signal)
  const failures: RelayFailure[] = []
  const surviving = async function* (run: RelayRun): AsyncGenerator<PageEvent, void, void> {
    try {
      yield* watched(run, stop.signal)
    } catch (error) {
      // An abort is the caller's decision, not a failure of the relay.
      stop.signal.throwIfAborted()
      if (concernsAll(error)) throw error
      failures.push({ relay: run.relay, error })
      emit({ type: 'relayFailed', relay: run.relay, error })
    }
  }
  yield* merge(runs.map(surviving), stop)
  if (failures.length > 0) throw incomplete(failures)
}

/** The pages of one relay, noting what becomes of its run. */
async function* watched(run: RelayRun, stop: AbortSignal): AsyncGenerator<PageEvent, void, void> {
  run.state = 'running'
  try {
    yield* run.pages()
    run.state = 'complete'
  } catch (error) {
    if (!stop.aborted) Object.assign(run, { state: 'failed', error })
    throw error
  } finally {
    if (run.state === 'running') run.state = 'stopped'
  }
}

/** Whether the other relays would fare no better: their store is the same one, and so is the program. */
function concernsAll(error: unknown): boolean {
  const isOfRelay =
    isBackfillError(error, 'INCOMPLETE') ||
    isBackfillError(error, 'DISCOVERY_FAILED') ||
    isBackfillError(error, 'RELAY_UNSUITABLE')
  return !isOfRelay && endsRun(error)
}

function incomplete(failures: readonly RelayFailure[]): IncompleteError {
  const collections = failures.flatMap(({ error }) =>
    isBackfillError(error, 'INCOMPLETE') ? error.failures : [],
  )
  return new IncompleteError(
    collections,
    failures.filter(({ error }) => !isBackfillError(error, 'INCOMPLETE')),
  )
}
