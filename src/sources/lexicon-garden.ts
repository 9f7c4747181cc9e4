import { isValidNsid } from '@atproto/syntax'
import type { CollectionSource, KnownCollection } from '../contracts/collection-source.ts'
import { RelayError } from '../errors.ts'
import { createHttpClient, type HttpOptions } from '../http/client.ts'
import { sourceUrl } from '../http/source-url.ts'

/** How lexicon garden is asked. */
export interface LexiconGardenOptions extends HttpOptions {
  /**
   * Where the list is.
   *
   * @default 'https://lexicon.garden/llms.txt'
   */
  url?: string | undefined
}

/**
 * The collections that lexicon.garden, a directory of lexicons, knows: about 700. Some name queries and
 * procedures; as collections these are empty and cost one request each.
 *
 * @throws InvalidOptionError
 */
export function lexiconGarden(options: LexiconGardenOptions = {}): CollectionSource {
  const url = sourceUrl(options.url ?? 'https://lexicon.garden/llms.txt')
  const http = createHttpClient(options)
  return {
    name: url.host,
    async *collections({ signal } = {}) {
      const asked = { relay: url.href, url, collection: undefined, cursor: undefined }
      const { text } = await http.get({ ...asked, accept: 'text/plain, text/*;q=0.9', signal })
      const known = listedNsids(text)
      // Anything can come with status 200. Rubbish is not the news that no collection is known.
      if (known.length === 0) throw noListError(url)
      yield* known
    },
  }
}

/**
 * The lines that begin as a list entry whose link text is code; prose, other links and headings stand
 * between.
 */
function listedNsids(text: string): KnownCollection[] {
  return Array.from(text.matchAll(/^- \[`([^`\n]+)`\]\(/gm), ([, nsid = '']) => ({ nsid })).filter(
    ({ nsid }) => isValidNsid(nsid),
  )
}

function noListError(url: URL): RelayError {
  return new RelayError(
    'RELAY_BAD_ANSWER',
    `${url.host} answered ${url.pathname} without one line of the form "- [\`nsid\`](…)": it is not the list ` +
      'of lexicons. Check the address, or leave this source out.',
    { relay: url.href, status: 200, retryable: true },
  )
}
