import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { errorAnswer } from './transfer.ts'

/** A server that answers as a script says, and keeps what the script threw for the one who closes it. */
export interface ScriptedServer {
  readonly http: Server
  /** Requests in flight. */
  readonly load: { now: number; peak: number }
  /** What scripts threw. */
  readonly errors: unknown[]
}

export function scriptedServer(
  closing: AbortSignal,
  serve: (incoming: IncomingMessage, response: ServerResponse) => Promise<void>,
): ScriptedServer {
  const load = { now: 0, peak: 0 }
  const errors: unknown[] = []

  async function handle(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    load.now += 1
    load.peak = Math.max(load.peak, load.now)
    response.once('close', () => {
      load.now -= 1
    })
    try {
      await serve(incoming, response)
    } catch (error) {
      // Waits that the closing cuts short are no failure of the script.
      if (closing.aborted) return
      errors.push(error)
      if (response.headersSent) response.destroy()
      else response.writeHead(500).end(errorAnswer(500, 'ScriptFailed', String(error)).body)
    }
  }

  // Longer than any test: a client must not send into a connection that the relay is just closing.
  const http = createServer({ keepAliveTimeout: 600_000 }, (incoming, response) => {
    void handle(incoming, response)
  })
  return { http, load, errors }
}

/** @returns the port */
export async function listen(http: Server, port: number, address = '127.0.0.1'): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    http.once('error', reject)
    http.listen(port, address, resolve)
  })
  const bound = http.address()
  return typeof bound === 'object' && bound !== null ? bound.port : port
}

export async function closeAll(http: Server): Promise<void> {
  await new Promise<void>((resolve) => {
    http.close(() => resolve())
    http.closeAllConnections()
  })
}
