import { createHash } from 'node:crypto'
import { mix } from '../../src/testing/dids.ts'
import { openPageClient } from './page-client.ts'

export const PAGE = 2_000

/** One walk along a list, by one client. */
export interface Walk {
  readonly seconds: number
  readonly repos: number
  /** Where each of its pages begins. */
  readonly cursors: readonly (string | undefined)[]
}

export async function walk(port: number, collection: string): Promise<Walk> {
  const client = await openPageClient(port, `collection=${collection}&limit=${PAGE}`)
  const startedAt = performance.now()
  const cursors: (string | undefined)[] = []
  let repos = 0
  let cursor: string | undefined
  do {
    cursors.push(cursor)
    const page = await client.page(cursor)
    repos += page.repos
    if (page.cursor !== undefined && page.cursor === cursor) throw new Error('A cursor led to itself.')
    cursor = page.cursor
  } while (cursor !== undefined)
  client.close()
  return { seconds: (performance.now() - startedAt) / 1_000, repos, cursors }
}

/** The first page, in a few words. */
export async function bytesOf(port: number, collection: string): Promise<string> {
  const path = `/xrpc/com.atproto.sync.listReposByCollection?collection=${collection}&limit=${PAGE}`
  const body = new Uint8Array(await (await fetch(`http://127.0.0.1:${port}${path}`)).arrayBuffer())
  return `${body.length} bytes, ${createHash('sha256').update(body).digest('hex')}`
}

/** What many clients at once get, in milliseconds but for the first. */
export interface Load {
  readonly requestsPerSecond: number
  readonly p50: number
  readonly p99: number
}

export interface LoadScale {
  readonly connections: number
  readonly seconds: number
}

/** Clients that ask for the pages of a list in any order, each for the next one once it has the last. */
export async function load(
  port: number,
  collection: string,
  { connections, seconds }: LoadScale,
): Promise<Load> {
  const { cursors } = await walk(port, collection)
  const times: number[] = []
  const startedAt = performance.now()
  const until = startedAt + seconds * 1_000
  const ask = async (_: unknown, number: number) => {
    const client = await openPageClient(port, `collection=${collection}&limit=${PAGE}`)
    for (let i = number; performance.now() < until; i += 1) {
      const askedAt = performance.now()
      await client.page(cursors[(mix(i * connections + number) >>> 0) % cursors.length])
      times.push(performance.now() - askedAt)
    }
    client.close()
  }
  await Promise.all(Array.from({ length: connections }, ask))
  const passed = (performance.now() - startedAt) / 1_000
  const sorted = times.toSorted((a, b) => a - b)
  const at = (share: number) => sorted[Math.floor(sorted.length * share)] ?? Number.NaN
  return { requestsPerSecond: times.length / passed, p50: at(0.5), p99: at(0.99) }
}
