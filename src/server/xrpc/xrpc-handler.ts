import type { RepoIndex } from '../../contracts/repo-index.ts'
import { InvalidOptionError, isBackfillError } from '../../errors.ts'
import { retryAfterMs } from '../../util/describe.ts'
import { mustHave, type OptionNames, refuseUnknown } from '../../util/validate-options.ts'
import { invalidRequest, XrpcError } from '../responses.ts'
import { exactCounts } from './exact-counts.ts'
import { listCollections } from './list-collections.ts'
import { listReposByCollection } from './list-repos.ts'
import { READABLE_BY_ALL, xrpcAnswer } from './xrpc-answers.ts'

/** What to serve, and how. */
export interface XrpcHandlerOptions {
  /** The index to serve: `store.index`, `collectionIndex(db)`, or one of your own. */
  index: RepoIndex
  /** Called for each failure that a client sees as a status of 500 or more, without the reason. */
  onError?: ((context: { request: Request; error: unknown }) => void) | undefined
}

const OPTIONS: OptionNames<XrpcHandlerOptions> = { index: true, onError: true }

const METHODS = 'GET, HEAD, OPTIONS'

/** How long a browser may remember what it may ask, in seconds: Chromium's own maximum is two hours. */
const PREFLIGHT_SECONDS = 7_200

/** What a client may do after a 503, in seconds, where the store does not say. */
const RETRY_SECONDS = 5

type Route = (params: URLSearchParams, signal: AbortSignal) => Promise<Response>

/**
 * Serves an index as a relay's collection directory does, for a server on web standards:
 *
 * - `/xrpc/com.atproto.sync.listReposByCollection`, as its lexicon has it
 * - `/v1/listCollections`, in the shape of collectiondir, where the index has `listCollections`
 *
 * It answers every request, with 404 for a path and 501 for a method of XRPC that it does not know, and rejects only
 * with what `onError` throws. Any web page may send requests.
 *
 * @throws InvalidOptionError
 */
export function xrpcHandler(options: XrpcHandlerOptions): (request: Request) => Promise<Response> {
  refuseUnknown(options, OPTIONS, { meant: { store: 'index' } })
  const routes = routesOf(options)
  return async (request) => {
    const answer = await answerTo(request, routes).catch((error: unknown) => {
      const failure = failureOf(error, request)
      if (failure.status >= 500 && failure !== error) options.onError?.({ request, error })
      const { status, error: name, message, headers } = failure
      return xrpcAnswer(status, { error: name, message }, headers)
    })
    return request.method === 'HEAD' ? new Response(null, answer) : answer
  }
}

function routesOf({ index }: XrpcHandlerOptions): Map<string, Route> {
  mustHave('index', index, 'listRepos', 'a RepoIndex such as store.index or collectionIndex(db)')
  const routes = new Map<string, Route>()
  routes.set('/xrpc/com.atproto.sync.listReposByCollection', (params, signal) =>
    listReposByCollection(params, signal, index),
  )
  if (index.listCollections) {
    const counts = index.countRepos && exactCounts(index.listRepos.bind(index), index.countRepos.bind(index))
    routes.set('/v1/listCollections', (params, signal) => listCollections(params, signal, { index, counts }))
  }
  return routes
}

async function answerTo(request: Request, routes: ReadonlyMap<string, Route>): Promise<Response> {
  const { pathname, searchParams } = new URL(request.url)
  const route = routes.get(pathname)
  if (route === undefined) {
    throw pathname.startsWith('/xrpc/')
      ? new XrpcError(501, 'MethodNotImplemented', 'This server does not know the method')
      : new XrpcError(404, 'NotFound', 'Nothing is served at this path')
  }
  if (request.method === 'OPTIONS') return preflight(request)
  if (request.method === 'GET' || request.method === 'HEAD') return route(searchParams, request.signal)
  throw new XrpcError(405, 'MethodNotAllowed', `The method must be one of ${METHODS}`, { allow: METHODS })
}

function preflight(request: Request): Response {
  const headers: Record<string, string> = {
    ...READABLE_BY_ALL,
    allow: METHODS,
    'access-control-allow-methods': METHODS,
    'access-control-max-age': String(PREFLIGHT_SECONDS),
    vary: 'access-control-request-headers',
  }
  const asked = request.headers.get('access-control-request-headers')
  // Nothing that a client sends along changes an answer, so it may send what it likes.
  if (asked !== null) headers['access-control-allow-headers'] = asked
  return new Response(null, { status: 204, headers })
}

function failureOf(error: unknown, request: Request): XrpcError {
  if (error instanceof XrpcError) return error
  // Nobody reads it.
  if (request.signal.aborted) return new XrpcError(499, 'ClientClosedRequest', 'The client is gone')
  if (error instanceof InvalidOptionError && error.option === 'cursor')
    return invalidRequest('Invalid cursor')
  if (isBackfillError(error, 'STORE_UNAVAILABLE')) {
    const seconds = Math.ceil(retryAfterMs(error) / 1000) || RETRY_SECONDS
    const headers = { 'retry-after': String(seconds) }
    return new XrpcError(503, 'ServiceUnavailable', 'The index cannot be read at the moment', headers)
  }
  return new XrpcError(500, 'InternalServerError', 'The index could not be read')
}
