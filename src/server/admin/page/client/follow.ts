import { createParser } from 'eventsource-parser'

/** One event of the stream. */
export interface StreamEvent {
  readonly name: string
  readonly data: string
}

/** How the connection to the stream is. */
export type Connection =
  | { readonly state: 'connecting' | 'live' }
  /** It is lost, or was never there; it is tried again at `until`, in milliseconds of `Date.now()`. */
  | { readonly state: 'waiting'; readonly until: number; readonly reason: string }

export interface FollowOptions {
  /** Asks for the stream. What it rejects with is a reason to wait and try again, unless `isFinal` says otherwise. */
  connect(lastEventId: string | undefined, signal: AbortSignal): Promise<Response>
  onEvent(event: StreamEvent): void
  onConnection(connection: Connection): void
  /** Whether there is no sense in trying again: then `follow` rejects with the error. */
  isFinal(error: unknown): boolean
  signal: AbortSignal
}

/** The stream has a sign of life at least every 15 seconds; three of them missing is a connection that is dead. */
const SILENCE_MS = 45_000
const FIRST_WAIT_MS = 1_000
const LONGEST_RECONNECT_WAIT_MS = 30_000

/**
 * Follows the event stream for as long as the signal lets it: connects again after a growing pause, and goes on after
 * the last event that it has seen. `wake` ends a pause at once. (`EventSource` connects again too, but cannot send a
 * token.)
 */
export function follow(options: FollowOptions): { readonly ended: Promise<void>; wake(): void } {
  let wake: () => void = () => {}
  const run = async (): Promise<void> => {
    let lastEventId: string | undefined
    let tries = 0
    while (!options.signal.aborted) {
      options.onConnection({ state: 'connecting' })
      const reason = await readOnce(options, lastEventId, (id) => {
        lastEventId = id ?? lastEventId
        tries = 0
      })
      if (options.signal.aborted) return
      const waitMs = pauseBefore(tries)
      tries += 1
      options.onConnection({ state: 'waiting', until: Date.now() + waitMs, reason })
      const { promise, resolve } = Promise.withResolvers<void>()
      wake = resolve
      const timer = setTimeout(resolve, waitMs)
      options.signal.addEventListener('abort', wake, { once: true })
      await promise
      clearTimeout(timer)
      options.signal.removeEventListener('abort', wake)
    }
  }
  return { ended: run(), wake: () => wake() }
}

/** With jitter, so that the viewers of a server that was restarted do not come back all at once. */
export function pauseBefore(tries: number, random: () => number = Math.random): number {
  const pause = Math.min(LONGEST_RECONNECT_WAIT_MS, FIRST_WAIT_MS * 2 ** tries)
  return pause * (0.75 + 0.25 * random())
}

/** Reads one connection to its end. @returns why it ended */
async function readOnce(
  { connect, onEvent, onConnection, isFinal, signal }: FollowOptions,
  lastEventId: string | undefined,
  onProgress: (id: string | undefined) => void,
): Promise<string> {
  const attempt = new AbortController()
  const stop = () => attempt.abort(signal.reason)
  signal.addEventListener('abort', stop, { once: true })
  let silence: ReturnType<typeof setTimeout> | undefined
  const listen = () => {
    clearTimeout(silence)
    silence = setTimeout(() => attempt.abort(new Error('The server has gone silent.')), SILENCE_MS)
  }
  try {
    listen()
    const response = await connect(lastEventId, attempt.signal)
    onConnection({ state: 'live' })
    const parser = createParser({
      onEvent({ id, event = 'message', data }) {
        onEvent({ name: event, data })
        onProgress(id)
      },
    })
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
    for (let read = await reader?.read(); read?.value !== undefined; read = await reader?.read()) {
      listen()
      parser.feed(read.value)
    }
    return 'The server has ended the connection.'
  } catch (error) {
    if (!signal.aborted && isFinal(error)) throw error
    return messageOf(attempt.signal.aborted ? attempt.signal.reason : error)
  } finally {
    clearTimeout(silence)
    signal.removeEventListener('abort', stop)
    // A connection that is given up must not stay open beside the next one.
    attempt.abort()
  }
}

function messageOf(error: unknown): string {
  // What fetch says of a server that is not there differs between browsers and explains nothing.
  if (error instanceof TypeError) return 'The server cannot be reached.'
  return error instanceof Error ? error.message : String(error)
}
