import { isValidNsid } from '@atproto/syntax'
import type { CollectionProgress } from '../../contracts/collection-progress.ts'
import { DiscoveryError, RelayError } from '../../errors.ts'
import { withDeadline } from '../../util/abort.ts'
import { wasCancelled } from '../../util/flags.ts'
import { normalNsid } from '../../util/nsid.ts'
import { invalidRequest, jsonAnswer, single, XrpcError } from '../responses.ts'
import type { AdminSettings } from './admin-options.ts'
import type { AdminRunEnd, Run } from './admin-run.ts'
import type { Runs } from './admin-runs.ts'
import { plainError } from './admin-status.ts'
import type { AdminChanged, AdminRetried, AdminStarted, AdminStopped } from './wire-types.ts'

type Route = (params: URLSearchParams, request: Request) => Promise<Response>

/** What one path answers, by method. */
export type Methods = ReadonlyMap<string, Route>

/** Each costs a connection and, now and then, the whole status as text. */
const MAX_VIEWERS = 100

/**
 * How long a request that starts a run waits until its collections are known, in milliseconds, and one that stops it
 * until it is over; then it is answered with 202. Some proxies give up after 60 s.
 */
const ANSWER_WITHIN_MS = 30_000

/** The routes by what follows the handler's path. */
export function adminRoutes(settings: AdminSettings, runs: Runs): ReadonlyMap<string, Methods> {
  const methods = (routes: Record<string, Route>) => new Map(Object.entries(routes))
  return new Map([
    [
      '',
      methods({
        GET: async () => jsonAnswer(200, await runs.status()),
        POST: (params) => start(params, settings, runs),
        DELETE: () => stop(runs),
      }),
    ],
    ['/events', methods({ GET: (params, request) => watch(params, request, runs) })],
    [
      '/collections',
      methods({
        POST: (params) => register(params, settings, runs),
        DELETE: (params) => cancel(params, settings, runs),
      }),
    ],
    ['/retry', methods({ POST: (params) => retry(params, settings, runs) })],
  ])
}

/** The run goes on when the client that started it hangs up. */
async function start(params: URLSearchParams, settings: AdminSettings, runs: Runs): Promise<Response> {
  const relay = settings.allowed.accept(single(params, 'source'))
  // From here to the beginning without a pause, so that of two at once one is refused.
  if (runs.current !== undefined) throw alreadyRunning(runs.current)
  const run = runs.begin(relay)
  const isKnown = await isInTime(run.known)
  if (runs.current !== run) throwIfFailed(await run.ended, run)
  const { total } = run.view.monitor.snapshot().collections
  const started: AdminStarted = {
    status: isKnown ? 'started' : 'starting',
    source: relay,
    collections: total,
  }
  return jsonAnswer(isKnown ? 200 : 202, started)
}

function alreadyRunning({ relay }: Run): XrpcError {
  const message = `A backfill from ${relay} is under way: stop it with DELETE, or wait for its end`
  return new XrpcError(409, 'AlreadyRunning', message)
}

/** A run that is over before its collections were known has failed, or was stopped. */
function throwIfFailed({ outcome, error }: AdminRunEnd, { relay }: Run): void {
  if (outcome === 'stopped') throw new XrpcError(409, 'Stopped', `The backfill from ${relay} was stopped`)
  if (outcome !== 'failed') return
  const { code, message } = plainError(error)
  const isElsewhere = error instanceof RelayError || error instanceof DiscoveryError
  throw new XrpcError(isElsewhere ? 502 : 500, code, message)
}

async function stop(runs: Runs): Promise<Response> {
  const run = runs.current
  if (run === undefined) return jsonAnswer(200, { status: 'idle' } satisfies AdminStopped)
  run.stop.abort()
  const isOver = await isInTime(run.ended)
  const stopped: AdminStopped = { status: isOver ? 'stopped' : 'stopping' }
  return jsonAnswer(isOver ? 200 : 202, stopped)
}

