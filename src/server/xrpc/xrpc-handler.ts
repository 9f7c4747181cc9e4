import type { FeedStore } from '../../contracts/feed-store.ts'
import type { ProgressStore } from '../../contracts/progress-store.ts'
import type { RepoIndex } from '../../contracts/repo-index.ts'
import { InvalidOptionError, isBackfillError } from '../../errors.ts'
import { retryAfterMs } from '../../util/describe.ts'
import { mustHave, type OptionNames, refuseUnknown, wholeNumber } from '../../util/validate-options.ts'
import { VERSION } from '../../util/version.ts'
import { invalidRequest, type PlainAnswer, responseOf, XrpcError } from '../responses.ts'
import { getRepoStatus, listRepos } from './account-states.ts'
import { exactCounts } from './exact-counts.ts'
import { listCollections } from './list-collections.ts'
import { listReposByCollection } from './repos-by-collection.ts'
import { returningReaders } from './returning-readers.ts'
import { READABLE_BY_ALL, xrpcAnswer } from './xrpc-answers.ts'

/** What to serve, and how. */
export interface XrpcHandlerOptions {
  /** The index to serve: `store.index`, `collectionIndex(db)`, or one of your own. */
  index: RepoIndex
  /**
   * What a live feed told: `store.feed`. With it, `listRepos` and `getRepoStatus` are served, and a reader who keeps the
   * last cursor that it got and asks from there another day gets what the feed has added since.
   */
  feed?: FeedStore | undefined
  /**
   * How far imports are: `store.progress`. With it and `feed`, the list begins again for a reader who comes back after
   * an import has ended that may have added any repo behind that reader: of the collection, or of hosts, lists or files.
   */
  progress?: Pick<ProgressStore, 'list'> | undefined
  /**
   * The largest `limit` of a list of repos, 1 to 10,000. The lexicon's is 2,000; other servers of collections take
   * 10,000.
   *
   * @default 2000
   */
  maxLimit?: number | undefined
  /**
   * Whether a list may be asked for of several collections, up to 20, which is their union, or with none named, of all
   * repos, as [a proposal](https://github.com/bluesky-social/atproto/pull/4733) has it. All repos need the index by DID.
   *
   * @default false
   */
  severalCollections?: boolean | undefined
  /** Called for each failure that a client sees as a status of 500 or more, without the reason. */
  onError?: ((context: { request: Request; error: unknown }) => void) | undefined
}

const OPTIONS: OptionNames<XrpcHandlerOptions> = {
  index: true,
  feed: true,
  progress: true,
  maxLimit: true,
  severalCollections: true,
  onError: true,
}

const LEXICON_LIMIT = 2_000
const HIGHEST_LIMIT = 10_000

const METHODS = 'GET, HEAD, OPTIONS'

/** How long a browser may remember what it may ask, in seconds: Chromium's own maximum is two hours. */
const PREFLIGHT_SECONDS = 7_200

/** What a client may do after a 503, in seconds, where the store does not say. */
const RETRY_SECONDS = 5

type Route = (params: URLSearchParams, signal: AbortSignal) => Promise<PlainAnswer>

/**
 * Serves an index as a relay's collection directory does, for a server on web standards:
 *
 * - `/xrpc/com.atproto.sync.listReposByCollection`, as its lexicon has it, and `/v1/getDidsForCollection`, which is the
 *   same
 * - `/v1/listCollections`, in the shape of collectiondir, where the index has `listCollections`
 * - `/xrpc/com.atproto.sync.listRepos` and `/xrpc/com.atproto.sync.getRepoStatus`, with a `feed`
 * - `/_health` and `/xrpc/_health`: the version, once the index has answered
 *
 * It answers every request, with 404 for a path and 501 for a method of XRPC that it does not know, and rejects only
 * with what `onError` throws. Any web page may send requests.
 *
 * @throws InvalidOptionError
 */
export function xrpcHandler(options: XrpcHandlerOptions): (request: Request) => Promise<Response> {
  const answers = xrpcAnswers(options)
  return async (request) => responseOf(await answers(request))
}

/** The same, for a server that sends an answer as it is. */
export function xrpcAnswers(options: XrpcHandlerOptions): (request: Request) => Promise<PlainAnswer> {
  refuseUnknown(options, OPTIONS, { meant: { store: 'index' } })
  const routes = routesOf(options)
  return async (request) => {
    const answer = await answerTo(request, routes).catch((error: unknown) => {
      const failure = failureOf(error, request)
      if (failure.status >= 500 && failure !== error) options.onError?.({ request, error })
      const { status, error: name, message, headers } = failure
      return xrpcAnswer(status, { error: name, message }, headers)
    })
    return request.method === 'HEAD' ? { ...answer, body: null } : answer
  }
}

function routesOf(options: XrpcHandlerOptions): Map<string, Route> {
  const { index, feed, progress, maxLimit = LEXICON_LIMIT, severalCollections = false } = options
  mustHave('index', index, 'listRepos', 'a RepoIndex such as store.index or collectionIndex(db)')
  if (feed !== undefined) mustHave('feed', feed, 'newcomers', 'a FeedStore such as store.feed')
  if (progress !== undefined) mustHave('progress', progress, 'list', 'a ProgressStore such as store.progress')
  wholeNumber('maxLimit', maxLimit, 1, HIGHEST_LIMIT)
  const returning = feed && returningReaders({ feed, progress })
  const repos: Route = (params, signal) =>
    listReposByCollection(params, signal, { index, maxLimit, severalCollections, returning })
  const health: Route = (_, signal) => healthAnswer(index, signal)
  const routes = new Map<string, Route>([
    ['/xrpc/com.atproto.sync.listReposByCollection', repos],
    ['/v1/getDidsForCollection', repos],
    ['/xrpc/_health', health],
    ['/_health', health],
  ])
  if (index.listCollections) {
    const counts = index.countRepos && exactCounts(index.listRepos.bind(index), index.countRepos.bind(index))
    routes.set('/v1/listCollections', (params, signal) => listCollections(params, signal, { index, counts }))
  }
  if (feed !== undefined) {
    routes.set('/xrpc/com.atproto.sync.listRepos', (params, signal) => listRepos(params, signal, feed))
    routes.set('/xrpc/com.atproto.sync.getRepoStatus', (params, signal) =>
      getRepoStatus(params, signal, feed),
    )
  }
  return routes
}

/** Any name does for the look: whether the index holds it does not matter. */
async function healthAnswer(index: RepoIndex, signal: AbortSignal): Promise<PlainAnswer> {
  await index.listRepos('com.example.health', { limit: 1, signal })
  return xrpcAnswer(200, { version: VERSION, status: 'ok' })
}

async function answerTo(request: Request, routes: ReadonlyMap<string, Route>): Promise<PlainAnswer> {
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

function preflight(request: Request): PlainAnswer {
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
  return { status: 204, headers, body: null }
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
