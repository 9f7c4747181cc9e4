/**
 * A relay in a process of its own, for the benchmarks: every body is made beforehand, so that it takes as little as it can of
 * the machine that it shares with what is measured. The first line of stdin holds its options, the first of stdout its URL.
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { relayContents } from '../../src/testing/contents.ts'
import { sleep } from '../../src/time.ts'
import { parent } from './child.ts'
import type { RelayOptions } from './relay-process.ts'

const { hear, say } = parent()
const options = await hear<RelayOptions>()
if (options !== undefined) await serve(options)

async function serve({ sizes, pageSize, latencyMs }: RelayOptions): Promise<void> {
  const contents = relayContents({ collections: sizes })
  const bodies = new Map(contents.collections.map((collection) => [collection, bodiesOf(collection)]))

  function bodiesOf(collection: string): readonly Buffer[] {
    const pages = Math.floor(contents.size(collection) / pageSize) + 1
    return Array.from({ length: pages }, (_, page) =>
      Buffer.from(JSON.stringify(contents.page(collection, page * pageSize, pageSize))),
    )
  }

  function bodyFor({ searchParams }: URL): Buffer | undefined {
    const collection = searchParams.get('collection') ?? ''
    const offset = contents.offsetOf(collection, searchParams.get('cursor') ?? undefined)
    if (Number(searchParams.get('limit')) !== pageSize || offset === undefined) return undefined
    return bodies.get(collection)?.[offset / pageSize]
  }

  async function answer(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = bodyFor(new URL(incoming.url ?? '/', 'http://relay.invalid'))
    await sleep(latencyMs)
    if (body === undefined) response.writeHead(400).end('not a page of this relay')
    else
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length }).end(body)
  }

  const server = createServer({ keepAliveTimeout: 600_000 }, (incoming, response) => {
    void answer(incoming, response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  say({ url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}` })
}
