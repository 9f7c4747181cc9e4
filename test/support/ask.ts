import { RelayError } from '../../src/errors.ts'
import { type Answer, createHttpClient, type HttpOptions } from '../../src/http/client.ts'

/** How {@link ask} asks. */
export interface Call extends HttpOptions {
  signal?: AbortSignal
  collection?: string
  cursor?: string
}

/** One attempt at a GET request, with everything left out that a test does not care about. */
export function ask(url: string, { signal, collection, cursor, ...options }: Call = {}): Promise<Answer> {
  const asked = { relay: 'the relay', url: new URL(url), collection, cursor }
  return createHttpClient(options).get({ ...asked, accept: 'text/plain', signal })
}

/** The error that a request ends with; anything else fails the test. */
export async function failure(promise: Promise<unknown>): Promise<RelayError> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason) => reason,
  )
  if (!(error instanceof RelayError)) throw new Error(`not a RelayError: ${error}`, { cause: error })
  return error
}
