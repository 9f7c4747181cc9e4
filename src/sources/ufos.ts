import type { CollectionSource } from '../contracts/collection-source.ts'
import { HTTP_OPTIONS, type HttpOptions } from '../http/client.ts'
import { sourceUrl } from '../http/server-url.ts'
import { type OptionNames, refuseUnknown, wholeNumber } from '../util/validate-options.ts'
import { known, pagedList } from './paged-list.ts'

/** How to ask UFOs. */
export interface UfosOptions extends HttpOptions {
  /**
   * Where the list is.
   *
   * @default 'https://ufos-api.microcosm.blue/collections'
   */
  url?: string | undefined
  /**
   * The least estimate of repos (`dids_estimate`) that a collection must have; one without an estimate is kept. Most
   * names there belong to tests and trials: 0 keeps them all.
   *
   * @default 5, below which collectiondir hides collections too
   */
  minRepos?: number | undefined
}

const OPTIONS: OptionNames<UfosOptions> = { ...HTTP_OPTIONS, url: true, minRepos: true }

/** The largest page that it gives. */
const LIMIT = '200'

/**
 * The collections that UFOs has seen on the firehose, each with an estimate of its repos, with or without a published
 * lexicon.
 *
 * @throws InvalidOptionError
 */
export function ufos(options: UfosOptions = {}): CollectionSource {
  refuseUnknown(options, OPTIONS)
  const url = sourceUrl(options.url ?? 'https://ufos-api.microcosm.blue/collections')
  const minRepos = wholeNumber('minRepos', options.minRepos ?? 5, 0)
  const list = pagedList(url, options, ({ collections }) =>
    Array.isArray(collections) ? collections.map(collectionOf) : undefined,
  )
  return {
    name: `${url.host}${url.pathname}`,
    leastRepos: minRepos === 0 ? undefined : minRepos,
    async *collections(reading) {
      for await (const collection of list.read({ limit: LIMIT }, reading)) {
        const { estimatedRepos = minRepos } = collection
        if (estimatedRepos >= minRepos) yield collection
      }
    },
  }
}

function collectionOf(entry: unknown) {
  const { nsid, dids_estimate: repos }: { nsid?: unknown; dids_estimate?: unknown } = Object(entry)
  return known(nsid, repos)
}
