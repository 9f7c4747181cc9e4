import { isValidNsid } from '@atproto/syntax'
import type { GenuineAnswer } from '../scripted-answers.ts'
import { METHOD_PATH } from '../scripted-answers.ts'
import { errorAnswer, jsonAnswer } from '../transfer.ts'
import { isActive } from './accounts.ts'
import type { LazyAccount } from './generated-accounts.ts'
import { type HostContents, malformedCursor, offsetOf, repoNotFound, repoOf } from './host-answers.ts'
import type { NetworkHost } from './hosts.ts'
import type { AccountState, HostRequest, RelayHalf } from './network-options.ts'

export interface RelayContents extends HostContents {
  readonly hosts: readonly NetworkHost[]
  /** As it stands at the moment. */
  readonly half: RelayHalf
}

/** What the network's relay says when nothing goes wrong. */
export function relayAnswer(request: HostRequest, contents: RelayContents): GenuineAnswer {
  const { path } = request
  if (path === METHOD_PATH) return listReposByCollection(request, contents)
  if (path === '/xrpc/com.atproto.sync.listRepos') return listRepos(request, contents)
  if (path === '/xrpc/com.atproto.sync.getRepoStatus') return repoStatus(request, contents)
  if (path === '/xrpc/com.atproto.sync.listHosts') return listHosts(request, contents)
  return jsonAnswer(404, { error: 'Not Found' })
}

function listHosts({ cursor, limit }: HostRequest, { hosts, half }: RelayContents): GenuineAnswer {
  const from = offsetOf(cursor)
  if (from === undefined) return malformedCursor()
  const known = hosts.filter(({ name }) => half.knows?.(name) ?? true)
  const page = known.slice(from, from + limit).map(({ name, repos, behaviour }, i) => ({
    hostname: name,
    seq: 1_000_000 + from + i,
    accountCount: repos,
    status: behaviour.down ? 'offline' : 'active',
  }))
  const more = from + limit < known.length
  return jsonAnswer(200, { hosts: page, ...(more && { cursor: String(from + limit) }) })
}

function listRepos({ cursor, limit }: HostRequest, { accounts, half }: RelayContents): GenuineAnswer {
  const from = offsetOf(cursor)
  if (from === undefined) return malformedCursor()
  const { accounts: listed, next } = accounts.all(from, limit, (account) => !isLacking(account, half))
  const repos = listed.map(({ did, state }) => ({ ...repoOf(did), ...relayState(state) }))
  const page = { repos, ...(next !== undefined && { cursor: String(next) }) }
  return { ...jsonAnswer(200, page), page }
}

/** Whether the list lacks an account: the relay does not know its host, or the account got lost. */
function isLacking(
  { host, lot }: Pick<LazyAccount, 'host' | 'lot'>,
  { knows, lacks = 0 }: RelayHalf,
): boolean {
  return lot < lacks || !(knows?.(host) ?? true)
}

function listReposByCollection(request: HostRequest, { accounts, half }: RelayContents): GenuineAnswer {
  const { collection, cursor, limit } = request
  if (collection === undefined || !isValidNsid(collection)) {
    return errorAnswer(400, 'BadRequest', 'collection must be one NSID')
  }
  const from = offsetOf(cursor)
  if (from === undefined) return malformedCursor()
  const { lists = 'active', knows } = half
  const { accounts: listed, next } = accounts.all(
    from,
    limit,
    (account) =>
      account.has(collection) &&
      (knows?.(account.host) ?? true) &&
      (lists !== 'active' || isActive(account.state)),
  )
  const repos = listed.map(({ did, state }) => ({ did, ...(lists === 'marked' && relayState(state)) }))
  const page = { repos, ...(next !== undefined && { cursor: String(next) }) }
  return { ...jsonAnswer(200, page), page }
}

function repoStatus({ did = '' }: HostRequest, { accounts, half }: RelayContents): GenuineAnswer {
  const account = accounts.find(did)
  const isUnknown = account === undefined || !(half.knows?.(account.host) ?? true)
  if (isUnknown || (half.forgets && isLacking(accounts.lazily(account), half))) return repoNotFound(did)
  const { rev } = repoOf(did)
  const { active, status } = relayState(account.state)
  return jsonAnswer(200, { did, active, ...(status !== undefined && { status }), ...(active && { rev }) })
}

/** As a relay has it: an account whose events it could not follow, or takes more slowly, is active nevertheless. */
function relayState(state: AccountState): { active: boolean; status?: string } {
  if (state === 'active') return { active: true }
  return { active: isActive(state), status: state === 'tombstoned' ? 'deleted' : state }
}
