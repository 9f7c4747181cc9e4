import { METRICS_TYPE } from '../metrics/text-meter.ts'
import type { Answer } from '../web-server.ts'

/** A handler of web standards, but for what it may answer with. */
export type Handle = (request: Request) => Promise<Answer>

/** What stands behind the paths of the service. Absent: not yet, since the database is not open, or not at all. */
export interface ServeParts {
  /** Tells whether requests can be answered. */
  readonly health: () => Promise<Response>
  /** The text of the metrics. Absent: they are served elsewhere. */
  readonly metrics: (() => Promise<string>) | undefined
  readonly xrpc: () => Handle | undefined
  /** False: there is no admin endpoint. */
  readonly admin: (() => Handle | undefined) | false
  /** Counts an answer under the name of its route. */
  readonly onAnswer: (route: string, status: number, durationMs: number) => void
}

/** Requests that are answered from the database at once: what comes beyond is told to come again. */
const MOST_AT_ONCE = 128

const HEALTH_PATHS: readonly string[] = ['/_health', '/xrpc/_health']

/** What a client may do after a 503, in seconds. */
const RETRY_SECONDS = { opening: 5, busy: 1 }

/** Leads each request to the part that answers it. */
export function serveRoutes(parts: ServeParts): Handle {
  let underWay = 0

  async function answer(route: string, request: Request): Promise<Answer> {
    if (route === 'health') return await parts.health()
    if (route === 'metrics' && parts.metrics !== undefined)
      return new Response(await parts.metrics(), { headers: { 'content-type': METRICS_TYPE } })
    if (route === 'none') return notFound()
    const handle = route === 'admin' && parts.admin !== false ? parts.admin() : parts.xrpc()
    if (handle === undefined)
      return unavailable('The database cannot be used at the moment', RETRY_SECONDS.opening)
    // An operator has to come through, and a viewer of the status page stays for hours.
    if (route === 'admin') return await handle(request)
    if (underWay >= MOST_AT_ONCE) return unavailable('Too many requests are under way', RETRY_SECONDS.busy)
    underWay += 1
    try {
      return await handle(request)
    } finally {
      underWay -= 1
    }
  }

  return async (request) => {
    const route = routeOf(new URL(request.url).pathname, parts)
    const since = performance.now()
    const response = await answer(route, request)
    parts.onAnswer(route, response.status, performance.now() - since)
    if (request.method !== 'HEAD') return response
    return response instanceof Response ? new Response(null, response) : { ...response, body: null }
  }
}

/** One of a few words, so that no client makes the metrics grow. */
function routeOf(path: string, { metrics, admin }: ServeParts): string {
  if (HEALTH_PATHS.includes(path)) return 'health'
  if (path === '/metrics' && metrics !== undefined) return 'metrics'
  if (path.startsWith('/admin/') && admin !== false) return 'admin'
  const [, method] = /^\/(?:xrpc|v1)\/(.+)$/.exec(path) ?? []
  if (method === undefined) return 'none'
  return METHODS.has(method) ? method : 'other'
}

const METHODS: ReadonlySet<string> = new Set([
  'com.atproto.sync.listReposByCollection',
  'com.atproto.sync.listRepos',
  'com.atproto.sync.getRepoStatus',
  'listCollections',
  'getDidsForCollection',
])

function notFound(): Response {
  return Response.json({ error: 'NotFound', message: 'Nothing is served at this path' }, { status: 404 })
}

function unavailable(message: string, seconds: number): Response {
  const headers = { 'retry-after': String(seconds), 'access-control-allow-origin': '*' }
  return Response.json({ error: 'ServiceUnavailable', message }, { status: 503, headers })
}
