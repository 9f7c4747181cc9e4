import type { BackfillEvent } from '../contracts/events.ts'
import type { ProgressStore } from '../contracts/progress-store.ts'
import { type WatchedRun, type WatchHandler, watchHandler } from '../server/admin/watch-handler.ts'
import { settledWithin } from '../util/abort.ts'
import { describe } from '../util/describe.ts'
import { printable } from '../util/text.ts'
import type { Context } from './context.ts'
import type { ListenAddress } from './listen-address.ts'
import { createRunMetrics } from './metrics/run-metrics.ts'
import { createTextMeter, METRICS_TYPE, type TextMeter } from './metrics/text-meter.ts'
import type { Relay } from './relay-options.ts'
import { startWebServer, type WebServer } from './web-server.ts'

/** What of a run can be looked at from elsewhere. */
export interface RunServersOptions {
  /** Where the status page is. */
  readonly serve?: ListenAddress | undefined
  /** Where Prometheus reads; on the first address, it may too. */
  readonly metricsPort?: ListenAddress | undefined
}

/** The web servers of the command run, for all its runs. */
export interface RunServers extends AsyncDisposable {
  /** The address of the status page. */
  readonly status: string | undefined
  readonly metrics: string | undefined
  /** From now on these monitors are shown, and these events. */
  begin(relays: readonly Relay[]): RunOnServers
}

/** One run, as the servers show it. */
export interface RunOnServers {
  handle(event: BackfillEvent): void
  /** @param error what ended it, unless everything is complete */
  end(error?: unknown): Promise<void>
}

/** How long the last look at the store may take for the page, in milliseconds. */
const LAST_LOOK_MS = 1_000

/** @throws Error that says what to do where a port cannot be listened to */
export async function startRunServers(
  options: RunServersOptions,
  relays: readonly Relay[],
  progress: ProgressStore,
  { err }: Context,
): Promise<RunServers> {
  const { serve, metricsPort } = options
  const onError = (error: unknown) => err.write(`! A request failed: ${printable(describe(error))}\n`)
  const meter = createTextMeter()
  const watched = watchedRelays(serve === undefined ? [] : relays, progress, onError)
  const shown = { relays }
  // Only what is asked for is counted.
  const metrics = serve === undefined && metricsPort === undefined ? undefined : metricsOf(meter, shown)
  const web = await openAll(options, { watched, meter, onError })
  const measured = web.metrics ?? (metricsPort && web.status)
  return {
    status: web.status && friendly(web.status.url),
    metrics: measured && `${friendly(measured.url)}/metrics`,
    begin(now) {
      shown.relays = now
      const runs = watched.begin()
      return {
        handle(event) {
          metrics?.handle(event)
          runs.get(event.relay)?.handle(event)
        },
        end: (error) =>
          settledWithin(LAST_LOOK_MS, Promise.all(Array.from(runs.values(), (run) => run.end(error)))),
      }
    },
    async [Symbol.asyncDispose]() {
      await watched[Symbol.asyncDispose]()
      await Promise.all([web.status?.close(), web.metrics?.close()])
      metrics?.[Symbol.dispose]()
    },
  }
}

interface WebParts {
  readonly watched: WatchedRelays
  readonly meter: TextMeter
  readonly onError: (error: unknown) => void
}

/** One server for both where both have one address. */
async function openAll(
  { serve, metricsPort }: RunServersOptions,
  { watched, meter, onError }: WebParts,
): Promise<{ readonly status: WebServer | undefined; readonly metrics: WebServer | undefined }> {
  const open = (address: ListenAddress, handle: WebServerHandle) =>
    startWebServer({ ...address, handle: onlyTo(address, handle), onError })
  const isOfItsOwn = metricsPort !== undefined && (serve === undefined || !isSame(serve, metricsPort))
  const status = serve && (await open(serve, (request) => routed(request, watched, meter)))
  try {
    const metrics = isOfItsOwn
      ? await open(metricsPort, (request) => metricsAlone(request, meter))
      : undefined
    return { status, metrics }
  } catch (error) {
    await status?.close()
    throw error
  }
}

type WebServerHandle = (request: Request) => Promise<Response>

