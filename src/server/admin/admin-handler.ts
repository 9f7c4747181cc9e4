import { isBackfillError } from '../../errors.ts'
import { jsonAnswer, XrpcError } from '../responses.ts'
import { type AdminHandlerOptions, type AdminSettings, adminSettings } from './admin-options.ts'
import { adminRoutes, type Methods } from './admin-routes.ts'
import type { AdminRunEnd } from './admin-run.ts'
import { createRuns } from './admin-runs.ts'
import { prefersHtml } from './page/prefers-html.ts'
import { pageAnswer } from './page/status-page.ts'

/** Answers requests. */
export interface AdminHandler extends AsyncDisposable {
  (request: Request): Promise<Response>
  /**
   * Begins a run as `POST` does, for a program that has a timer: it is watched and stopped like one that an operator
   * began. A run that is under way comes to its end first.
   *
   * @returns how it ended, once its claims are released
   * @throws XrpcError for a relay that is not allowed, and once the handler is closed; never what a run fails with
   */
  run(relay: string): Promise<AdminRunEnd>
  /**
   * Stops the run as the option `signal` does, and resolves once the run is over and its claims are released. Close the
   * store afterwards. `await using` does the same.
   */
  close(): Promise<void>
}

/**
 * Lets an operator start, watch and stop backfills over HTTP, on web standards. Below `path`:
 *
 * | request | does |
 * |---|---|
 * | `GET` | tells the progress: {@link AdminStatus}; shows a browser the status page |
 * | `POST ?source=HOST` | starts a run: 200 with {@link AdminStarted}, 409 while one is under way |
 * | `DELETE` | stops the run: 200 with {@link AdminStopped} |
 * | `GET /events` | sends the events of the run as server-sent events: {@link AdminEvents} |
 * | `POST /collections?collection=NSID` | registers it; a run under way reads it too: {@link AdminChanged} |
 * | `DELETE /collections?collection=NSID` | cancels it: its walk ends, and no run reads it until it is retried by its name: {@link AdminChanged} |
 * | `POST /retry?collection=NSID` | retries it, or every failed collection if none is named; with `waiting=true`, also those that wait to be tried again: {@link AdminRetried} |
 *
 * Every request but that for the page, which holds no data, carries the token in a header. There is no cookie, so
 * another web page cannot forge a request, and no CORS header, so it cannot read an answer. The handler answers every
 * request and rejects only with what `onError` throws. One handler has one run at a time; other processes on the same
 * database share the work of a run, and each has its own handler.
 *
 * @throws InvalidOptionError
 */
export function adminHandler(options: AdminHandlerOptions): AdminHandler {
  return handlerOf(adminSettings(options))
}

/** The same, from settings that are checked. */
export function handlerOf(settings: AdminSettings): AdminHandler {
  const runs = createRuns(settings)
  const routes = adminRoutes(settings, runs)
  let closing: Promise<void> | undefined
  const stop = () => {
    closing ??= runs.close(settings.signal?.reason)
    return closing
  }
  if (settings.signal?.aborted) void stop()
  else settings.signal?.addEventListener('abort', stop, { once: true })

  async function handle(request: Request): Promise<Response> {
    const answer = await answerTo(request, settings, routes, closing !== undefined).catch(
      (error: unknown) => {
        const failure = failureOf(error)
        if (failure.status >= 500 && failure !== error) settings.onError({ request, error })
        const { status, error: name, message, headers } = failure
        return jsonAnswer(status, { error: name, message }, headers)
      },
    )
    // An answer holds for this moment, and is not for the next user of the same computer.
    if (!answer.headers.has('cache-control')) answer.headers.set('cache-control', 'no-store')
    answer.headers.set('x-content-type-options', 'nosniff')
    if (request.method !== 'HEAD') return answer
    await answer.body?.cancel()
    return new Response(null, answer)
  }

  const close = async () => {
    settings.signal?.removeEventListener('abort', stop)
    await stop()
  }
  const run = async (given: string) => {
    const relay = settings.allowed.accept(given)
    while (runs.current !== undefined) await runs.current.ended
    return await runs.begin(relay).ended
  }
  return Object.assign(handle, { run, close, [Symbol.asyncDispose]: close })
}

async function answerTo(
  request: Request,
  { isAllowed, isWatchOnly, path }: AdminSettings,
  routes: ReadonlyMap<string, Methods>,
  isClosed: boolean,
): Promise<Response> {
  const url = new URL(request.url)
  const below = url.pathname.startsWith(path) ? url.pathname.slice(path.length).replace(/\/$/, '') : undefined
  const offered = below === undefined ? undefined : routes.get(below)
  const methods = isWatchOnly && offered !== undefined ? readingOf(offered) : offered
  if (methods === undefined) throw new XrpcError(404, 'NotFound', 'Nothing is served at this path')
  const allow = [...methods.keys(), ...(methods.has('GET') ? ['HEAD'] : []), 'OPTIONS'].join(', ')
  if (request.method === 'OPTIONS') return new Response(null, { status: 204, headers: { allow } })
  // It holds no data: it asks its reader for the token.
  if (below === '' && (request.method === 'GET' || request.method === 'HEAD') && prefersHtml(request)) {
    return pageAnswer({ isWatchOnly })
  }
  if (!(await isAllowed(request))) {
    const headers = { 'www-authenticate': 'Bearer realm="atproto-collection-backfill"' }
    throw new XrpcError(
      401,
      'AuthenticationRequired',
      'Authorization: Bearer TOKEN is missing or wrong',
      headers,
    )
  }
  const route = methods.get(request.method === 'HEAD' ? 'GET' : request.method)
  if (route === undefined)
    throw new XrpcError(405, 'MethodNotAllowed', `The method must be one of ${allow}`, { allow })
  if (isClosed) throw new XrpcError(503, 'ShuttingDown', 'The server is shutting down')
  return route(url.searchParams, request)
}

/** The methods that change nothing; nothing where there is none. */
function readingOf(methods: Methods): Methods | undefined {
  const get = methods.get('GET')
  return get && new Map([['GET', get]])
}

/** The client has the token, so it is told the reason. */
function failureOf(error: unknown): XrpcError {
  if (error instanceof XrpcError) return error
  const message = error instanceof Error ? error.message : String(error)
  return isBackfillError(error, 'STORE_UNAVAILABLE')
    ? new XrpcError(503, 'StoreUnavailable', message, { 'retry-after': '5' })
    : new XrpcError(500, 'InternalServerError', message)
}
