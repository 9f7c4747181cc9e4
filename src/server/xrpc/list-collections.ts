import { isValidNsid } from '@atproto/syntax'
import type { RepoIndex } from '../../contracts/repo-index.ts'
import { invalidRequest, type PlainAnswer, single, XrpcError } from '../responses.ts'
import type { ExactCounts } from './exact-counts.ts'
import { xrpcAnswer } from './xrpc-answers.ts'

/** What collectiondir takes for `limit`; it cuts others down or up to these. */
const LIMIT = { min: 50, max: 1000, default: 500 }

/** How many collections can be asked for by name, each of which is counted. */
const MAX_NAMED = 20

/**
 * `/v1/listCollections` in the shape of collectiondir: each collection with the number of its repos, and a cursor that
 * is always there and empty at the end. With `c` it counts the collections that are named and leaves out those it does
 * not hold.
 */
export async function listCollections(
  params: URLSearchParams,
  signal: AbortSignal,
  { index, counts }: { index: RepoIndex; counts: ExactCounts | undefined },
): Promise<PlainAnswer> {
  const named = params.getAll('c')
  if (named.length > 0)
    return xrpcAnswer(200, { collections: await count(named, counts, signal), cursor: '' })
  const limit = limitOf(single(params, 'limit'))
  const cursor = single(params, 'cursor') || undefined
  const page = await index.listCollections?.({ cursor, limit, signal })
  const estimates = page?.collections.map(({ nsid, estimatedRepos = 0 }) => [nsid, estimatedRepos]) ?? []
  return xrpcAnswer(200, { collections: Object.fromEntries(estimates), cursor: page?.cursor ?? '' })
}

async function count(
  named: readonly string[],
  counts: ExactCounts | undefined,
  signal: AbortSignal,
): Promise<object> {
  if (counts === undefined)
    throw new XrpcError(501, 'MethodNotImplemented', 'Counting is not supported by this index')
  if (named.length > MAX_NAMED) throw invalidRequest(`c may be given ${MAX_NAMED} times`)
  if (!named.every((nsid) => isValidNsid(nsid)))
    throw invalidRequest('c must be an NSID such as app.bsky.feed.post')
  const counted = await counts.of(named, signal)
  return Object.fromEntries([...counted].filter(([, repos]) => repos > 0))
}

function limitOf(given: string | undefined): number {
  const limit = given !== undefined && /^-?\d+$/.test(given) ? Number(given) : LIMIT.default
  return Math.min(Math.max(limit, LIMIT.min), LIMIT.max)
}
