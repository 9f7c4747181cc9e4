import { isValidNsid } from '@atproto/syntax'
import type { IndexedRepos, IndexPageRequest, RepoIndex, ServedRepos } from '../../contracts/repo-index.ts'
import { isBackfillError } from '../../errors.ts'
import { reposJson } from '../../util/repos-json.ts'
import { invalidRequest, XrpcError } from '../responses.ts'
import { textHash } from './text-hash.ts'

/** A list that can be asked for: of one collection, of the union of several, or of all repos. */
export interface RepoList {
  /** What its cursors are of. */
  readonly name: string
  /** Each once; none for the list of all repos. */
  readonly collections: readonly string[]
  page(request: IndexPageRequest & { limit: number }): Promise<ServedRepos>
}

/** How many collections one request may name. */
const MAX_COLLECTIONS = 20

/** The least repos of a collection that are read at once for a union. */
const LEAST_READ = 100

/**
 * The list that is asked for.
 *
 * @param named the values of the parameter `collection`
 * @param mayBeSeveral whether none and several are allowed
 * @throws XrpcError
 */
export function repoListOf(named: readonly string[], index: RepoIndex, mayBeSeveral: boolean): RepoList {
  if (!named.every((nsid) => isValidNsid(nsid)) || (named.length === 0 && !mayBeSeveral))
    throw invalidRequest('collection must be an NSID such as app.bsky.feed.post')
  if (named.length > 1 && !mayBeSeveral) throw invalidRequest('collection must be given once')
  if (named.length > MAX_COLLECTIONS) throw invalidRequest(`collection may be given ${MAX_COLLECTIONS} times`)
  const collections = [...new Set(named)].sort()
  const [first, second] = collections
  if (first === undefined) return { name: '', collections, page: (request) => pageOfAll(index, request) }
  if (second === undefined)
    return { name: first, collections, page: (request) => pageOfOne(index, first, request) }
  const name = unionName(collections)
  const page = async (request: IndexPageRequest & { limit: number }) =>
    served(await pageOfUnion(index, collections, request))
  return { name, collections, page }
}

/** Twenty names would make a cursor that is too long for some. No NSID begins so. */
function unionName(collections: readonly string[]): string {
  const [first, second] = textHash(collections.join(' '))
  return `*${first.toString(36)}-${second.toString(36)}`
}

function served({ dids, cursor }: IndexedRepos): ServedRepos {
  return { json: reposJson(dids), cursor }
}

async function pageOfOne(
  index: RepoIndex,
  collection: string,
  request: IndexPageRequest,
): Promise<ServedRepos> {
  if (index.listReposJson) return index.listReposJson(collection, request)
  return served(await index.listRepos(collection, request))
}

async function pageOfAll(index: RepoIndex, request: IndexPageRequest): Promise<ServedRepos> {
  const cannot = (why: string) =>
    new XrpcError(501, 'MethodNotImplemented', `The repos of all collections cannot be listed here: ${why}`)
  if (index.listAllRepos === undefined) throw cannot('name a collection')
  try {
    return served(await index.listAllRepos(request))
  } catch (error) {
    if (isBackfillError(error, 'NOT_INDEXED'))
      throw cannot('the index by DID is not built. Name a collection')
    throw error
  }
}

/** What was read of one collection, and where to go on. */
interface Strand {
  readonly collection: string
  dids: readonly string[]
  at: number
  after: string | undefined
  isAtEnd: boolean
}

/**
 * The lists are read side by side, some of each at a time, and merged: no more than twice a page is held, or 100 of
 * each.
 */
async function pageOfUnion(
  index: RepoIndex,
  collections: readonly string[],
  { cursor, limit, signal }: IndexPageRequest & { limit: number },
): Promise<IndexedRepos> {
  const atOnce = Math.min(
    limit + 1,
    Math.max(LEAST_READ, Math.ceil((2 * limit) / collections.length)),
    10_000,
  )
  const strands = collections.map(
    (collection): Strand => ({ collection, dids: [], at: 0, after: cursor, isAtEnd: false }),
  )
  const union: string[] = []
  while (union.length <= limit) {
    for (const strand of strands)
      while (strand.at === strand.dids.length && !strand.isAtEnd)
        await readOn(index, strand, { limit: atOnce, signal })
    const next = lowest(strands)
    if (next === undefined) return { dids: union }
    union.push(next)
    for (const strand of strands) if (strand.dids[strand.at] === next) strand.at += 1
  }
  union.pop()
  return { dids: union, cursor: union.at(-1) }
}

function lowest(strands: readonly Strand[]): string | undefined {
  let found: string | undefined
  for (const { dids, at } of strands) {
    const did = dids[at]
    if (did !== undefined && (found === undefined || did < found)) found = did
  }
  return found
}

/** The strands go on from a DID that was in another one, so a DID has to be a cursor. */
async function readOn(
  index: RepoIndex,
  strand: Strand,
  request: { limit: number; signal: AbortSignal | undefined },
): Promise<void> {
  const page = await index.listRepos(strand.collection, { ...request, cursor: strand.after })
  if (page.cursor !== undefined && page.cursor !== page.dids.at(-1))
    throw new XrpcError(
      501,
      'MethodNotImplemented',
      'Several collections cannot be listed at once here: name one',
    )
  strand.dids = page.dids
  strand.at = 0
  strand.after = page.cursor
  strand.isAtEnd = page.cursor === undefined
}
