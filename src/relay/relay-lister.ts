import { isValidNsid } from '@atproto/syntax'
import type { RepoLister, RepoListRequest, RepoPage } from '../contracts/repo-lister.ts'
import { InvalidOptionError, RelayError, RelayUnsuitableError } from '../errors.ts'
import { createHttpClient, HTTP_OPTIONS, type HttpOptions } from '../http/client.ts'
import { createPacing, type PacingOptions } from '../http/pacing.ts'
import { relayUrl } from '../http/server-url.ts'
import { collectionDirectory } from '../sources/collection-directory.ts'
import { type OptionNames, refuseUnknown, wholeNumber } from '../util/validate-options.ts'
import { parseRepoPage } from './repo-page.ts'

const METHOD = 'com.atproto.sync.listReposByCollection'

/** The largest `limit` that the method's lexicon allows. */
const LEXICON_MAX_PAGE_SIZE = 2000

/** The least that an answer may hold, in bytes, whatever the page size: the default of {@link HttpOptions.maxBodyBytes}. */
const LEAST_BODY_BYTES = 8_388_608

/** One repo on a page with the longest legal DID, 2,048 characters, and what JSON puts around it, in bytes. */
const LONGEST_ENTRY_BYTES = 2_112

/** What servers without the method answer to it, or a proxy in their place. */
const NO_METHOD_STATUSES: readonly (number | undefined)[] = [400, 403, 404, 405, 501]

/** How to ask a relay. */
export interface RelayListerOptions extends HttpOptions, PacingOptions {
  /**
   * How many repositories to ask for in a page, from 1 to 10,000. The lexicon's maximum is 2,000, and other
   * servers may refuse more; collectiondir (behind bsky.network's relays) and lightrail accept 10,000.
   *
   * @default 2000
   */
  pageSize?: number | undefined
  /**
   * A collection that every populated relay has. `check()` requests it once, as a health check. Change it for a network
   * of your own.
   *
   * @default 'app.bsky.actor.profile'
   */
  checkCollection?: string | undefined
}

const OPTIONS: OptionNames<RelayListerOptions> = {
  ...HTTP_OPTIONS,
  requestsPerSecond: true,
  pageSize: true,
  checkCollection: true,
}

/**
 * Lists repositories from a relay, by `com.atproto.sync.listReposByCollection`. All requests of one lister keep the
 * pace that the relay asks for, and so do those of the run's sources on the same server: share it if several runs ask
 * the same relay.
 *
 * @param relay a host, or an http or https URL: https unless http is written out
 * @throws InvalidOptionError
 */
export function relayLister(relay: string, options: RelayListerOptions = {}): RepoLister {
  refuseUnknown(options, OPTIONS, { meant: { limit: 'pageSize' } })
  const { relay: host, origin } = relayUrl(relay)
  const { pageSize = LEXICON_MAX_PAGE_SIZE, checkCollection = 'app.bsky.actor.profile' } = options
  wholeNumber('pageSize', pageSize, 1, 10_000)
  const { fetch, maxBodyBytes, userAgent } = options
  const http = createHttpClient({ ...options, maxBodyBytes: maxBodyBytes ?? largestPage(pageSize) })
  const pacing = createPacing(host, options)
  if (!isValidNsid(checkCollection)) {
    throw new InvalidOptionError('checkCollection', 'an NSID such as app.bsky.actor.profile', checkCollection)
  }

  async function listRepos({ collection, cursor, signal }: RepoListRequest): Promise<RepoPage> {
    const asked = { relay: host, url: pageUrl(origin, collection, pageSize, cursor), collection, cursor }
    const request = { ...asked, accept: 'application/json', signal }
    const answer = await pacing.run(signal, () => http.get(request))
    return parseRepoPage(answer.text, asked)
  }

  const directory = collectionDirectory(origin, { fetch, maxBodyBytes, userAgent })
  const lister: RepoLister = {
    relay: host,
    directory: {
      name: directory.name,
      collections: ({ signal } = {}) => directory.collections({ signal, relays: [lister] }),
    },
    listRepos,
    onPause: pacing.onPause,
    paced: pacing.run,
    async check({ signal } = {}) {
      const page = await listRepos({ collection: checkCollection, signal }).catch((error: unknown) => {
        signal?.throwIfAborted()
        throw isWithoutMethod(error) ? noMethodError(error, pageSize) : error
      })
      if (page.dids.length + (page.invalid ?? 0) === 0) throw emptyError(host, checkCollection)
    },
  }
  return lister
}

/** The most that a legal page of this size takes, in bytes. */
function largestPage(pageSize: number): number {
  return Math.max(LEAST_BODY_BYTES, pageSize * LONGEST_ENTRY_BYTES)
}

/**
 * The same parameters for each page but for the cursor, as XRPC demands it; a `+` in a cursor becomes `%2B`.
 */
function pageUrl(origin: string, collection: string, pageSize: number, cursor: string | undefined): URL {
  const url = new URL(`/xrpc/${METHOD}`, origin)
  url.searchParams.set('collection', collection)
  url.searchParams.set('limit', String(pageSize))
  if (cursor !== undefined) url.searchParams.set('cursor', cursor)
  return url
}

function isWithoutMethod(error: unknown): error is RelayError {
  return (
    error instanceof RelayError &&
    error.code === 'RELAY_STATUS' &&
    // A 403 that says when to come back is a wait.
    !error.retryable &&
    NO_METHOD_STATUSES.includes(error.status)
  )
}

function noMethodError(cause: RelayError, pageSize: number): RelayUnsuitableError {
  const { relay, collection, status, error, serverMessage } = cause
  const said = [error, serverMessage].filter((part) => part !== undefined).join(': ')
  const pageSizeHint =
    status === 400 && pageSize > LEXICON_MAX_PAGE_SIZE
      ? ` It may be the pageSize of ${pageSize}: the lexicon allows ${LEXICON_MAX_PAGE_SIZE}.`
      : ''
  return new RelayUnsuitableError(
    'no-method',
    `${relay} does not serve ${METHOD}: it answered ${status}${said === '' ? '' : ` (${said})`} ` +
      `for ${collection}. Use a relay with a collection index.${pageSizeHint}`,
    { relay, collection, status, error, serverMessage, cause },
  )
}

function emptyError(relay: string, collection: string): RelayUnsuitableError {
  return new RelayUnsuitableError(
    'empty',
    `${relay} lists no repository for ${collection}, which every populated relay has: a relay that only ` +
      'passes the firehose on answers an empty list for everything. Use a relay with a collection index, or ' +
      'set checkCollection where the network is a private one.',
    { relay, collection },
  )
}
