import type { ProgressStore } from '../../src/contracts/progress-store.ts'
import { memoryIndexSink } from '../../src/memory/memory-index-sink.ts'
import { memoryProgressStore } from '../../src/memory/memory-store.ts'
import { relayLister } from '../../src/relay/relay-lister.ts'
import { type Backfiller, createBackfiller } from '../../src/run/backfiller.ts'
import type { BackfillOptions } from '../../src/run/options.ts'
import {
  type AdminEvents,
  type AdminHandler,
  type AdminHandlerOptions,
  type AdminStatus,
  adminHandler,
} from '../../src/server/index.ts'
import { knownCollections } from '../../src/sources/known-collections.ts'
import type { RelayScript } from '../../src/testing/index.ts'
import { type Served, serve } from './serve.ts'

export const TOKEN = 'a-token-of-more-than-16-characters'
export const PATH = '/admin/backfill-collections'
export const PROFILE = 'app.bsky.actor.profile'
export const BROKEN = 'com.example.broken'

/** A relay that refuses {@link BROKEN}, as long as it is said to. */
export const breaking =
  (isBroken: () => boolean): RelayScript =>
  ({ collection }) =>
    collection === BROKEN && isBroken()
      ? { status: 400, body: { error: 'BadRequest', message: 'no such thing' } }
      : undefined

/** A request with the token, for a handler without a server. */
export function request(method: string, path = '', headers: Record<string, string> = {}): Request {
  return new Request(`http://admin.example${PATH}${path}`, {
    method,
    headers: { authorization: `Bearer ${TOKEN}`, ...headers },
  })
}

/** What an admin handler runs, with the options that a test cares about. */
export function backfillerOf(
  source: string,
  progress: ProgressStore,
  collections: readonly string[],
  options: Partial<BackfillOptions>,
): Backfiller {
  return createBackfiller({
    relay: relayLister(source, { pageSize: 100 }),
    collections: [knownCollections(collections)],
    store: { sink: memoryIndexSink(), progress },
    ...options,
  })
}

export type AdminOptions = Partial<AdminHandlerOptions> & {
  /** What every run has beside lister, onEvent and signal. */
  readonly run?: Partial<BackfillOptions>
  /** What is known. */
  readonly collections?: readonly string[]
}

/** An answer, read to its end. */
export interface AdminAnswer {
  readonly status: number
  readonly headers: Headers
  readonly body: unknown
}

/** An admin handler behind a real HTTP server. */
export interface TestAdmin extends AsyncDisposable {
  readonly url: string
  readonly handler: AdminHandler
  readonly progress: ProgressStore
  /** Asks with the token. @param path below the handler's own */
  ask(method: string, path?: string, headers?: Record<string, string>): Promise<AdminAnswer>
  status(): Promise<AdminStatus>
  /** Resolves with the first status for which it holds. */
  until(holds: (status: AdminStatus) => boolean): Promise<AdminStatus>
  events(headers?: Record<string, string>): Promise<EventReader>
}

export async function startAdmin({ run, collections = [], ...options }: AdminOptions): Promise<TestAdmin> {
  const { progress = memoryProgressStore() } = options
  const handler = adminHandler({
    token: TOKEN,
    progress,
    backfill: ({ relay: source, ...context }) =>
      backfillerOf(source, progress, collections, {
        relay: relayLister(source, { pageSize: 100 }),
        retry: { minDelayMs: 1, maxDelayMs: 20 },
        // An event for each page.
        pagesAhead: 1,
        ...run,
        ...context,
      }),
    ...options,
  })
  const served = await serve(handler)
  return client(served, handler, progress)
}

function client(served: Served, handler: AdminHandler, progress: ProgressStore): TestAdmin {
  const url = `${served.url}${PATH}`
  const authorization = `Bearer ${TOKEN}`
  const ask: TestAdmin['ask'] = async (method, path = '', headers = {}) => {
    const response = await fetch(`${url}${path}`, { method, headers: { authorization, ...headers } })
    const text = await response.text()
    return {
      status: response.status,
      headers: response.headers,
      body: text === '' ? undefined : JSON.parse(text),
    }
  }
  const events: TestAdmin['events'] = async (headers = {}) => {
    const leaving = new AbortController()
    const response = await fetch(`${url}/events`, {
      headers: { authorization, ...headers },
      signal: leaving.signal,
    })
    if (!response.ok || response.body === null) throw new Error(`No stream: ${response.status}`)
    return eventReader(response, leaving)
  }
  const status = async () => (await ask('GET')).body as AdminStatus
  return {
    url,
    handler,
    progress,
    ask,
    events,
    status,
    async until(holds) {
      // Whatever changes the status is an event, so each is a reason to look again.
      await using reader = await events()
      for await (const _ of reader) {
        const now = await status()
        if (holds(now)) return now
      }
      throw new Error('The stream ended before.')
    },
    async [Symbol.asyncDispose]() {
      await handler[Symbol.asyncDispose]()
      await served[Symbol.asyncDispose]()
    },
  }
}

export type ReadEvent = {
  [Name in keyof AdminEvents]: { readonly id: string; readonly name: Name; readonly data: AdminEvents[Name] }
}[keyof AdminEvents]

/** Reads a stream as the standard for server-sent events says. Disposing of it hangs up. */
export interface EventReader extends AsyncIterableIterator<ReadEvent>, AsyncDisposable {
  readonly response: Response
  /** Everything up to the first event of that name for which it holds, that one included. */
  until<Name extends keyof AdminEvents>(
    name: Name,
    holds?: (data: AdminEvents[Name]) => boolean,
  ): Promise<ReadEvent[]>
  /** Comments and everything else that was sent beside events so far. */
  readonly others: readonly string[]
}

function eventReader(response: Response, leaving: AbortController): EventReader {
  const others: string[] = []
  const events = parse(response, others)
  return {
    response,
    others,
    next: () => events.next(),
    [Symbol.asyncIterator]() {
      return this
    },
    async until(name, holds = () => true) {
      const seen: ReadEvent[] = []
      for (;;) {
        const { done, value } = await events.next()
        if (done) throw new Error(`The stream ended before ${name}: ${seen.map((event) => event.name)}`)
        seen.push(value)
        if (value.name === name && holds(value.data as AdminEvents[typeof name])) return seen
      }
    },
    async [Symbol.asyncDispose]() {
      leaving.abort()
      await events.return(undefined).catch(() => {})
    },
  }
}

async function* parse(response: Response, others: string[]): AsyncGenerator<ReadEvent, void, void> {
  let text = ''
  for await (const chunk of (response.body ?? new ReadableStream()).pipeThrough(new TextDecoderStream())) {
    text += chunk
    const blocks = text.split('\n\n')
    text = blocks.pop() ?? ''
    for (const block of blocks) {
      const fields = new Map(block.split('\n').map((line) => splitAt(line, ': ')))
      const data = fields.get('data')
      if (data === undefined) others.push(block)
      else yield { id: fields.get('id'), name: fields.get('event'), data: JSON.parse(data) } as ReadEvent
    }
  }
}

function splitAt(line: string, separator: string): [string, string] {
  const at = line.indexOf(separator)
  return [line.slice(0, at), line.slice(at + separator.length)]
}
