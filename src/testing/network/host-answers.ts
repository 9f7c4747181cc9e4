import { keyOf } from '../dids.ts'
import type { GenuineAnswer } from '../scripted-answers.ts'
import { errorAnswer, jsonAnswer } from '../transfer.ts'
import { type Accounts, isGone } from './accounts.ts'
import type { AccountState, HostRequest, NetworkAccount } from './network-options.ts'
import { commitOf } from './repo-commits.ts'

/** What hosts and directories answer from. */
export interface HostContents {
  readonly accounts: Accounts
  /** Where a host is reached, as DID documents name it. */
  endpointOf(host: string): string
}

const LIST_REPOS = '/xrpc/com.atproto.sync.listRepos'
const REPO_STATUS = '/xrpc/com.atproto.sync.getRepoStatus'
const DESCRIBE_REPO = '/xrpc/com.atproto.repo.describeRepo'
const DESCRIBE_SERVER = '/xrpc/com.atproto.server.describeServer'
const DID_DOCUMENT = '/.well-known/did.json'

/** How a host names the states that it knows. Those of a relay are none of its own: to it, the account is active. */
const REFUSALS: Readonly<Partial<Record<AccountState, readonly [error: string, message: string]>>> = {
  deactivated: ['RepoDeactivated', 'Repo has been deactivated'],
  suspended: ['RepoSuspended', 'Repo has been suspended'],
  takendown: ['RepoTakendown', 'Repo has been takendown'],
}

/** What a host of the network says when nothing goes wrong, as the reference implementation says it. */
export function hostAnswer(place: number, request: HostRequest, contents: HostContents): GenuineAnswer {
  const { host, path } = request
  if (path === LIST_REPOS) return listRepos(place, request, contents)
  if (path === DESCRIBE_REPO) return describeRepo(request, contents)
  if (path === REPO_STATUS) return repoStatus(request, contents)
  if (path === DID_DOCUMENT) return documentAnswer(`did:web:${host}`, contents, 404)
  if (path === DESCRIBE_SERVER) {
    return jsonAnswer(200, { did: `did:web:${host}`, availableUserDomains: [`.${host}`] })
  }
  if (path.startsWith('/xrpc/')) return errorAnswer(501, 'MethodNotImplemented', 'Method Not Implemented')
  return jsonAnswer(404, { error: 'Not Found' })
}

function listRepos(place: number, { cursor, limit }: HostRequest, { accounts }: HostContents): GenuineAnswer {
  const from = offsetOf(cursor)
  if (from === undefined) return malformedCursor()
  const { accounts: listed, next } = accounts.ofHost(place, from, limit)
  const repos = listed.map((account) => ({ ...repoOf(account.did), ...hostState(account.state) }))
  const page = { repos, ...(next !== undefined && { cursor: String(next) }) }
  return { ...jsonAnswer(200, page), page }
}

/** A `did` with its commit. */
export function repoOf(did: string): { did: string; head: string; rev: string } {
  return { did, ...commitOf(keyOf(did, 1)) }
}

/** A number of repos that come before, as both kinds of servers have it. Nothing where it is no number. */
export function offsetOf(cursor: string | undefined): number | undefined {
  if (cursor === undefined) return 0
  return /^\d{1,15}$/.test(cursor) ? Number(cursor) : undefined
}

export function malformedCursor(): GenuineAnswer {
  return errorAnswer(400, 'InvalidRequest', 'Malformed cursor')
}

function hostState(state: AccountState): { active: boolean; status?: string } {
  return REFUSALS[state] === undefined ? { active: true } : { active: false, status: state }
}

/** The account that is asked for, if this host has it or had it. */
function accountAt({ did, host }: HostRequest, { accounts }: HostContents): NetworkAccount | undefined {
  const account = did === undefined ? undefined : accounts.find(did)
  if (account === undefined || isGone(account.state)) return undefined
  if (account.host === host) return account
  return accounts.hasLeft(account.did, host) ? { ...account, host, state: 'deactivated' } : undefined
}

export function repoNotFound(did: string | undefined): GenuineAnswer {
  return errorAnswer(400, 'RepoNotFound', `Could not find repo for DID: ${did ?? ''}`)
}

function describeRepo(request: HostRequest, contents: HostContents): GenuineAnswer {
  const account = accountAt(request, contents)
  if (account === undefined) return repoNotFound(request.did)
  const { did, state, collections } = account
  const [error, message] = REFUSALS[state] ?? []
  if (error !== undefined) return errorAnswer(400, error, `${message}: ${did}`)
  const didDoc = documentOf(account, contents)
  return jsonAnswer(200, { handle: handleOf(account), did, didDoc, collections, handleIsCorrect: true })
}

function repoStatus(request: HostRequest, contents: HostContents): GenuineAnswer {
  const account = accountAt(request, contents)
  if (account === undefined) return repoNotFound(request.did)
  const { did, state } = account
  const { rev } = repoOf(did)
  return jsonAnswer(200, { did, ...hostState(state), ...(REFUSALS[state] === undefined && { rev }) })
}

/** A handle of the host, as its domain gives them; one of its own where it has no domain but an address. */
function handleOf({ did, host }: NetworkAccount): string {
  const domain = /^[\d.:]+$/.test(host) ? 'network.test' : host
  return `${did.replaceAll(/[^a-z0-9]/g, '').slice(6, 24)}.${domain}`
}

function documentOf(account: NetworkAccount, { endpointOf }: HostContents): object {
  return {
    '@context': ['https://www.w3.org/ns/did/v1', 'https://w3id.org/security/multikey/v1'],
    id: account.did,
    alsoKnownAs: [`at://${handleOf(account)}`],
    verificationMethod: [],
    service: [
      {
        id: '#atproto_pds',
        type: 'AtprotoPersonalDataServer',
        serviceEndpoint: endpointOf(account.host),
      },
    ],
  }
}

/**
 * The document of a DID, as a directory or the DID's own host gives it. That of a deleted account is there as long as
 * its owner did not remove it, too.
 *
 * @param missing the status for a DID that is unknown
 */
export function documentAnswer(did: string, contents: HostContents, missing: number): GenuineAnswer {
  const account = contents.accounts.find(did)
  if (account?.state === 'tombstoned') return jsonAnswer(410, { message: `DID not available: ${did}` })
  if (account === undefined) return jsonAnswer(missing, { message: `DID not registered: ${did}` })
  return jsonAnswer(200, documentOf(account, contents), { 'content-type': 'application/did+ld+json' })
}
