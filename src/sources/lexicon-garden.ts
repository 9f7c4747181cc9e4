import { isValidNsid } from '@atproto/syntax'
import type { CollectionSource, KnownCollection } from '../contracts/collection-source.ts'
import { RelayError } from '../errors.ts'
import { createHttpClient, HTTP_OPTIONS, type HttpOptions } from '../http/client.ts'
import { sourceUrl } from '../http/server-url.ts'
import { copied } from '../util/text.ts'
import { type OptionNames, refuseUnknown } from '../util/validate-options.ts'
import { known, MOST_NAMES, pagedList, type ReadOptions, tooManyNames } from './paged-list.ts'
import { sourcePace } from './source-pace.ts'

/** How to ask lexicon garden. */
export interface LexiconGardenOptions extends HttpOptions {
  /**
   * Where the list is.
   *
   * @default 'https://lexicon.garden/llms.txt'
   */
  url?: string | undefined
  /**
   * Only the lexicons of records: those of queries and procedures name empty collections, which cost a run one request
   * each. The list does not say which is which, so `garden.lexicon.browse` of the same server is asked too, once
   * or more for each first part of the listed NSIDs (`app`, `com`, …): some twenty requests instead of one.
   *
   * @default false
   */
  recordsOnly?: boolean | undefined
}

const OPTIONS: OptionNames<LexiconGardenOptions> = { ...HTTP_OPTIONS, url: true, recordsOnly: true }

const BROWSE_PATH = '/xrpc/garden.lexicon.browse'

/** The largest page that it gives. */
const BROWSE_LIMIT = '100'

/**
 * The collections that lexicon.garden, a directory of lexicons, knows: about 700. Some name queries and procedures,
 * unless `recordsOnly` is set.
 *
 * @throws InvalidOptionError
 */
export function lexiconGarden(options: LexiconGardenOptions = {}): CollectionSource {
  refuseUnknown(options, OPTIONS)
  const { recordsOnly = false } = options
  const url = sourceUrl(options.url ?? 'https://lexicon.garden/llms.txt')
  const http = createHttpClient(options)
  const pace = sourcePace(url)
  const lexiconsOf = ({ lexicons }: { lexicons?: unknown }) =>
    Array.isArray(lexicons) ? lexicons.map((nsid) => known(nsid)) : undefined
  const browse = pagedList(new URL(BROWSE_PATH, url), options, lexiconsOf, pace)

  async function listed({ signal, relays }: NonNullable<ReadOptions>): Promise<KnownCollection[]> {
    const asked = { relay: url.href, url, collection: undefined, cursor: undefined }
    const request = { ...asked, accept: 'text/plain, text/*;q=0.9', signal }
    const { text } = await pace(relays)(signal, () => http.get(request))
    const found = listedNsids(text, url)
    // Anything can come with status 200. Rubbish is not the news that no collection is known.
    if (found.length === 0) throw noListError(url)
    return found
  }

  return {
    name: url.host,
    async *collections(reading = {}) {
      const found = await listed(reading)
      if (!recordsOnly) return yield* found
      const query = { lexiconType: 'record', limit: BROWSE_LIMIT }
      for (const prefix of firstParts(found)) yield* browse.read({ prefix, ...query }, reading)
    },
  }
}

/**
 * The lines that begin as a list entry whose link text is code; prose, other links and headings stand
 * between.
 */
function listedNsids(text: string, url: URL): KnownCollection[] {
  const found: KnownCollection[] = []
  for (const [, name = ''] of text.matchAll(/^- \[`([^`\n]+)`\]\(/gm)) {
    if (!isValidNsid(name)) continue
    if (found.length === MOST_NAMES) throw tooManyNames(url)
    found.push({ nsid: copied(name) })
  }
  return found
}

/** `garden.lexicon.browse` does not answer without a prefix of whole parts. */
function firstParts(collections: readonly KnownCollection[]): Set<string> {
  return new Set(collections.map(({ nsid }) => nsid.slice(0, nsid.indexOf('.'))))
}

function noListError(url: URL): RelayError {
  return new RelayError(
    'RELAY_BAD_ANSWER',
    `${url.host} answered ${url.pathname} without one line of the form "- [\`nsid\`](…)": it is not the list ` +
      'of lexicons. Check the address, or leave this source out.',
    { relay: url.href, status: 200, retryable: true },
  )
}
