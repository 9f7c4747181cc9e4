import type { ServerResponse } from 'node:http'
import type { CollectionSource, KnownCollection } from '../../src/index.ts'
import type { CollectionSourceFixture, ServerFault } from '../../src/testing/index.ts'
import { queryOf, startServer, type TestServer } from './http-server.ts'

/** A list that a server gives page by page, as JSON. */
export interface ServedList extends TestServer {
  /** The query of each request so far. */
  readonly queries: readonly Record<string, string>[]
  /** What becomes of every answer from now on. */
  disturb(fault: ServerFault): void
  /** How many requests are open. */
  open(): number
}

/** What a server says in the place of a page. */
export interface Said {
  status?: number
  headers?: Record<string, string>
  /** A string is sent as it is, everything else as JSON. */
  body: unknown
}

/** @param answer called for each request; `undefined` leaves it without an answer */
export async function serveList(answer: (query: URLSearchParams) => Said | undefined): Promise<ServedList> {
  let fault: ServerFault | undefined
  let open = 0
  const server = await startServer((request, response) => {
    open += 1
    response.once('close', () => {
      open -= 1
    })
    const said = answer(queryOf(request))
    if (said !== undefined && fault !== 'stalled') send(response, fault === 'error' ? FAILED : said, fault)
  })
  return {
    ...server,
    get queries() {
      return server.requests.map((request) => Object.fromEntries(queryOf(request)))
    },
    disturb(name) {
      fault = name
    },
    open: () => open,
  }
}

const FAILED: Said = { status: 500, body: { error: 'InternalServerError' } }

function send(response: ServerResponse, said: Said, fault: ServerFault | undefined): void {
  const { status = 200, headers = { 'content-type': 'application/json' }, body } = said
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  response.writeHead(status, headers).end(fault === 'cut' ? text.slice(0, text.length >> 1) : text)
}

/** The entries of one page, and a cursor unless it is the last: shorter pages than anybody asks for. */
export function pageOf<T>(
  entries: readonly T[],
  query: URLSearchParams,
  size = 25,
): { page: T[]; cursor?: string } {
  const from = Number(query.get('cursor') ?? 0)
  const page = entries.slice(from, from + size)
  return from + size < entries.length ? { page, cursor: String(from + size) } : { page }
}

/** A source on a served list, for the suite. */
export function fixtureOf(server: ServedList, source: CollectionSource): CollectionSourceFixture {
  return {
    source,
    disturb: (fault) => server.disturb(fault),
    open: () => server.open(),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  }
}

/** Everything that a source gives, and the error that it ends with. */
export async function readSource(
  source: CollectionSource,
  signal?: AbortSignal,
): Promise<{ found: KnownCollection[]; error: unknown }> {
  const found: KnownCollection[] = []
  try {
    for await (const collection of source.collections({ signal })) found.push(collection)
    return { found, error: undefined }
  } catch (error) {
    return { found, error }
  }
}
