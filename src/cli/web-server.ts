import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { ReadableStream as NodeStream } from 'node:stream/web'
import { setTimeout as sleep } from 'node:timers/promises'
import type { PlainAnswer } from '../server/responses.ts'
import type { ListenAddress } from './listen-address.ts'

/** What a client may take. The defaults are for a server that strangers ask; only tests set others. */
export interface WebServerLimits {
  /** For a request's headers, and for the whole request, in milliseconds. */
  readonly requestMs: number
  /** For a client to take an answer that is no event stream, in milliseconds. */
  readonly answerMs: number
  /** How long a connection is kept for its next request, in milliseconds. */
  readonly keepAliveMs: number
  /** Connections at once; what comes beyond is closed. */
  readonly connections: number
  /** Of a request's line and headers, and of its body, in bytes. */
  readonly headerBytes: number
  readonly bodyBytes: number
}

const LIMITS: WebServerLimits = {
  requestMs: 10_000,
  answerMs: 30_000,
  keepAliveMs: 10_000,
  connections: 2_000,
  headerBytes: 16_384,
  bodyBytes: 65_536,
}

/** How long answers that are under way may take when the server closes, in milliseconds. */
const CLOSING_MS = 1_000

/** What is sent to a client. */
export type Answer = Response | PlainAnswer

export interface WebServerOptions extends ListenAddress {
  /** Answers a request; what it rejects with is answered with 500. */
  readonly handle: (request: Request) => Promise<Answer>
  /** Gets what `handle` rejects with. */
  readonly onError: (error: unknown) => void
  readonly limits?: Partial<WebServerLimits>
}

/** A server that listens. */
export interface WebServer extends AsyncDisposable {
  /** As this machine's browser has it: `http://localhost:2510`. */
  readonly url: string
  readonly port: number
  /** Takes no more requests, lets the answers under way a second, and ends what is left. */
  close(): Promise<void>
}

/**
 * Serves a handler of web standards on node:http, to clients that may be slow or mean harm: each has a bound of time and
 * of bytes, and all together one of connections.
 *
 * @throws Error that says what to do where the port is in use, or may not be listened to
 */
export async function startWebServer(options: WebServerOptions): Promise<WebServer> {
  const { host, port, handle, onError } = options
  const limits = { ...LIMITS, ...options.limits }
  const server = createServer(
    {
      headersTimeout: limits.requestMs,
      requestTimeout: limits.requestMs,
      keepAliveTimeout: limits.keepAliveMs,
      maxHeaderSize: limits.headerBytes,
      connectionsCheckingInterval: Math.min(2_000, limits.requestMs),
    },
    (incoming, outgoing) => {
      answer(incoming, outgoing, handle, limits).catch((error: unknown) => {
        // A client that hung up in the middle of its request, or before the answer.
        if (outgoing.destroyed) return
        onError(error)
        refuse(outgoing, 500, 'InternalServerError', 'The request could not be answered')
      })
    },
  )
  server.maxConnections = limits.connections
  const endIdle = idleEnder(server)
  await listen(server, { host, port })
  const address = server.address() as AddressInfo
  const close = () => closeServer(server, endIdle)
  return { url: urlOf(host, address.port), port: address.port, close, [Symbol.asyncDispose]: close }
}

function urlOf(host: string | undefined, port: number): string {
  const isAny = host === undefined || host === '0.0.0.0' || host === '::'
  const name = isAny ? 'localhost' : host.includes(':') ? `[${host}]` : host
  return `http://${name}:${port}`
}

async function listen(server: Server, { host, port }: ListenAddress): Promise<void> {
  try {
    server.listen({ port, host })
    await once(server, 'listening')
  } catch (error) {
    throw explained(error, { host, port })
  }
}

function explained(error: unknown, { host, port }: ListenAddress): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  const why = new Map<unknown, string>([
    ['EADDRINUSE', `The port ${port} is in use: another program listens there. Give another port.`],
    ['EACCES', `The port ${port} may not be listened to by this user: take one from 1024 on.`],
    ['EADDRNOTAVAIL', `${host} is no address of this machine.`],
    ['ENOTFOUND', `${host} is no name of this machine.`],
  ]).get(code)
  return why === undefined ? error : new Error(why)
}

/**
 * Keeps which connections answer no request at the moment; Node counts those that have sent none among the busy ones.
 *
 * @returns what ends those, and from then on each other one after its answer
 */
