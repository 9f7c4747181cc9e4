import { RelayError } from '../errors.ts'
import { serverWords } from './error-body.ts'
import { requestedWaitMs } from './retry-after.ts'

/** What was asked of whom, for the errors. */
export interface Asked {
  /** See {@link RelayError.relay}. */
  relay: string
  url: URL
  collection: string | undefined
  cursor: string | undefined
}

/**
 * The error for an answer that is neither a success nor a redirect. `body` may be just the beginning of it.
 */
export function statusError(asked: Asked, status: number, headers: Headers, body: string): RelayError {
  const askedMs = requestedWaitMs(status, headers)
  // Proxies refuse clients that ask too often with a 403, and say when to come back; one that says nothing is final.
  const retryable = isRetryableStatus(status) || (status === 403 && askedMs !== undefined)
  const retryAfterMs = retryable ? askedMs : undefined
  const { error, message } = serverWords(body)
  const said = [error, message].filter((part) => part !== undefined).join(': ')
  const colon = said === '' ? '' : `: ${said.replace(/\.$/, '')}`
  return new RelayError(
    'RELAY_STATUS',
    `${asked.url.host} answered ${status} for ${subject(asked)}${colon}. ` +
      advice({ status, retryable, retryAfterMs, said }),
    {
      ...context(asked),
      cursorRefused: asked.cursor !== undefined && !isOfTheMoment(status) && !(status === 403 && retryable),
      status,
      error,
      serverMessage: message,
      retryable,
      retryAfterMs,
    },
  )
}

/** Whether the same request may succeed later. 501 says that the server will never know the method. */
function isRetryableStatus(status: number): boolean {
  return isOfTheMoment(status) || (status >= 500 && status !== 501)
}

/**
 * Whether the server refused the moment or the connection, which says nothing of what was asked: it had too little time
 * (408), the connection was not for this host (421), the request came too early (425), or there were too many (429).
 */
function isOfTheMoment(status: number): boolean {
  return status === 408 || status === 421 || status === 425 || status === 429
}

/** What was asked for, as a message names it. */
export function subject({ collection, url }: Asked): string {
  return collection ?? url.pathname
}

/** The fields of an error that tell what was asked. */
export function context({ relay, collection, cursor }: Asked): Omit<Asked, 'url'> {
  return { relay, collection, cursor }
}

interface Refusal {
  readonly status: number
  readonly retryable: boolean
  readonly retryAfterMs: number | undefined
  /** The server's words. */
  readonly said: string
}

function advice({ status, retryable, retryAfterMs, said }: Refusal): string {
  if (retryAfterMs) return `It asks to wait ${Math.ceil(retryAfterMs / 1000)} s before the next try.`
  if (status === 429) return 'It takes no more requests for now: try again later, or ask less often.'
  if (retryable) return 'This may pass: try again later.'
  if (status === 401 || status === 403)
    return 'It does not let this client in: ask its operator, or use another server.'
  if ([404, 405, 410, 501].includes(status))
    return 'It does not serve this: check the address, or use another server.'
  if (status === 400 && /limit/i.test(said))
    return 'Use smaller pages: the option pageSize, --page-size N on the command line.'
  return 'The same request will fail again: check the collection and the options, or use another server.'
}
