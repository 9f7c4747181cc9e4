import type { CollectionSource } from '../contracts/collection-source.ts'
import { InvalidOptionError } from '../errors.ts'
import type { HttpOptions } from '../http/client.ts'
import { sourceUrl } from '../http/source-url.ts'
import { known, pagedList } from './paged-list.ts'

/** How lexicon garden's `garden.lexicon.browse` is asked. */
export interface GardenLexiconsOptions extends HttpOptions {
  /**
   * Where the method is.
   *
   * @default 'https://lexicon.garden/xrpc/garden.lexicon.browse'
   */
  url?: string | undefined
  /**
   * What the NSIDs begin with, in whole parts: `com` or `app.bsky`. The method does not answer without a prefix, and each
   * one costs a request at least.
   *
   * @default the first parts of the lexicons that lexicon garden lists (August 2026), and the most common top-level domains
   */
  prefixes?: readonly string[] | undefined
}

const PREFIXES: readonly string[] = [
  ...['app', 'blue', 'chat', 'com', 'community', 'dev', 'earth', 'fyi', 'io', 'me', 'net', 'network', 'org'],
  ...['pub', 'rsvp', 'sh', 'site', 'social', 'statusphere', 'tools', 'xyz'],
]

/** The largest page that it gives. */
const LIMIT = '100'

/**
 * The records among the lexicons that lexicon.garden, a directory of them, knows: what `lexiconGarden()` gives, without
 * the queries and procedures, in some twenty requests instead of one.
 *
 * @throws InvalidOptionError
 */
export function gardenLexicons(options: GardenLexiconsOptions = {}): CollectionSource {
  const url = sourceUrl(options.url ?? 'https://lexicon.garden/xrpc/garden.lexicon.browse')
  const prefixes = checkPrefixes(options.prefixes ?? PREFIXES)
  const list = pagedList(url, options, ({ lexicons }) =>
    Array.isArray(lexicons) ? lexicons.map((nsid) => known(nsid)) : undefined,
  )
  return {
    name: `${url.host}${url.pathname}`,
    async *collections({ signal } = {}) {
      for (const prefix of prefixes) yield* list.read({ prefix, lexiconType: 'record', limit: LIMIT }, signal)
    },
  }
}

/** A prefix of an NSID is one itself up to its last part, so it is checked by its form alone. */
function checkPrefixes(prefixes: readonly string[]): readonly string[] {
  const isPrefix = (prefix: unknown) =>
    typeof prefix === 'string' && /^[a-z][a-z0-9-]*(?:\.[a-z0-9-]+)*$/i.test(prefix)
  if (!Array.isArray(prefixes) || prefixes.length === 0 || !prefixes.every(isPrefix)) {
    throw new InvalidOptionError(
      'prefixes',
      "a list of the beginnings of NSIDs such as ['com', 'app.bsky']",
      prefixes,
    )
  }
  return [...prefixes]
}
