import { BATCH, createEventLog, type EventLog } from './event-log.ts'
import type { Publisher } from './run-view.ts'
import type { AdminStatus } from './wire-types.ts'

/** Tells viewers what happens: each a moment later, and one that is too far behind is dropped. */
export interface EventStream extends Publisher {
  /** How many there are, with those whose first snapshot is being made. */
  readonly viewers: number
  /**
   * A server-sent event stream for one more viewer: from the event that it saw last, or from a snapshot.
   *
   * @param status makes that snapshot
   */
  watch(
    lastEventId: string | undefined,
    status: () => Promise<AdminStatus>,
    signal: AbortSignal,
  ): Promise<ReadableStream<Uint8Array>>
  /** Ends every stream, after what is there, and each that is opened later at once. */
  end(): void
}

interface Viewer {
  /** The last event that it was given. */
  seq: number
  /** What it is told first. */
  greeting: string
  readonly controller: ReadableStreamDefaultController<Uint8Array>
  /** It has read everything and waits: resolves its read. */
  waiting?: (() => void) | undefined
  /** Forgets it. */
  leave: () => void
}

/** How long events are gathered, so that a fast run is some twenty pieces a second to a viewer and not thousands. */
const GATHER_MS = 50
/** Proxies close connections on which nothing comes, often after 60 s. */
const KEEP_ALIVE_MS = 15_000
/** How soon a client comes back after a lost connection, in milliseconds. */
const RECONNECT_MS = 2_000

/**
 * Each viewer has a place in the log and reads from there at its own pace; nothing is queued for it. One that does not
 * read falls out of the log in the end and is dropped: it may come back, and gets a snapshot then.
 *
 * @param statusNow how things are: for snapshots in the middle of a stream
 */
export function createEventStream(
  statusNow: () => AdminStatus,
  log: EventLog = createEventLog(),
): EventStream {
  const viewers = new Set<Viewer>()
  let opening = 0
  const encoder = new TextEncoder()
  let isOver = false
  let gathering: ReturnType<typeof setTimeout> | undefined
  let keepingAlive: ReturnType<typeof setInterval> | undefined

  function give(viewer: Viewer, text: string): void {
    viewer.controller.enqueue(encoder.encode(text))
    viewer.waiting?.()
    viewer.waiting = undefined
  }

  function giveEvents(viewer: Viewer): void {
    const { text, seq } = log.read(viewer.seq, statusNow)
    viewer.seq = seq
    give(viewer, text)
  }

  function flush(): void {
    clearTimeout(gathering)
    gathering = undefined
    for (const viewer of viewers) if (viewer.waiting && viewer.seq < log.last) giveEvents(viewer)
  }

  function gather(): void {
    gathering ??= setTimeout(flush, GATHER_MS)
  }

  /** Ends its stream. An error would be one of the server's that it could do nothing about: some log it with a stack. */
  function drop(viewer: Viewer): void {
    viewer.leave()
    viewer.controller.close()
  }

  function enter(viewer: Viewer): void {
    viewers.add(viewer)
    keepingAlive ??= setInterval(() => {
      for (const each of viewers) if (each.waiting) give(each, ': keep-alive\n\n')
    }, KEEP_ALIVE_MS)
  }

  function leave(viewer: Viewer): void {
    viewers.delete(viewer)
    viewer.waiting?.()
    if (viewers.size > 0) return
    clearTimeout(gathering)
    clearInterval(keepingAlive)
    gathering = undefined
    keepingAlive = undefined
  }

  /** Called when the viewer's connection takes more; what it waits for is a promise. */
  function pull(viewer: Viewer): Promise<void> | undefined {
    if (viewer.greeting !== '') {
      give(viewer, viewer.greeting)
      viewer.greeting = ''
      return undefined
    }
    const behind = log.last - viewer.seq
    if (behind >= BATCH) {
      giveEvents(viewer)
      return undefined
    }
    const { promise, resolve } = Promise.withResolvers<void>()
    viewer.waiting = resolve
    if (behind > 0) gather()
    return promise
  }

  function changed(): void {
    if (viewers.size === 0) return
    for (const viewer of viewers) if (!log.holds(viewer.seq)) drop(viewer)
    gather()
  }

  /** @param first the snapshot that it begins with, for a viewer that has seen nothing */
  function open(seq: number, signal: AbortSignal, first?: AdminStatus): ReadableStream<Uint8Array> {
    const greeting = `retry: ${RECONNECT_MS}\n\n${first === undefined ? '' : log.snapshotText(first, seq)}`
    const gone = isOver ? AbortSignal.abort() : signal
    return viewerStream({ seq, greeting }, gone, { enter, leave, pull })
  }

  return {
    event(name, data) {
      log.append(name, data)
      changed()
    },
    snapshot() {
      log.appendSnapshot()
      changed()
    },
    get viewers() {
      return viewers.size + opening
    },
    async watch(lastEventId, status, signal) {
      const seen = log.seen(lastEventId)
      if (seen !== undefined) return open(seen, signal)
      // Events that come while it is made are told after it; they say how things are, not what to add.
      const seq = log.last
      opening += 1
      try {
        return open(seq, signal, await status())
      } finally {
        opening -= 1
      }
    },
    end() {
      isOver = true
      flush()
      for (const viewer of viewers) drop(viewer)
    },
  }
}

interface ViewerCalls {
  enter(viewer: Viewer): void
  leave(viewer: Viewer): void
  pull(viewer: Viewer): Promise<void> | undefined
}

/** The stream of one viewer, until its connection is gone. */
function viewerStream(
  place: Pick<Viewer, 'seq' | 'greeting'>,
  gone: AbortSignal,
  { enter, leave, pull }: ViewerCalls,
): ReadableStream<Uint8Array> {
  let viewer: Viewer | undefined
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        const onGone = () => {
          opened.leave()
          controller.close()
        }
        const opened: Viewer = {
          ...place,
          controller,
          leave() {
            gone.removeEventListener('abort', onGone)
            leave(opened)
          },
        }
        viewer = opened
        enter(opened)
        if (gone.aborted) onGone()
        else gone.addEventListener('abort', onGone, { once: true })
      },
      pull: () => viewer && pull(viewer),
      cancel: () => viewer?.leave(),
    },
    // Nothing is made before the connection takes it.
    { highWaterMark: 0 },
  )
}
