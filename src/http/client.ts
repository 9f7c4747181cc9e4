import ky from 'ky'
import { InvalidOptionError, RelayError } from '../errors.ts'
import { abortable } from '../util/abort.ts'
import { MAX_TIMER_MS, wholeNumber } from '../util/validate-options.ts'
import { USER_AGENT } from '../util/version.ts'
import { oneLine } from './error-body.ts'
import { type Asked, context, statusError, subject } from './response-error.ts'

/** How requests are made, the same for everything that asks a server. */
export interface HttpOptions {
  /**
   * The time for one attempt, in milliseconds, from the request to the last byte of the body.
   *
   * @default 30_000
   */
  timeoutMs?: number | undefined
  /**
   * The most that one answer may hold, in bytes after decompression. A page of 2,000 DIDs is 86 KB on today's
   * network; 2,000 DIDs of the longest legal form, 2,048 characters, would be 4.1 MB.
   *
   * @default 8_388_608 (8 MiB)
   */
  maxBodyBytes?: number | undefined
  /**
   * Your own product, set before this library's in the `User-Agent`: `my-relay/1.0 (+https://relay.example)`.
   *
   * @default none: the header names this library alone
   */
  userAgent?: string | undefined
  /**
   * Makes the requests instead of the global `fetch`; it must obey `signal` and `redirect`.
   *
   * @default globalThis.fetch
   */
  fetch?: typeof globalThis.fetch | undefined
}

/** {@link HttpOptions}, checked and filled in. */
export interface HttpSettings {
  timeoutMs: number
  maxBodyBytes: number
  userAgent: string
  fetch: typeof globalThis.fetch
}

/** One GET request. */
export interface GetRequest extends Asked {
  accept: string
  signal: AbortSignal | undefined
}

/** A successful answer, read to its end. */
export interface Answer {
  status: number
  headers: Headers
  text: string
}

/** The most that is read of an error answer, in bytes: enough for the words in it. */
const MAX_ERROR_BYTES = 16_384

/** @throws InvalidOptionError */
export function httpSettings(options: HttpOptions): HttpSettings {
  const { timeoutMs = 30_000, maxBodyBytes = 8_388_608, userAgent, fetch } = options
  wholeNumber('timeoutMs', timeoutMs, 1, MAX_TIMER_MS)
  wholeNumber('maxBodyBytes', maxBodyBytes, 1)
  if (userAgent !== undefined && !/^[\x21-\x7e][\x20-\x7e]*$/.test(userAgent)) {
    throw new InvalidOptionError('userAgent', 'a line of printable ASCII such as my-relay/1.0', userAgent)
  }
  if (fetch !== undefined && typeof fetch !== 'function') {
    throw new InvalidOptionError('fetch', 'a function like the global fetch', fetch)
  }
  return {
    timeoutMs,
    maxBodyBytes,
    userAgent: userAgent === undefined ? USER_AGENT : `${userAgent} ${USER_AGENT}`,
    // Called as a plain function: browsers refuse a fetch that is called as some object's method.
    fetch: (input, init) => (fetch ?? globalThis.fetch)(input, init),
  }
}

/**
 * Makes one attempt at a GET request and reads the answer whole, within the time and size allowed. Redirects
 * are refused, for a cursor belongs to one server and no other may be asked.
 *
 * @throws RelayError for everything but a 2xx answer read to its end; the signal's reason when the signal
 *   aborts
 */
export async function get(request: GetRequest, settings: HttpSettings): Promise<Answer> {
  const { signal } = request
  signal?.throwIfAborted()
  // A controller for each attempt, tied to the signal by hand: what AbortSignal.any ties to a signal that
  // lives for hours is only let go by the garbage collector.
  const attempt = new AbortController()
  const abort = (): void => attempt.abort(signal?.reason)
  signal?.addEventListener('abort', abort, { once: true })
  const deadline = setTimeout(abort, settings.timeoutMs)
  try {
    const response = await abortable(send(request, settings, attempt.signal), attempt.signal)
    return await read(response, request, settings, attempt.signal)
  } catch (error) {
    // An abort is the caller's decision, not a failure of the server.
    signal?.throwIfAborted()
    if (error instanceof RelayError) throw error
    throw attempt.signal.aborted ? timeoutError(request, settings) : unreachableError(request, error)
  } finally {
    clearTimeout(deadline)
    signal?.removeEventListener('abort', abort)
  }
}

