import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A real HTTP server on a free loopback port. */
export interface TestServer extends AsyncDisposable {
  /** `http://127.0.0.1:<port>` */
  readonly origin: string
  /** `127.0.0.1:<port>` */
  readonly host: string
  /** What was asked so far, in order. */
  readonly requests: readonly IncomingMessage[]
  /** Settles when a request has come in and its handler was called. */
  nextRequest(): Promise<IncomingMessage>
}

export async function startServer(handler: RequestListener): Promise<TestServer> {
  const requests: IncomingMessage[] = []
  const server = createServer((request, response) => {
    requests.push(request)
    handler(request, response)
    server.emit('handled', request)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    origin: `http://${host}`,
    host,
    requests,
    nextRequest: async () => (await once(server, 'handled'))[0],
    async [Symbol.asyncDispose]() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}

/** A server that gives one and the same answer to everything. */
export function startAnswering(
  status: number,
  body: string | Uint8Array = '',
  headers: Record<string, string> = {},
): Promise<TestServer> {
  return startServer((_, response) => response.writeHead(status, headers).end(body))
}

/** Resolves when the client has hung up before the answer was complete. */
export function hungUp(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => response.once('close', () => response.writableFinished || resolve()))
}

/** The query of a request, decoded as the standard says. */
export function queryOf(request: IncomingMessage | undefined): URLSearchParams {
  return new URL(request?.url ?? '', 'http://loopback').searchParams
}