/** The counters go on from run to run; the monitors are those of the run that is shown. */
function metricsOf(meter: TextMeter, shown: { readonly relays: readonly Relay[] }) {
  const named = shown.relays.map(({ relay }, i) => ({
    relay,
    monitor: {
      snapshot: () => monitorAt(shown.relays, i).snapshot(),
      collections: () => monitorAt(shown.relays, i).collections(),
    },
  }))
  return createRunMetrics(meter, named)
}

function monitorAt(relays: readonly Relay[], i: number): Relay['monitor'] {
  const relay = relays[i]
  if (relay === undefined) throw new Error('Every run is over the same relays.')
  return relay.monitor
}

interface WatchedRelays extends AsyncDisposable {
  /** By path. */
  readonly pages: ReadonlyMap<string, WatchHandler>
  begin(): ReadonlyMap<string, WatchedRun>
}

/** A page for each relay. */
function watchedRelays(
  relays: readonly Relay[],
  progress: ProgressStore,
  onError: (error: unknown) => void,
): WatchedRelays {
  const handlers = relays.map(({ relay }) => {
    const path = `/${relay.replace(/^https?:\/\//, '')}`
    return {
      relay,
      path,
      handler: watchHandler({ relay, progress, path, onError: ({ error }) => onError(error) }),
    }
  })
  return {
    pages: new Map(handlers.map(({ path, handler }) => [path, handler])),
    begin: () => new Map(handlers.map(({ relay, handler }) => [relay, handler.begin()])),
    async [Symbol.asyncDispose]() {
      await Promise.all(handlers.map(({ handler }) => handler[Symbol.asyncDispose]()))
    },
  }
}

async function routed(request: Request, { pages }: WatchedRelays, meter: TextMeter): Promise<Response> {
  const { pathname } = new URL(request.url)
  if (pathname === '/metrics') return metricsAlone(request, meter)
  const [, first = ''] = pathname.split('/')
  const page = pages.get(`/${first}`)
  if (page !== undefined) return page(request)
  if (pathname !== '/') return notFound()
  const [only, ...others] = pages.keys()
  return only !== undefined && others.length === 0 ? leadingTo(only) : chooserOf([...pages.keys()])
}

async function metricsAlone(request: Request, meter: TextMeter): Promise<Response> {
  if (new URL(request.url).pathname !== '/metrics') return notFound()
  return new Response(await meter.text(), { headers: { 'content-type': METRICS_TYPE } })
}

function notFound(): Response {
  return Response.json({ error: 'NotFound', message: 'Nothing is served at this path' }, { status: 404 })
}

function leadingTo(location: string): Response {
  return new Response(null, { status: 302, headers: { location } })
}

/** The relays to choose from. Their paths are hosts, of which no letter has a meaning in HTML. */
function chooserOf(paths: readonly string[]): Response {
  const links = paths.map((path) => `<li><a href="${path}">${path.slice(1)}</a></li>`).join('')
  const html = `<!doctype html><html lang="en"><meta charset="utf-8"><title>Collection backfill</title><h1>Collection backfill</h1><ul>${links}</ul></html>`
  const headers = {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': "default-src 'none'",
  }
  return new Response(html, { headers })
}

const OWN_NAMES: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]'])

/**
 * Where only this machine can reach the server, only a page of this machine may read it: a page from elsewhere could have
 * its name lead to 127.0.0.1, and its browser would let it read the answers. Its requests carry its name.
 */
function onlyTo({ host = '' }: ListenAddress, handle: WebServerHandle): WebServerHandle {
  const isOwn = host === 'localhost' || host === '::1' || host.startsWith('127.')
  if (!isOwn) return handle
  return async (request) => {
    const asked = `http://${request.headers.get('host') ?? ''}`
    const name = URL.canParse(asked) ? new URL(asked).hostname : ''
    if (OWN_NAMES.has(name) || name === host) return handle(request)
    const message =
      'This server answers to localhost alone. Give --serve an address to have it answer to others.'
    return Response.json({ error: 'Forbidden', message }, { status: 403 })
  }
}

function isSame(one: ListenAddress, other: ListenAddress): boolean {
  return one.port === other.port && one.port !== 0 && one.host === other.host
}

/** As one types it. */
function friendly(url: WebServer['url']): string {
  return url.replace('//127.0.0.1:', '//localhost:')
}