function idleEnder(server: Server): () => void {
  const idle = new Set<Socket>()
  let isEnding = false
  server.on('connection', (socket: Socket) => {
    idle.add(socket)
    socket.once('close', () => idle.delete(socket))
  })
  server.on('request', ({ socket }: IncomingMessage, outgoing: ServerResponse) => {
    idle.delete(socket)
    outgoing.once('close', () => {
      if (isEnding) socket.end()
      else if (!socket.destroyed) idle.add(socket)
    })
  })
  return () => {
    isEnding = true
    for (const socket of idle) socket.destroy()
  }
}

async function closeServer(server: Server, endIdle: () => void): Promise<void> {
  if (!server.listening) return
  const closed = once(server, 'close')
  server.close()
  endIdle()
  const late = new AbortController()
  await Promise.race([closed, sleep(CLOSING_MS, undefined, { signal: late.signal })])
  late.abort()
  server.closeAllConnections()
  await closed
}

async function answer(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  handle: WebServerOptions['handle'],
  limits: WebServerLimits,
): Promise<void> {
  const address = `http://localhost${incoming.url}`
  if (!incoming.url?.startsWith('/') || !URL.canParse(address))
    return refuse(outgoing, 400, 'InvalidRequest', 'The address cannot be read')
  // A client that hangs up wants no answer any more.
  const gone = new AbortController()
  outgoing.once('close', () => {
    if (!outgoing.writableFinished) gone.abort()
  })
  const { method = 'GET' } = incoming
  const body = await bodyOf(incoming, limits.bodyBytes)
  if (body === undefined) return refuse(outgoing, 413, 'PayloadTooLarge', 'The body is too large')
  const mayHaveBody = method !== 'GET' && method !== 'HEAD' && body.length > 0
  const init = { method, headers: headersOf(incoming), signal: gone.signal }
  const given = await handle(new Request(address, mayHaveBody ? { ...init, body } : init))
  await send(given, outgoing, limits.answerMs)
}

/** As pairs: a `Headers` would be made twice. */
function headersOf({ rawHeaders }: IncomingMessage): [string, string][] {
  const headers: [string, string][] = []
  for (let i = 1; i < rawHeaders.length; i += 2) headers.push([rawHeaders[i - 1] ?? '', rawHeaders[i] ?? ''])
  return headers
}

/** @returns nothing where it is larger than that */
async function bodyOf(incoming: IncomingMessage, most: number): Promise<Buffer<ArrayBuffer> | undefined> {
  const chunks: Buffer[] = []
  let bytes = 0
  const { 'content-length': length = '0', 'transfer-encoding': encoding } = incoming.headers
  if (Number(length) > most) return undefined
  if (Number(length) === 0 && encoding === undefined) return Buffer.alloc(0)
  // What is left of it is not read, and the answer can still be sent.
  for await (const chunk of incoming.iterator({ destroyOnReturn: false })) {
    bytes += chunk.length
    if (bytes > most) return undefined
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

/** An event stream goes on for as long as its reader takes it; everything else has a length and a bound of time. */
async function send(answer: Answer, outgoing: ServerResponse, withinMs: number): Promise<void> {
  if (answer instanceof Response && isEventStream(answer)) {
    outgoing.writeHead(answer.status, Object.fromEntries(answer.headers))
    outgoing.flushHeaders()
    // Rejects when the client hangs up, or is dropped; either is its own affair.
    return await pipeline(Readable.fromWeb(answer.body as NodeStream), outgoing).catch(() => {})
  }
  const { status, headers, body } = answer instanceof Response ? await plainAnswer(answer) : answer
  if (outgoing.destroyed) return
  const late = setTimeout(() => outgoing.destroy(), withinMs)
  outgoing.once('close', () => clearTimeout(late))
  if (body === null) outgoing.writeHead(status, headers).end()
  else outgoing.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) }).end(body)
}

function isEventStream({ headers, body }: Response): boolean {
  return body !== null && headers.get('content-type')?.startsWith('text/event-stream') === true
}

async function plainAnswer(response: Response): Promise<PlainAnswer> {
  const { status, headers, body } = response
  const bytes = body === null ? null : new Uint8Array(await response.arrayBuffer())
  return { status, headers: Object.fromEntries(headers), body: bytes }
}

/** The connection ends with it: what is left of the request is not read. */
function refuse(outgoing: ServerResponse, status: number, error: string, message: string): void {
  if (outgoing.headersSent) return void outgoing.destroy()
  const body = JSON.stringify({ error, message })
  outgoing.shouldKeepAlive = false
  outgoing.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
  })
  outgoing.end(body)
}
