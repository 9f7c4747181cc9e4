import { statusPage } from '../../src/server/admin/page/status-page.ts'
import type { AdminEvents, AdminRow, AdminStatus, AdminTick } from '../../src/server/index.ts'
import { PATH, TOKEN } from './admin.ts'
import { serve } from './serve.ts'

/** A server that speaks as `adminHandler` does and says what it is told: for what no real backfill would come to. */
export interface ScriptedAdmin extends AsyncDisposable {
  readonly url: string
  /** What was asked besides the page and the stream: `POST ?source=…`. */
  readonly asked: readonly string[]
  /** The ids after which streams were asked for, in order; undefined for the first. */
  readonly resumed: readonly (string | undefined)[]
  send<Name extends keyof AdminEvents>(name: Name, data: AdminEvents[Name]): void
  /** Ends every stream. */
  hangUp(): void
  /** What the next streams begin with. */
  status: AdminStatus
  /** Whether requests are refused as by a proxy whose server is down. */
  isDown: boolean
  /** Requests for a stream are answered once it has settled. */
  held: Promise<void>
}

export async function startScriptedAdmin(status: AdminStatus): Promise<ScriptedAdmin> {
  const viewers = new Set<ReadableStreamDefaultController<Uint8Array>>()
  const encoder = new TextEncoder()
  const asked: string[] = []
  const resumed: (string | undefined)[] = []
  let seq = 0
  const eventText = (name: string, data: object) => {
    seq += 1
    return encoder.encode(`id: ${seq}\nevent: ${name}\ndata: ${JSON.stringify(data)}\n\n`)
  }
  const watch = (request: Request) => {
    const lastEventId = request.headers.get('last-event-id') ?? undefined
    resumed.push(lastEventId)
    let viewer: ReadableStreamDefaultController<Uint8Array> | undefined
    const stream = new ReadableStream<Uint8Array>({
      start(controller) {
        viewer = controller
        viewers.add(controller)
        if (lastEventId === undefined) controller.enqueue(eventText('snapshot', admin.status))
      },
      cancel: () => {
        if (viewer) viewers.delete(viewer)
      },
    })
    return new Response(stream, { headers: { 'content-type': 'text/event-stream' } })
  }
  const served = await serve(async (request) => {
    const { pathname, search } = new URL(request.url)
    if (request.method === 'GET' && pathname === PATH) {
      const { html, headers } = statusPage()
      return new Response(html, { headers })
    }
    if (request.headers.get('authorization') !== `Bearer ${TOKEN}`) return Response.json({}, { status: 401 })
    if (pathname === `${PATH}/events`) await admin.held
    if (admin.isDown) return new Response('Bad gateway', { status: 502 })
    if (pathname === `${PATH}/events`) return watch(request)
    asked.push(`${request.method} ${pathname.slice(PATH.length)}${search}`)
    return Response.json({})
  })
  const admin: ScriptedAdmin = {
    url: `${served.url}${PATH}`,
    asked,
    resumed,
    status,
    isDown: false,
    held: Promise.resolve(),
    send(name, data) {
      for (const viewer of viewers) viewer.enqueue(eventText(name, data))
    },
    hangUp() {
      for (const viewer of viewers) viewer.close()
      viewers.clear()
    },
    async [Symbol.asyncDispose]() {
      admin.hangUp()
      await served[Symbol.asyncDispose]()
    },
  }
  return admin
}

export const SOURCE = 'relay1.us-east.bsky.network'

export function adminRow(collection: string, row: Partial<AdminRow> = {}): AdminRow {
  const { state = 'pending' } = row
  return {
    collection,
    source: SOURCE,
    imported: 0,
    completed: state === 'complete',
    state,
    pages: 0,
    estimated_repos: null,
    invalid: 0,
    attempts: 0,
    not_before: null,
    owner: null,
    lease_ends_at: null,
    flags: [],
    completed_at: null,
    last_error: null,
    ...row,
  }
}

/** A run under way, with these rows. */
export function adminStatus(
  collections: readonly AdminRow[],
  status: Partial<AdminStatus> = {},
): AdminStatus {
  const count = (state: AdminRow['state']) => collections.filter((row) => row.state === state).length
  const completed = count('complete')
  return {
    running: true,
    total: collections.length,
    completed,
    in_progress: collections.length - completed,
    total_imported: collections.reduce((sum, { imported }) => sum + imported, 0),
    relay: SOURCE,
    sources: null,
    started_at: new Date(Date.now() - 600_000).toISOString(),
    finished_at: null,
    at: new Date().toISOString(),
    running_collections: count('running'),
    pending: count('pending'),
    failed: count('failed'),
    pairs_per_second: null,
    requests_per_second: null,
    run_imported: 0,
    run_added: 0,
    run_requests: 0,
    fraction: collections.length === 0 ? null : completed / collections.length,
    sizes: 'known',
    requests_left: collections.length - completed,
    added_work: null,
    eta_ms: null,
    eta_at_least: false,
    expected_pairs: null,
    waiting: null,
    set_aside: collections.filter(({ not_before }) => not_before !== null).length,
    last_error: null,
    outcome: null,
    error: null,
    collections,
    failures: [],
    history: [],
    ...status,
  }
}

export function tickOf({ collections, failures, history, ...totals }: AdminStatus): AdminTick {
  return { ...totals, at: new Date().toISOString(), latest: history.slice(-5) }
}
