/**
 * A relay in a process of its own, for the benchmarks: every body is made beforehand, so that it takes as little as it can of
 * the machine that it shares with what is measured. The first line of stdin holds its options, the first of stdout its URL.
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { relayContents } from '../../src/testing/contents.ts'
import { sleep } from '../../src/util/abort.ts'
import { parent } from './child.ts'
import { failureStarts, planned, sendFailure } from './faults.ts'
import { pagesIn } from './load.ts'
import { REPORT_PATH, type RelayOptions } from './relay-process.ts'

const JSON_TYPE = 'application/json'

const { hear, say } = parent()
const options = await hear<RelayOptions>()
if (options !== undefined) await serve(options)

async function serve({ sizes, pageSize, latencyMs, faults: plan }: RelayOptions): Promise<void> {
  const contents = relayContents({ collections: sizes })
  const faults = plan && planned(plan, failureStarts({ sizes, pageSize }, plan.failsEach))
  const bodies = new Map(contents.collections.map((collection) => [collection, bodiesOf(collection)]))

  function bodiesOf(collection: string): readonly Buffer[] {
    const pages = pagesIn(contents.size(collection), pageSize)
    return Array.from({ length: pages }, (_, page) =>
      Buffer.from(JSON.stringify(contents.page(collection, page * pageSize, pageSize))),
    )
  }

  function bodyFor(collection: string, { searchParams }: URL): Buffer | undefined {
    const offset = contents.offsetOf(collection, searchParams.get('cursor') ?? undefined)
    if (Number(searchParams.get('limit')) !== pageSize || offset === undefined) return undefined
    return bodies.get(collection)?.[offset / pageSize]
  }

  async function answer({ url = '/' }: IncomingMessage, response: ServerResponse): Promise<void> {
    if (url === REPORT_PATH) return sendJson(response, 200, faults?.report)
    const asked = new URL(url, 'http://relay.invalid')
    const collection = asked.searchParams.get('collection') ?? ''
    const body = bodyFor(collection, asked)
    if (body === undefined) return sendJson(response, 400, { error: 'NoPageOfThisRelay' })
    const outcome = faults?.next(performance.now(), collection)
    const failed = faults?.report.failed ?? 0
    if (outcome === 'refused') {
      response.setHeader('retry-after', plan?.retryAfter ?? 0)
      return sendJson(response, 429, { error: 'RateLimitExceeded' })
    }
    await sleep(latencyMs)
    if (outcome === 'fails') return sendFailure(failed, response, body)
    response.writeHead(200, { 'content-type': JSON_TYPE, 'content-length': body.length }).end(body)
  }

  const server = createServer({ keepAliveTimeout: 600_000 }, (incoming, response) => {
    void answer(incoming, response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  say({ url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}` })
}

function sendJson(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { 'content-type': JSON_TYPE }).end(JSON.stringify(value))
}
