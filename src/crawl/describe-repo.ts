import { isValidNsid } from '@atproto/syntax'
import { isBackfillError, type RelayError } from '../errors.ts'
import type { HttpClient } from '../http/client.ts'
import { badPage, parseJsonPage } from '../http/json-page.ts'
import { normalNsid } from '../util/nsid.ts'
import { copied, oneLine } from '../util/text.ts'

/** Which repo to ask for, and whom. */
export interface DescribeRepoRequest {
  did: string
  /** The host's name, for errors. */
  host: string
  /** Scheme, name and port: `https://pds.example`. */
  origin: string
  signal: AbortSignal | undefined
}

/** What a host says of a repo: what it holds, or why it is not served there. */
export type RepoDescription = DescribedRepo | AbsentRepo

/** A repo that its host serves. */
export interface DescribedRepo {
  readonly state: 'active'
  /** The NSIDs of its collections, in their normal form, each once. */
  readonly collections: readonly string[]
  /** How many NSIDs were left out, beyond {@link MOST_COLLECTIONS}. */
  readonly leftOut: number
  /** The document of its DID, as the host gives it, without a check. Hosts may leave it out. */
  readonly document: unknown
}

/** A repo that its host does not serve: not at the moment, not any more, or never did. */
export interface AbsentRepo {
  readonly state: RepoAbsence
  /** The host's own words. */
  readonly reason: string
}

/** Why a host does not serve a repo. A repo that has moved is `deactivated` or `notFound` at its old host. */
export type RepoAbsence = 'deactivated' | 'notFound' | 'suspended' | 'takendown'

/**
 * The most collections that are taken of one repo. A busy account has some tens; a repo with records in more made-up
 * collections than this would fill the index with names.
 */
export const MOST_COLLECTIONS = 5000

const METHOD = 'com.atproto.repo.describeRepo'

/** The names that hosts give to the errors of a repo. */
const ABSENCES: ReadonlyMap<string | undefined, RepoAbsence> = new Map([
  ['RepoDeactivated', 'deactivated'],
  ['AccountDeactivated', 'deactivated'],
  ['RepoNotFound', 'notFound'],
  ['RepoSuspended', 'suspended'],
  ['AccountSuspended', 'suspended'],
  ['RepoTakendown', 'takendown'],
  ['AccountTakedown', 'takendown'],
])

/**
 * Asks a host for one repo, by one request. What the host says of the repo is an answer; everything else is an error:
 * {@link isHostError} tells those of the host from those that concern this repo alone.
 *
 * @throws RelayError, the signal's reason when that aborts
 */
export async function describeRepo(
  http: HttpClient,
  { did, host, origin, signal }: DescribeRepoRequest,
): Promise<RepoDescription> {
  const url = new URL(`/xrpc/${METHOD}`, origin)
  url.searchParams.set('repo', did)
  const asked = { relay: host, url, collection: undefined, cursor: undefined }
  try {
    const { text } = await http.get({ ...asked, accept: 'application/json', signal })
    const { body } = parseJsonPage(text, asked)
    if (body.did !== did) throw badPage(asked, `is of another repo than ${did}`, text)
    if (!Array.isArray(body.collections)) throw badPage(asked, 'has no list of collections', text)
    return {
      state: 'active',
      ...collectionsOf(body.collections),
      document: body.didDoc,
    }
  } catch (error) {
    const absence = absenceOf(error)
    if (absence === undefined) throw error
    return absence
  }
}

/** Names that are no NSIDs are passed over. */
function collectionsOf(given: readonly unknown[]): Pick<DescribedRepo, 'collections' | 'leftOut'> {
  const collections = new Set<string>()
  let leftOut = 0
  for (const name of given) {
    const nsid = typeof name === 'string' && isValidNsid(name) ? normalNsid(name) : undefined
    if (nsid === undefined) continue
    if (collections.size < MOST_COLLECTIONS) collections.add(copied(nsid))
    else if (!collections.has(nsid)) leftOut += 1
  }
  return { collections: [...collections], leftOut }
}

function absenceOf(error: unknown): AbsentRepo | undefined {
  if (!isBackfillError(error, 'RELAY_STATUS')) return undefined
  const { status, error: name, serverMessage = '' } = error
  if (status !== 400 && status !== 403 && status !== 404) return undefined
  const reason = oneLine([name, serverMessage].filter(Boolean).join(': '), 200)
  const state = ABSENCES.get(name)
  if (state !== undefined) return { state, reason }
  // As hosts of before 2024 say it.
  const isUnknown =
    name === 'InvalidRequest' && /^could not find (?:account|repo|user)\b/i.test(serverMessage)
  return isUnknown ? { state: 'notFound', reason } : undefined
}

/**
 * Whether an error concerns the whole host: no connection, no answer in time, too many requests, a redirect, a proxy that
 * answers for it. Any other, a 500 or an answer that cannot be read, may be that of the one repo.
 */
export function isHostError(error: unknown): error is RelayError {
  if (isBackfillError(error, 'RELAY_STATUS')) return isHostStatus(error.status)
  return ['RELAY_UNREACHABLE', 'RELAY_TIMEOUT', 'RELAY_REDIRECT'].some((code) => isBackfillError(error, code))
}

/** Whether no request helps for now, whatever it is for. A 404 or a 403 is an answer, and may be that of the one repo. */
export function isUnreachable(error: unknown): boolean {
  const isRefused = isBackfillError(error, 'RELAY_STATUS') && REFUSALS.includes(error.status ?? 0)
  return isHostError(error) && !isRefused
}

/** Of a server that lets nobody in or lacks the method: it takes no time to say so. */
const REFUSALS = [401, 403, 404, 405, 421, 501]

/** Those of a limit, of a server that lets nobody in or lacks the method, and of proxies: 502 to 504, 52x, 530. */
function isHostStatus(status = 0): boolean {
  return [...REFUSALS, 429, 502, 503, 504].includes(status) || status >= 520
}
