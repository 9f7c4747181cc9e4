import type { CollectionSource } from '../contracts/collection-source.ts'
import { HTTP_OPTIONS, type HttpOptions } from '../http/client.ts'
import { relayUrl } from '../http/server-url.ts'
import { refuseUnknown } from '../util/validate-options.ts'
import { known, pagedList } from './paged-list.ts'

/** How to ask a relay's collection directory. */
export interface CollectionDirectoryOptions extends HttpOptions {
  /**
   * The time for one attempt, in milliseconds. After its start, such a server scans its whole database before the first
   * answer: allow a minute. A run gives each of its sources two minutes.
   *
   * @default 90_000
   */
  timeoutMs?: number | undefined
}

const PATH = '/v1/listCollections'

/** The largest page that collectiondir gives where it honours a limit; others give everything at once. */
const LIMIT = '1000'

/** collectiondir hides smaller collections (`clist-min-dids`), unless it is told otherwise. */
const LEAST_REPOS = 5

/**
 * The collections that a relay's own directory knows, each with its number of repos some minutes ago. collectiondir,
 * behind the relays of bsky.network, is such a directory and hides collections of fewer than five repos; `xrpcHandler`
 * serves one too. A relay that does not let others ask answers 404.
 *
 * @param relay a host, or an http or https URL: https unless http is written out
 * @throws InvalidOptionError
 */
export function collectionDirectory(
  relay: string,
  options: CollectionDirectoryOptions = {},
): CollectionSource {
  refuseUnknown(options, HTTP_OPTIONS)
  const { relay: host, origin } = relayUrl(relay)
  const url = new URL(PATH, origin)
  const { timeoutMs = 90_000 } = options
  const list = pagedList(url, { ...options, timeoutMs }, ({ collections }) =>
    typeof collections === 'object' && collections !== null && !Array.isArray(collections)
      ? Object.entries(collections).map(([nsid, repos]) => known(nsid, repos))
      : undefined,
  )
  return {
    name: `${url.host}${PATH}`,
    leastRepos: LEAST_REPOS,
    directoryOf: host,
    collections: (reading) => list.read({ limit: LIMIT }, reading),
  }
}
