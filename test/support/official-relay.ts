import { readFile } from 'node:fs/promises'
import { createServer as createHttpServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type RelayContents, type RelayContentsOptions, relayContents } from '../../src/testing/contents.ts'

/**
 * What is used of `@atproto/xrpc-server`. Its own declarations need those of express 4 and ws, and do not compile
 * under `exactOptionalPropertyTypes`.
 */
interface XrpcServerModule {
  createServer(lexicons: unknown[], options: object): XrpcServer
  MemoryRateLimiter: new (options: object) => object
  InvalidRequestError: new (message: string) => Error
}

interface XrpcServer {
  router: RequestListener
  method(nsid: string, config: { handler: (context: { params: ListReposParams }) => unknown }): void
}

interface ListReposParams {
  collection: string
  limit: number
  cursor?: string
}

export interface OfficialRelayOptions extends RelayContentsOptions {
  /** Requests for each span of time, a whole number of seconds. @default no limit */
  rateLimit?: { points: number; durationMs: number } | undefined
}

export interface OfficialRelay extends RelayContents, AsyncDisposable {
  readonly url: string
}

const NSID = 'com.atproto.sync.listReposByCollection'
const MODULE: string = '@atproto/xrpc-server'

/** A relay on the official server library: its validation of requests and answers, its limiter, the lexicon. */
export async function startOfficialRelay(options: OfficialRelayOptions): Promise<OfficialRelay> {
  const library = (await import(/* @vite-ignore */ MODULE)) as XrpcServerModule
  const lexicon: unknown = JSON.parse(
    await readFile(new URL(`../fixtures/${NSID}.json`, import.meta.url), 'utf8'),
  )
  const contents = relayContents(options)
  const xrpc = library.createServer([lexicon], { validateResponse: true, ...rateLimits(library, options) })
  xrpc.method(NSID, {
    handler: ({ params: { collection, limit, cursor } }) => {
      const offset = contents.offsetOf(collection, cursor)
      if (offset === undefined) throw new library.InvalidRequestError('Malformed cursor')
      return { encoding: 'application/json', body: contents.page(collection, offset, limit) }
    },
  })
  const server = createHttpServer(xrpc.router)
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  return {
    ...contents,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      await new Promise<void>((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      })
    },
  }
}

function rateLimits(library: XrpcServerModule, { rateLimit }: OfficialRelayOptions): object {
  if (rateLimit === undefined) return {}
  return {
    rateLimits: {
      creator: (limiter: object) => new library.MemoryRateLimiter(limiter),
      global: [{ name: 'test-relay', ...rateLimit }],
    },
  }
}