function send(request: GetRequest, settings: HttpSettings, signal: AbortSignal): Promise<Response> {
  return ky.get(request.url, {
    headers: { accept: request.accept, 'user-agent': settings.userAgent },
    redirect: 'manual',
    retry: 0,
    timeout: false,
    throwHttpErrors: false,
    fetch: settings.fetch,
    signal,
  })
}

async function read(
  response: Response,
  request: GetRequest,
  settings: HttpSettings,
  signal: AbortSignal,
): Promise<Answer> {
  const { status, headers } = response
  // Where the platform hides redirects, the answer is an opaque one with the status 0.
  if (response.type === 'opaqueredirect' || (status >= 300 && status < 400)) {
    await response.body?.cancel()
    throw redirectError(request, status, headers.get('location'))
  }
  if (!response.ok) throw statusError(request, status, headers, await readBeginning(response, signal))
  const { text, complete } = await readText(response, settings.maxBodyBytes, signal)
  if (!complete) throw tooLongError(request, status, settings)
  return { status, headers, text }
}

/**
 * Reads at most `maxBytes`; what lies beyond is not fetched. The signal is watched here and not only by `fetch`: what ties
 * it to the body there may be collected as garbage before the body ends, and a body that hangs would hang for ever.
 */
async function readText(
  response: Response,
  maxBytes: number,
  signal: AbortSignal,
): Promise<{ text: string; complete: boolean }> {
  const decoder = new TextDecoder()
  const reader = response.body?.getReader()
  let text = ''
  let bytes = 0
  try {
    for (;;) {
      const chunk = reader && (await abortable(reader.read(), signal))
      if (chunk === undefined || chunk.done) return { text: text + decoder.decode(), complete: true }
      const part = chunk.value.subarray(0, maxBytes - bytes)
      text += decoder.decode(part, { stream: true })
      if (part.byteLength < chunk.value.byteLength) return { text, complete: false }
      bytes += part.byteLength
    }
  } finally {
    // Closes the connection when the body was left before its end; not awaited, since that may hang as well.
    reader?.cancel().catch(() => {})
  }
}

/** The status matters more than the words in the body: an error page that breaks off costs only these. */
async function readBeginning(response: Response, signal: AbortSignal): Promise<string> {
  try {
    return (await readText(response, MAX_ERROR_BYTES, signal)).text
  } catch {
    return ''
  }
}

function redirectError(request: GetRequest, status: number, location: string | null): RelayError {
  const target = location === null ? 'another address' : oneLine(location, 200)
  return new RelayError(
    'RELAY_REDIRECT',
    `${request.url.host} redirects to ${target} for ${subject(request)}. Redirects are not followed: ` +
      'if the server has moved, give its new address.',
    { ...context(request), status },
  )
}

function tooLongError(request: GetRequest, status: number, { maxBodyBytes }: HttpSettings): RelayError {
  return new RelayError(
    'RELAY_BAD_ANSWER',
    `${request.url.host} answered with more than ${maxBodyBytes} bytes for ${subject(request)}; the rest ` +
      'was not read. If the server means it, raise maxBodyBytes.',
    { ...context(request), status, retryable: true },
  )
}

function timeoutError(request: GetRequest, { timeoutMs }: HttpSettings): RelayError {
  return new RelayError(
    'RELAY_TIMEOUT',
    `${request.url.host} did not answer in full within ${timeoutMs} ms for ${subject(request)}. ` +
      'Try again later, or raise timeoutMs.',
    { ...context(request), retryable: true },
  )
}

function unreachableError(request: GetRequest, error: unknown): RelayError {
  const cause = rootCause(error)
  const why = cause instanceof Error ? cause.message || cause.name : String(cause)
  return new RelayError(
    'RELAY_UNREACHABLE',
    `${request.url.host} gave no complete answer for ${subject(request)}: ${why}. ` +
      'Try again later, or check the address and the network.',
    { ...context(request), cause, retryable: true },
  )
}

/** The fault itself: around it, ky and fetch only say that something failed. */
function rootCause(error: unknown): unknown {
  if (!(error instanceof Error)) return error
  // A host with several addresses: one error for each of them.
  const inner: unknown = error instanceof AggregateError ? error.errors[0] : error.cause
  return inner === undefined ? error : rootCause(inner)
}
