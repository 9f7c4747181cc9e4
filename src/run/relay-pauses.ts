import type { Emit } from '../contracts/events.ts'
import type { PacedRelay } from '../contracts/paced-relay.ts'
import type { ProgressStore } from '../contracts/progress-store.ts'
import { settledWithin, sleep } from '../util/abort.ts'
import { LONGEST_WAIT_MS } from '../util/retry.ts'
import { endsRun } from './failure-policy.ts'
import { RELEASE_MS } from './patient-store.ts'

/** Shorter ones are over before a process has started again. */
const SHORTEST_KEPT_MS = 1_000

/** The pauses that relays ask for, in the progress store: they hold for every process, and for the next one too. */
export interface RelayPauses {
  /** Keeps that the relay wants no request for `ms` milliseconds. The run does not wait for that. */
  keep(ms: number): void
  /** Waits until a relay's kept pause is over, and tells of it. */
  sitOut(relay: string, signal: AbortSignal): Promise<void>
  /** Relays that get no request for a source before their kept pause is over. */
  respecting(relays: readonly PacedRelay[]): readonly PacedRelay[]
  /** The run is over. */
  end(): Promise<void>
}

interface PausesParts {
  readonly relay: string
  /** Waits by itself while it is unavailable. */
  readonly progress: ProgressStore
  readonly emit: Emit
  readonly stop: AbortController
}

export function createRelayPauses({ relay, progress, emit, stop }: PausesParts): RelayPauses {
  let keptUntil = 0
  let isAbsurd = false
  let saving: Promise<unknown> = Promise.resolve()

  function save(ms: number): void {
    saving = progress.pauseRelay(relay, ms).catch((error: unknown) => {
      // A pause that cannot be kept costs a request too many at the next start, and is no reason to end this run.
      if (endsRun(error)) stop.abort(error)
    })
  }

  async function sitOut(relay: string, signal: AbortSignal): Promise<void> {
    for (;;) {
      const { relayPauseMs = 0 } = await progress.remaining(relay)
      if (relayPauseMs <= 0) return
      emit({ type: 'paused', relay, waitMs: relayPauseMs })
      await sleep(relayPauseMs, signal)
    }
  }

  /** A relay that a source of this run asks, and that another run over it may have been told to leave alone. */
  function afterPause(given: PacedRelay): PacedRelay {
    const { relay } = given
    const paced = given.paced?.bind(given)
    if (paced === undefined) return given
    return {
      relay,
      async paced(signal, send) {
        await sitOut(relay, signal ?? stop.signal)
        return paced(signal, send)
      },
    }
  }

  return {
    keep(ms) {
      // The run ends because of it; kept now, it would keep the other collections from failing.
      isAbsurd ||= ms > LONGEST_WAIT_MS + SHORTEST_KEPT_MS
      const until = performance.now() + ms
      // The same refusal is told by the lister and by the request that it concerns.
      if (isAbsurd || ms < SHORTEST_KEPT_MS || until < keptUntil + SHORTEST_KEPT_MS) return
      keptUntil = until
      save(Math.min(ms, LONGEST_WAIT_MS))
    },
    sitOut,
    respecting: (relays) => relays.map((given) => (given.relay === relay ? given : afterPause(given))),
    async end() {
      if (isAbsurd) save(LONGEST_WAIT_MS)
      await settledWithin(RELEASE_MS, saving)
    },
  }
}
