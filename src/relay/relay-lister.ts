import { isValidNsid } from '@atproto/syntax'
import type { RepoLister, RepoListRequest, RepoPage } from '../contracts/repo-lister.ts'
import { InvalidOptionError } from '../errors.ts'
import { createHttpClient, HTTP_OPTIONS, type HttpOptions } from '../http/client.ts'
import { createPacing, type PacingOptions } from '../http/pacing.ts'
import { relayUrl } from '../http/server-url.ts'
import { collectionDirectory } from '../sources/collection-directory.ts'
import { normalNsid } from '../util/nsid.ts'
import { type OptionNames, refuseUnknown, wholeNumber } from '../util/validate-options.ts'
import { checkCollections, LEXICON_MAX_PAGE_SIZE, METHOD } from './relay-check.ts'
import { parseRepoPage } from './repo-page.ts'

/** The least that an answer may hold, in bytes, whatever the page size: the default of {@link HttpOptions.maxBodyBytes}. */
const LEAST_BODY_BYTES = 8_388_608

/** One repo on a page with the longest legal DID, 2,048 characters, and what JSON puts around it, in bytes. */
const LONGEST_ENTRY_BYTES = 2_112

/** A collection that every populated relay has. */
const CHECK_COLLECTION = 'app.bsky.actor.profile'

/** How many of the named collections a check asks for, at most, where the relay does not have the usual one. */
const MOST_CHECKED = 5

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
   * A collection that the relay must have: `check()` requests its first page, once before a run. `false` leaves the check
   * out: a relay that answers an empty list for everything then passes for one that has nothing.
   *
   * @default 'app.bsky.actor.profile', which every populated relay has; where it is not listed, the first five of the
   * collections that the run was given by name
   */
  checkCollection?: string | false | undefined
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
  const { pageSize = LEXICON_MAX_PAGE_SIZE, checkCollection } = options
  wholeNumber('pageSize', pageSize, 1, 10_000)
  const { fetch, maxBodyBytes, userAgent } = options
  const http = createHttpClient({ ...options, maxBodyBytes: maxBodyBytes ?? largestPage(pageSize) })
  const pacing = createPacing(host, options)
  if (checkCollection !== undefined && checkCollection !== false && !isValidNsid(checkCollection)) {
    const expected = 'an NSID such as app.bsky.actor.profile, or false'
    throw new InvalidOptionError('checkCollection', expected, checkCollection)
  }

  async function askFor(
    { collection, cursor, signal }: RepoListRequest,
    limit = pageSize,
  ): Promise<RepoPage> {
    const asked = { relay: host, url: pageUrl(origin, collection, limit, cursor), collection, cursor }
    const request = { ...asked, accept: 'application/json', signal }
    const answer = await pacing.run(signal, () => http.get(request))
    return parseRepoPage(answer.text, asked)
  }

  const directory = collectionDirectory(origin, { fetch, maxBodyBytes, userAgent })
  const lister: RepoLister = {
    relay: host,
    pageSize,
    directory: {
      name: directory.name,
      leastRepos: directory.leastRepos,
      directoryOf: host,
      collections: ({ signal } = {}) => directory.collections({ signal, relays: [lister] }),
    },
    listRepos: (request) => askFor(request),
    onPause: pacing.onPause,
    paced: pacing.run,
  }
  if (checkCollection === false) return lister
  lister.check = ({ signal, collections = [] } = {}) => {
    const firstPage = (collection: string, limit: number) => askFor({ collection, signal }, limit)
    const names = collections.map(normalNsid).filter((nsid) => nsid !== CHECK_COLLECTION)
    const checked =
      checkCollection === undefined
        ? [CHECK_COLLECTION, ...names.slice(0, MOST_CHECKED)]
        : [normalNsid(checkCollection)]
    return checkCollections(checked, { relay: host, pageSize, signal, firstPage })
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
