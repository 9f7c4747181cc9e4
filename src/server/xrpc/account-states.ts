import { isValidDid, isValidTid } from '@atproto/syntax'
import type { FeedAccount, FeedStore } from '../../contracts/feed-store.ts'
import { invalidRequest, type PlainAnswer, single, XrpcError } from '../responses.ts'
import { cursorFor, readCursor } from './collection-cursor.ts'
import { limitOf } from './repos-by-collection.ts'
import { xrpcAnswer } from './xrpc-answers.ts'

/** What the lexicon of `listRepos` says of `limit`. */
const LIMIT = { max: 1000, default: 500 }

/** What the cursors of `listRepos` are of. */
const NAME = 'com.atproto.sync.listRepos'

/** How many pages are read for one that has a repo. */
const MOST_LOOKS = 10

/**
 * `com.atproto.sync.listRepos`: the accounts that the feed told of, in the order of their DIDs. Its lexicon wants a head
 * and a revision of each, so those of which no commit has come yet are left out.
 */
export async function listRepos(
  params: URLSearchParams,
  signal: AbortSignal,
  feed: FeedStore,
): Promise<PlainAnswer> {
  const limit = limitOf(single(params, 'limit'), LIMIT.default, LIMIT.max)
  let cursor = accountsCursor(single(params, 'cursor'))
  for (let looks = 1; ; looks += 1) {
    const page = await feed.listAccounts({ cursor, limit, signal })
    const repos = page.accounts.flatMap(repoOf)
    if (page.cursor === undefined) return xrpcAnswer(200, { repos })
    if (repos.length > 0 || looks === MOST_LOOKS)
      return xrpcAnswer(200, { repos, cursor: cursorFor(NAME, page.cursor) })
    cursor = page.cursor
  }
}

function accountsCursor(given: string | undefined): string | undefined {
  if (given === undefined || given === '') return undefined
  const cursor = readCursor(NAME, given)
  if (cursor === undefined) throw invalidRequest('Invalid cursor')
  return cursor
}

function repoOf(account: FeedAccount): object[] {
  const { did, head, rev } = account
  if (rev === undefined || head === undefined || !isValidTid(rev) || !CID.test(head)) return []
  return [{ did, head, rev, ...stateOf(account) }]
}

/** In the form that atproto has of them: base32 or base58, with nothing else. */
const CID = /^[A-Za-z0-9]{8,256}$/

/** A reason is given for an account that is not active, and for no other. */
function stateOf({ active, status }: FeedAccount): { active: boolean; status?: string } {
  return active || status === undefined ? { active } : { active, status }
}

/** `com.atproto.sync.getRepoStatus`: one account, as the feed told of it last. */
export async function getRepoStatus(
  params: URLSearchParams,
  signal: AbortSignal,
  feed: FeedStore,
): Promise<PlainAnswer> {
  const did = single(params, 'did')
  if (did === undefined || !isValidDid(did)) throw invalidRequest('did must be a DID such as did:plc:…')
  const [account] = await feed.accountsOf([did], { signal })
  if (account === undefined) throw new XrpcError(400, 'RepoNotFound', 'Nothing is known of this account')
  const { active, rev } = account
  // Its lexicon has a revision for active accounts alone.
  const version = active && rev !== undefined && isValidTid(rev) ? { rev } : {}
  return xrpcAnswer(200, { did: account.did, ...stateOf(account), ...version })
}
