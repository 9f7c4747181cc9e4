import { isValidNsid } from '@atproto/syntax'
import type { RepoIndex } from '../../contracts/repo-index.ts'
import { invalidRequest, jsonAnswer, single } from '../responses.ts'
import type { CursorSigner } from './signed-cursor.ts'

/** What the method's lexicon says of `limit`. */
const LIMIT = { min: 1, max: 2000, default: 500 }

/** `com.atproto.sync.listReposByCollection`, as its lexicon has it. */
export async function listReposByCollection(
  params: URLSearchParams,
  signal: AbortSignal,
  { index, signer }: { index: RepoIndex; signer: CursorSigner },
): Promise<Response> {
  const collection = single(params, 'collection')
  if (collection === undefined || !isValidNsid(collection)) {
    throw invalidRequest('collection must be an NSID such as app.bsky.feed.post')
  }
  const limit = limitOf(single(params, 'limit'))
  const cursor = await cursorOf(single(params, 'cursor'), collection, signer)
  const page = await index.listRepos(collection, { cursor, limit, signal })
  const repos = page.dids.map((did) => ({ did }))
  if (page.cursor === undefined) return jsonAnswer(200, { repos })
  return jsonAnswer(200, { repos, cursor: await signer.sign(collection, page.cursor) })
}

function limitOf(given: string | undefined): number {
  if (given === undefined) return LIMIT.default
  const limit = /^\d+$/.test(given) ? Number(given) : Number.NaN
  if (limit >= LIMIT.min && limit <= LIMIT.max) return limit
  throw invalidRequest(`limit must be a whole number from ${LIMIT.min} to ${LIMIT.max}`)
}

/** Some clients send an empty cursor with their first request. */
async function cursorOf(
  given: string | undefined,
  collection: string,
  signer: CursorSigner,
): Promise<string | undefined> {
  if (given === undefined || given === '') return undefined
  const cursor = await signer.open(collection, given)
  if (cursor === undefined) throw invalidRequest('cursor is none that this server gave for this collection')
  return cursor
}
