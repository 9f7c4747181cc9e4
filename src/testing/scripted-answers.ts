import { isValidNsid } from '@atproto/syntax'
import type { ListReposPage, PagedContents } from './contents.ts'
import type { Fault, RelayRequest } from './relay-script.ts'
import { gardenText } from './test-garden.ts'
import { type Answer, errorAnswer, jsonAnswer } from './transfer.ts'

export const METHOD_PATH = '/xrpc/com.atproto.sync.listReposByCollection'
export const GARDEN_PATH = '/llms.txt'

/** What the relay would say if nothing went wrong; `page` is there when that is a page. */
export interface GenuineAnswer extends Answer {
  page?: ListReposPage
}

export function genuineAnswer(
  { method, path, collection, cursor, limit }: RelayRequest,
  contents: PagedContents,
  garden: readonly string[],
): GenuineAnswer {
  if (path !== METHOD_PATH && path !== GARDEN_PATH) return jsonAnswer(404, { error: 'Not Found' })
  if (method !== 'GET') return jsonAnswer(405, { error: 'MethodNotAllowed' }, { allow: 'GET' })
  if (path === GARDEN_PATH) {
    return { status: 200, headers: { 'content-type': 'text/plain; charset=utf-8' }, body: gardenText(garden) }
  }
  if (collection === undefined || !isValidNsid(collection)) {
    return errorAnswer(400, 'BadRequest', 'collection must be one NSID')
  }
  // Now, and not when the request came: the relay may have been rebuilt since.
  const offset = contents.offsetOf(collection, cursor)
  // A real one also answers 500 to what is the client's mistake.
  if (offset === undefined) return errorAnswer(500, 'DatabaseError', 'failed to read the cursor')
  const page = contents.page(collection, offset, limit)
  return { ...jsonAnswer(200, page), page }
}

/** The answer that a fault puts in the place of the genuine one. */
export function answerUnder(fault: Fault | undefined, genuine: GenuineAnswer): Answer {
  if (fault !== undefined && 'answer' in fault) {
    return jsonAnswer(200, fault.answer(genuine.page ?? { repos: [] }))
  }
  if (fault === undefined || !('status' in fault)) return genuine
  const { status, headers, body } = fault
  if (body !== undefined) return jsonAnswer(status, body, headers)
  const answer = errorAnswer(status)
  return { ...answer, headers: { ...answer.headers, ...headers } }
}