async function watch(params: URLSearchParams, request: Request, runs: Runs): Promise<Response> {
  if (request.method !== 'HEAD' && runs.viewers >= MAX_VIEWERS) {
    const headers = { 'retry-after': '10' }
    throw new XrpcError(503, 'TooManyViewers', `${MAX_VIEWERS} event streams are open already`, headers)
  }
  const lastEventId = request.headers.get('last-event-id') ?? single(params, 'last_event_id')
  const stream = await runs.watch(lastEventId, request.signal)
  return new Response(stream, {
    headers: {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      // nginx would collect the events otherwise.
      'x-accel-buffering': 'no',
    },
  })
}

async function retry(params: URLSearchParams, settings: AdminSettings, runs: Runs): Promise<Response> {
  const collections = namedIn(params)
  const relay = relayIn(params, settings, runs)
  if (runs.current !== undefined && runs.current.relay !== relay) throw alreadyRunning(runs.current)
  const names = await namesToRetry(params, collections, relay, settings)
  const freed = await settings.progress.retryFailed(relay, names)
  const started = freed > 0 && runs.resume(relay, collections.length > 0)
  await runs.refresh()
  const retried: AdminRetried = { source: relay, collections: freed, started }
  return jsonAnswer(200, retried)
}

/** A run that is under way reads them soon, each when a worker is free; else the next one does. */
async function register(params: URLSearchParams, settings: AdminSettings, runs: Runs): Promise<Response> {
  const names = mustName(params).map(normalNsid)
  const relay = relayIn(params, settings, runs)
  const { progress } = settings
  const known = new Set((await progress.list({ relay })).map(({ collection }) => collection))
  const added = [...new Set(names)].filter((nsid) => !known.has(nsid))
  await progress.register(
    relay,
    added.map((nsid) => ({ nsid })),
    // Others that failed are none of this request's business.
    { keepFailed: true },
  )
  runs.goOnWith(relay)
  await runs.refresh()
  return jsonAnswer(200, { source: relay, collections: added.length } satisfies AdminChanged)
}

/** The walk ends with its next commit, in whichever process it is; the run goes on with the others. */
async function cancel(params: URLSearchParams, settings: AdminSettings, runs: Runs): Promise<Response> {
  const names = bothForms(mustName(params))
  const relay = relayIn(params, settings, runs)
  const collections = await settings.progress.cancel(relay, names)
  await runs.refresh()
  return jsonAnswer(200, { source: relay, collections } satisfies AdminChanged)
}

/** @throws XrpcError for a name that is no NSID */
function namedIn(params: URLSearchParams): readonly string[] {
  const collections = params.getAll('collection')
  if (collections.every((nsid) => isValidNsid(nsid))) return collections
  throw invalidRequest('collection must be an NSID such as app.bsky.feed.post')
}

/** @throws XrpcError also where there is no name: all of them are not what was meant */
function mustName(params: URLSearchParams): readonly string[] {
  const collections = namedIn(params)
  if (collections.length > 0) return collections
  throw invalidRequest('collection must be given: an NSID such as app.bsky.feed.post, or several')
}

/** The relay that is named; else that of the run under way, or of the last one. */
function relayIn(params: URLSearchParams, settings: AdminSettings, runs: Runs): string {
  return settings.allowed.accept(single(params, 'source') ?? runs.relay)
}

/** An earlier version, or another program, may have registered a name with capital letters in its authority. */
function bothForms(collections: readonly string[]): readonly string[] {
  return [...new Set([...collections, ...collections.map(normalNsid)])]
}

/** Those that are named; with `waiting`, those that failed and those that wait to be tried again; else those that failed. */
async function namesToRetry(
  params: URLSearchParams,
  collections: readonly string[],
  relay: string,
  { progress }: AdminSettings,
): Promise<readonly string[] | undefined> {
  if (collections.length > 0) return bothForms(collections)
  if (single(params, 'waiting') !== 'true') return undefined
  const rows = await progress.list({ relay })
  const isMeant = (row: CollectionProgress) =>
    (row.state === 'failed' && !wasCancelled(row)) || row.retryInMs !== undefined
  return rows.filter(isMeant).map(({ collection }) => collection)
}

/** Whether the promise resolves before the request has to be answered. */
async function isInTime(promise: Promise<unknown>): Promise<boolean> {
  const late = new Error('late')
  try {
    await withDeadline(promise, ANSWER_WITHIN_MS, () => late)
    return true
  } catch (error) {
    if (error === late) return false
    throw error
  }
}
