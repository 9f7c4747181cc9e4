import type { IncomingMessage } from 'node:http'
import type { PagedContents } from './contents.ts'
import type { RelayRequest } from './relay-script.ts'
import { METHOD_PATH } from './scripted-answers.ts'

const DEFAULT_LIMIT = 500

export interface RequestLog {
  readonly requests: readonly RelayRequest[]
  note(incoming: IncomingMessage): RelayRequest
}

export function requestLog(contents: PagedContents, maxLimit: number): RequestLog {
  const requests: RelayRequest[] = []
  const attempts = new Map<string, number>()
  return {
    requests,
    note(incoming) {
      const { pathname: path, searchParams } = new URL(incoming.url ?? '/', 'http://relay.invalid')
      const collections = searchParams.getAll('collection')
      const collection = collections.length === 1 ? collections[0] : undefined
      const cursor = searchParams.get('cursor') ?? undefined
      const same = JSON.stringify([path, collection, cursor])
      const attempt = (attempts.get(same) ?? 0) + 1
      attempts.set(same, attempt)
      const request: RelayRequest = {
        n: requests.length + 1,
        method: incoming.method ?? 'GET',
        path,
        collection,
        cursor,
        limit: limitOf(searchParams.get('limit'), maxLimit),
        offset:
          path === METHOD_PATH && collection !== undefined
            ? contents.offsetOf(collection, cursor)
            : undefined,
        attempt,
        at: performance.now(),
        headers: incoming.headers,
      }
      requests.push(request)
      return request
    },
  }
}

function limitOf(asked: string | null, maxLimit: number): number {
  const limit = asked === null ? DEFAULT_LIMIT : Number.parseInt(asked, 10)
  return Number.isNaN(limit) ? Math.min(DEFAULT_LIMIT, maxLimit) : Math.min(Math.max(limit, 1), maxLimit)
}
