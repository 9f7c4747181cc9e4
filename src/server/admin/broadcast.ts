import { createEventLog } from './event-log.ts'
import { createEventStream } from './event-stream.ts'
import type { Publisher } from './run-view.ts'
import type { AdminStatus } from './wire-types.ts'

/** Tells those who watch what happens. */
export interface Broadcast extends Publisher {
  readonly viewers: number
  /**
   * An event stream for one more viewer: from the event that it saw last, or from a snapshot.
   *
   * @param status makes that snapshot
   */
  watch(
    lastEventId: string | undefined,
    status: () => Promise<AdminStatus>,
    signal: AbortSignal,
  ): Promise<ReadableStream<Uint8Array>>
  /** Ends every stream, and those that are asked for later. */
  end(): void
}

/** @param statusNow how things are: for snapshots in the middle of a stream */
export function createBroadcast(statusNow: () => AdminStatus): Broadcast {
  const log = createEventLog()
  const stream = createEventStream(log, statusNow)
  return {
    event(name, data) {
      log.append(name, data)
      stream.changed()
    },
    snapshot() {
      log.appendSnapshot()
      stream.changed()
    },
    get viewers() {
      return stream.viewers
    },
    async watch(lastEventId, status, signal) {
      const seen = log.seen(lastEventId)
      if (seen !== undefined) return stream.open({ seq: seen }, signal)
      // Events that come while it is made are told after it; they say how things are, not what to add.
      const seq = log.last
      return stream.open({ seq, snapshot: await status() }, signal)
    },
    end: () => stream.end(),
  }
}
