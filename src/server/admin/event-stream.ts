import { BATCH, type EventLog } from './event-log.ts'
import type { AdminStatus } from './wire-types.ts'

/** Those who watch. */
export interface EventStream {
  readonly viewers: number
  /** To be called after each event: viewers get it a moment later, and whoever is too far behind is dropped. */
  changed(): void
  /**
   * A server-sent event stream for one more viewer.
   *
   * @param start what it has seen: the number of an event, or nothing, and then the snapshot that it begins with
   */
  open(
    start: { seq: number; snapshot?: AdminStatus | undefined },
    signal: AbortSignal,
  ): ReadableStream<Uint8Array>
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
 * @param snapshot how things are
 */
export function createEventStream(log: EventLog, snapshot: () => AdminStatus): EventStream {
  const viewers = new Set<Viewer>()
  const encoder = new TextEncoder()
  let isOver = false
  let gathering: ReturnType<typeof setTimeout> | undefined
  let keepingAlive: ReturnType<typeof setInterval> | undefined

  function give(viewer: Viewer, text: string): void {
    viewer.controller.enqueue(encoder.encode(text))
    viewer.waiting?.()
    viewer.waiting = undefined
  }

  function giveNews(viewer: Viewer): void {
    const { text, seq } = log.read(viewer.seq, snapshot)
    viewer.seq = seq
    give(viewer, text)
  }

  function flush(): void {
    clearTimeout(gathering)
    gathering = undefined
    for (const viewer of viewers) if (viewer.waiting && viewer.seq < log.last) giveNews(viewer)
  }

  function gather(): void {
    gathering ??= setTimeout(flush, GATHER_MS)
  }

  function drop(viewer: Viewer): void {
    viewer.leave()
    viewer.controller.error(new Error('A viewer of the event stream that does not read was dropped.'))
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
    const news = log.last - viewer.seq
    if (news >= BATCH) {
      giveNews(viewer)
      return undefined
    }
    const { promise, resolve } = Promise.withResolvers<void>()
    viewer.waiting = resolve
    if (news > 0) gather()
    return promise
  }

  return {
    get viewers() {
      return viewers.size
    },
    changed() {
      if (viewers.size === 0) return
      for (const viewer of viewers) if (!log.holds(viewer.seq)) drop(viewer)
      gather()
    },
    open({ seq, snapshot: first }, signal) {
      const greeting = `retry: ${RECONNECT_MS}\n\n${first === undefined ? '' : log.snapshotText(first, seq)}`
      let viewer: Viewer | undefined
      return new ReadableStream<Uint8Array>(
        {
          start(controller) {
            const onGone = () => {
              opened.leave()
              controller.close()
            }
            const opened: Viewer = {
              seq,
              greeting,
              controller,
              leave() {
                signal.removeEventListener('abort', onGone)
                leave(opened)
              },
            }
            viewer = opened
            enter(opened)
            if (signal.aborted || isOver) onGone()
            else signal.addEventListener('abort', onGone, { once: true })
          },
          pull: () => viewer && pull(viewer),
          cancel: () => viewer?.leave(),
        },
        // Nothing is made before the connection takes it.
        { highWaterMark: 0 },
      )
    },
    end() {
      isOver = true
      flush()
      for (const viewer of viewers) {
        viewer.leave()
        viewer.controller.close()
      }
    },
  }
}
