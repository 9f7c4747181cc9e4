import { isValidNsid } from '@atproto/syntax'
import type { RepoIndex } from '../../contracts/repo-index.ts'
import { invalidRequest, jsonAnswer, single } from '../responses.ts'
import { cursorFor, readCursor } from './collection-cursor.ts'

/** What the method's lexicon says of `limit`. */
const LIMIT = { min: 1, max: 2000, default: 500 }

/** `com.atproto.sync.listReposByCollection`, as its lexicon has it. */
export async function listReposByCollection(
  params: URLSearchParams,
  signal: AbortSignal,
  index: RepoIndex,
): Promise<Response> {
  const collection = single(params, 'collection')
  if (collection === undefined || !isValidNsid(collection)) {
    throw invalidRequest('collection must be an NSID such as app.bsky.feed.post')
  }
  const limit = limitOf(single(params, 'limit'))
  const cursor = cursorOf(single(params, 'cursor'), collection)
  const page = await index.listRepos(collection, { cursor, limit, signal })
  const repos = page.dids.map((did) => ({ did }))
  if (page.cursor === undefined) return jsonAnswer(200, { repos })
  return jsonAnswer(200, { repos, cursor: cursorFor(collection, page.cursor) })
}

function limitOf(given: string | undefined): number {
  if (given === undefined) return LIMIT.default
  const limit = /^\d+$/.test(given) ? Number(given) : Number.NaN
  if (limit >= LIMIT.min && limit <= LIMIT.max) return limit
  throw invalidRequest(`limit must be a whole number from ${LIMIT.min} to ${LIMIT.max}`)
}

/** Some clients send an empty cursor with their first request. */
function cursorOf(given: string | undefined, collection: string): string | undefined {
  if (given === undefined || given === '') return undefined
  const cursor = readCursor(collection, given)
  if (cursor === undefined) throw invalidRequest('Invalid cursor for this collection')
  return cursor
}
