import ky, { isTimeoutError, type KyInstance } from 'ky'
import { InvalidOptionError, RelayError } from '../errors.ts'
import { abortable } from '../util/abort.ts'
import { isProgrammingError } from '../util/programming-error.ts'
import { oneLine } from '../util/text.ts'
import { MAX_TIMER_MS, type OptionNames, wholeNumber } from '../util/validate-options.ts'
import { USER_AGENT } from '../util/version.ts'
import { type Asked, context, statusError, subject } from './response-error.ts'

/** How to make requests: the same for relays and for sources of collections. */
export interface HttpOptions {
  /**
   * The time for one attempt, in milliseconds, from the request to the last byte of the body.
   *
   * @default 30_000
   */
  timeoutMs?: number | undefined
  /**
   * The most that one answer may hold, in bytes after decompression. A page of 2,000 DIDs is 86 KB on today's
   * network; 2,000 DIDs of the longest legal form, 2,048 characters, would be 4.1 MB. A lister that asks for pages of
   * 4,000 repos or more allows 2,112 bytes for each of them.
   *
   * @default 8_388_608 (8 MiB)
   */
  maxBodyBytes?: number | undefined
  /**
   * The name of your program, put before this library's in the `User-Agent`: `my-relay/1.0 (+https://relay.example)`.
   *
   * @default none: the header names only this library
   */
  userAgent?: string | undefined
  /**
   * Makes the requests instead of the global `fetch`; it must obey `signal` and `redirect`.
   *
   * @default globalThis.fetch
   */
  fetch?: typeof globalThis.fetch | undefined
}

export const HTTP_OPTIONS: OptionNames<HttpOptions> = {
  timeoutMs: true,
  maxBodyBytes: true,
  userAgent: true,
  fetch: true,
}

/** Asks servers, always in the same way. */
export interface HttpClient {
  /**
   * Makes one attempt at a GET request and reads the answer whole, within the time and size allowed. Redirects are
   * refused, for a cursor belongs to one server and no other may be asked.
   *
   * @throws RelayError for everything but a 2xx answer read to its end; the signal's reason when the signal aborts; a
   *   programming error of the given `fetch` as it is
   */
  get(request: GetRequest): Promise<Answer>
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
export function createHttpClient(options: HttpOptions): HttpClient {
  const { timeoutMs = 30_000, maxBodyBytes = 8_388_608, userAgent, fetch } = options
  wholeNumber('timeoutMs', timeoutMs, 1, MAX_TIMER_MS)
  wholeNumber('maxBodyBytes', maxBodyBytes, 1)
  if (userAgent !== undefined && !/^[\x21-\x7e][\x20-\x7e]*$/.test(userAgent)) {
    throw new InvalidOptionError('userAgent', 'a line of printable ASCII such as my-relay/1.0', userAgent)
  }
  if (fetch !== undefined && typeof fetch !== 'function') {
    throw new InvalidOptionError('fetch', 'a function like the global fetch', fetch)
  }
  const server = ky.create({
    headers: { 'user-agent': userAgent === undefined ? USER_AGENT : `${userAgent} ${USER_AGENT}` },
    // From the request to the last byte of the body.
    timeout: false,
    totalTimeout: timeoutMs,
    // The caller's part: it tells of each retry, and waits for what the server asks.
    retry: 0,
    redirect: 'manual',
    // An HTTPError waits for the body, and is lost where that hangs: the status, with how long to wait, must not be.
    throwHttpErrors: false,
    // Called as a plain function: browsers refuse a fetch that is called as some object's method.
    fetch: async (input, init) => capped(await (fetch ?? globalThis.fetch)(input, init), maxBodyBytes),
  })
  return { get: (request) => get(request, server, { timeoutMs, maxBodyBytes }) }
}

type Limits = Required<Pick<HttpOptions, 'timeoutMs' | 'maxBodyBytes'>>

async function get(request: GetRequest, server: KyInstance, limits: Limits): Promise<Answer> {
  const { url, accept, signal } = request
  signal?.throwIfAborted()
  let status: number | undefined
  try {
    // Raced here as well: a given fetch may not obey the signal.
    return await abortable(read(), signal)
  } catch (error) {
    // An abort is the caller's decision, not a failure of the server.
    signal?.throwIfAborted()
    if (error instanceof RelayError) throw error
    if (isTimeoutError(error)) throw timeoutError(request, limits)
    if (error instanceof BodyTooLongError) throw tooLongError(request, status, limits)
    // Once there is a status, what fails is the body, and that is the network's: some platforms throw a TypeError for
    // it.
    throw status === undefined && isProgrammingError(error) ? error : unreachableError(request, error)
  }

  async function read(): Promise<Answer> {
    const answer = server.get(url, { headers: { accept }, ...(signal && { signal }) })
    const response = await answer
    const { headers, ok } = response
    status = response.status
    // Where the platform hides redirects, the answer is an opaque one with the status 0.
    if (response.type === 'opaqueredirect' || (status >= 300 && status < 400)) {
      response.body?.cancel().catch(() => {})
      throw redirectError(request, status, headers.get('location'))
    }
    // The status matters more than the words in the body: an error page that breaks off costs only these.
    if (!ok) throw statusError(request, status, headers, await answer.text().catch(() => ''))
    return { status, headers, text: await answer.text() }
  }
}

/**
 * The answer with a body that fails when it grows too long; that of an error page ends there, for its words are enough.
 */
function capped(response: Response, maxBodyBytes: number): Response {
  const { body, ok } = response
  if (body === null) return response
  const reader = body.getReader()
  let left = ok ? maxBodyBytes : MAX_ERROR_BYTES
  const source: UnderlyingDefaultSource<Uint8Array> = {
    async pull(controller) {
      const { done, value } = await reader.read()
      if (done) return controller.close()
      const isTooMuch = value.byteLength > left
      if (!isTooMuch || !ok) controller.enqueue(value.subarray(0, left))
      left -= value.byteLength
      if (!isTooMuch) return
      if (ok) controller.error(new BodyTooLongError())
      else controller.close()
      await reader.cancel()
    },
    cancel: (reason) => reader.cancel(reason),
  }
  return new Response(new ReadableStream(source, { highWaterMark: 0 }), response)
}

class BodyTooLongError extends Error {}

function redirectError(request: GetRequest, status: number, location: string | null): RelayError {
  const target = location === null ? 'another address' : oneLine(location, 200)
  return new RelayError(
    'RELAY_REDIRECT',
    `${request.url.host} redirects to ${target} for ${subject(request)}. Redirects are not followed: ` +
      'if the server has moved, give its new address.',
    { ...context(request), status },
  )
}

function tooLongError(request: GetRequest, status: number | undefined, { maxBodyBytes }: Limits): RelayError {
  return new RelayError(
    'RELAY_BAD_ANSWER',
    `${request.url.host} answered with more than ${maxBodyBytes} bytes for ${subject(request)}; the rest ` +
      'was not read. If the server means it, raise maxBodyBytes.',
    { ...context(request), status, retryable: true },
  )
}

function timeoutError(request: GetRequest, { timeoutMs }: Limits): RelayError {
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
  if (cause instanceof Error && 'code' in cause && cause.code === 'ENOTFOUND') {
    const message = `There is no host ${request.url.hostname} (${why}). Check the address, or the network.`
    return new RelayError('RELAY_UNREACHABLE', message, { ...context(request), cause, retryable: true })
  }
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
