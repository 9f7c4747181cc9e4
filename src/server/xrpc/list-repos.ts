import { isValidNsid } from '@atproto/syntax'
import type { IndexPageRequest, RepoIndex, ServedRepos } from '../../contracts/repo-index.ts'
import { reposJson } from '../../util/repos-json.ts'
import { invalidRequest, single } from '../responses.ts'
import { cursorFor, readCursor } from './collection-cursor.ts'
import { reposAnswer } from './xrpc-answers.ts'

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
  const page = await servedPage(index, collection, { cursor, limit, signal })
  return reposAnswer(page.json, page.cursor === undefined ? undefined : cursorFor(collection, page.cursor))
}

async function servedPage(
  index: RepoIndex,
  collection: string,
  request: IndexPageRequest,
): Promise<ServedRepos> {
  if (index.listReposJson) return index.listReposJson(collection, request)
  const { dids, cursor } = await index.listRepos(collection, request)
  return { json: reposJson(dids), cursor }
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
