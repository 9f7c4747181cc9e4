import WebSocket from 'ws'
import { RelayError } from '../errors.ts'
import { statusError } from '../http/response-error.ts'
import { abortable } from '../util/abort.ts'
import { describe } from '../util/describe.ts'
import { USER_AGENT } from '../util/version.ts'

/** What waits to be read before the server is told to wait, by not reading from its connection. */
const MOST_WAITING = { frames: 4_000, bytes: 16 * 1024 * 1024 }
/** The same before the connection is given up, in a runtime that cannot stop reading. */
const FAR_TOO_MUCH = 4
/** Far more than the 5 MB that a message may have. */
const MOST_IN_A_FRAME = 32 * 1024 * 1024
/** How many are given at once, so that the process does other work in between. */
const MOST_AT_ONCE = 200

/** One connection to a feed. */
export interface FeedSocket {
  /**
   * The next messages: as soon as there is one, and none after `waitMs` milliseconds without. Rejects once the connection
   * is over and all that came is taken.
   */
  take(waitMs: number): Promise<readonly (Uint8Array | string)[]>
  close(): void
}

export interface SocketParts {
  readonly url: URL
  /** How long the server may say nothing, not even to a ping, in milliseconds; also for the connection to open. */
  readonly silenceMs: number
  readonly signal: AbortSignal
}

/** Connects. @throws RelayError when that fails, the signal's reason when it aborts */
export async function openFeedSocket({ url, silenceMs, signal }: SocketParts): Promise<FeedSocket> {
  signal.throwIfAborted()
  const socket = new WebSocket(url, {
    handshakeTimeout: silenceMs,
    maxPayload: MOST_IN_A_FRAME,
    perMessageDeflate: false,
    headers: { 'user-agent': USER_AGENT },
  })
  const frames = createFrameQueue(socket)
  const end = (error: unknown) => {
    frames.end(error)
    socket.terminate()
  }
  socket.binaryType = 'nodebuffer'
  socket.on('message', (data: Buffer, isBinary: boolean) => frames.add(isBinary ? data : data.toString()))
  socket.on('error', (error) => end(unreachable(url, error)))
  socket.on('close', (code, reason) => end(closed(url, code, reason.toString())))
  socket.on('unexpected-response', (_request, response) => {
    const headers = new Headers()
    for (const [name, value] of Object.entries(response.headers)) headers.set(name, String(value))
    const asked = { relay: url.host, url, collection: undefined, cursor: undefined }
    end(statusError(asked, response.statusCode ?? 0, headers, ''))
    response.resume()
  })
  const watch = watchSilence(socket, silenceMs, () => end(silent(url, silenceMs)), frames.isPaused)
  const onAbort = () => end(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  frames.onEnd(() => {
    clearInterval(watch)
    signal.removeEventListener('abort', onAbort)
  })
  const opened = Promise.withResolvers<void>()
  socket.on('open', opened.resolve)
  frames.onEnd(opened.reject)
  await abortable(opened.promise, signal)
  return { take: frames.take, close: () => end(new Error('The connection was closed.')) }
}

interface FrameQueue {
  add(frame: Uint8Array | string): void
  take(this: void, waitMs: number): Promise<readonly (Uint8Array | string)[]>
  /** No more frames come. Those that wait are still given. */
  end(error: unknown): void
  onEnd(listener: (error: unknown) => void): void
  isPaused(this: void): boolean
}

/** What came and is not read yet. When it is much, the socket is not read from. */
function createFrameQueue(socket: WebSocket): FrameQueue {
  const waiting: (Uint8Array | string)[] = []
  const listeners: ((error: unknown) => void)[] = []
  let bytes = 0
  let ended: { readonly error: unknown } | undefined
  let news = Promise.withResolvers<void>()
  const isMore = (times: number) =>
    bytes > MOST_WAITING.bytes * times || waiting.length > MOST_WAITING.frames * times

  const end = (error: unknown) => {
    if (ended !== undefined) return
    ended = { error }
    news.resolve()
    for (const listener of listeners) listener(error)
  }
  return {
    end,
    onEnd: (listener) => void listeners.push(listener),
    isPaused: () => socket.isPaused,
    add(frame) {
      if (ended !== undefined) return
      waiting.push(frame)
      bytes += frame.length
      news.resolve()
      if (!socket.isPaused && isMore(1)) socket.pause()
      if (!isMore(FAR_TOO_MUCH)) return
      end(new Error('The feed sends more than can be read, and this runtime cannot make it wait.'))
      socket.terminate()
    },
    async take(waitMs) {
      if (waiting.length === 0 && ended === undefined) {
        news = Promise.withResolvers()
        const timer = setTimeout(news.resolve, waitMs)
        await news.promise
        clearTimeout(timer)
      }
      if (waiting.length === 0 && ended !== undefined) throw ended.error
      const taken = waiting.splice(0, MOST_AT_ONCE)
      for (const frame of taken) bytes -= frame.length
      if (socket.isPaused && !isMore(0.5)) socket.resume()
      return taken
    },
  }
}

/** Asks a server that says nothing whether it is there. One whose messages are made to wait is not asked. */
function watchSilence(
  socket: WebSocket,
  silenceMs: number,
  onSilence: () => void,
  isPaused: () => boolean,
): ReturnType<typeof setInterval> {
  let last = performance.now()
  let isAsked = false
  const heard = () => {
    last = performance.now()
    isAsked = false
  }
  for (const sign of ['open', 'message', 'ping', 'pong'] as const) socket.on(sign, heard)
  return setInterval(() => {
    if (isPaused()) return heard()
    const quietMs = performance.now() - last
    // A process that was held up for long has not asked yet.
    if (isAsked && quietMs > silenceMs) return onSilence()
    if (quietMs <= silenceMs / 2 || socket.readyState !== WebSocket.OPEN) return
    isAsked = true
    socket.ping()
  }, silenceMs / 4)
}

function unreachable(url: URL, cause: Error): RelayError {
  return new RelayError('RELAY_UNREACHABLE', `No connection to ${url.host}: ${describe(cause)}.`, {
    relay: url.host,
    cause,
    retryable: true,
  })
}

function closed(url: URL, code: number, reason: string): RelayError {
  const why = [String(code), reason].filter((part) => part !== '').join(', ')
  return new RelayError('RELAY_UNREACHABLE', `${url.host} closed the connection (${why}).`, {
    relay: url.host,
    retryable: true,
    ...(reason !== '' && { serverMessage: reason }),
  })
}

function silent(url: URL, silenceMs: number): RelayError {
  return new RelayError(
    'RELAY_TIMEOUT',
    `${url.host} said nothing for ${silenceMs} ms: the connection is taken for broken.`,
    { relay: url.host, retryable: true },
  )
}
