import { isValidNsid } from '@atproto/syntax'
import type { CollectionSource, KnownCollection } from '../contracts/collection-source.ts'
import { RelayError } from '../errors.ts'
import { createHttpClient, type HttpOptions } from '../http/client.ts'
import { badPage, parseJsonPage } from '../http/json-page.ts'
import { advancePosition, type Position } from '../paging/cursor-guard.ts'
import { type SourcePace, sourcePace } from './source-pace.ts'

/** How a list is read: see {@link CollectionSource.collections}. */
export type ReadOptions = Parameters<CollectionSource['collections']>[0]

/** A list of collections that a server gives page by page. */
export interface PagedList {
  /**
   * Reads it from its first page to its last.
   *
   * @param query what is asked for on every page, besides the cursor
   */
  read(query: Readonly<Record<string, string>>, options: ReadOptions): AsyncGenerator<KnownCollection>
}

/**
 * A list of collections as JSON. Like a lister it makes one attempt at each page and leaves trying again to the caller,
 * goes at the pace that the server asks for, and takes a page whole or not at all: cut short or malformed, it is an
 * error and never the end. On a page, an entry that is no NSID is given as it is, for the caller to count.
 *
 * @param url where it is, without what `read` adds
 * @param collectionsOf what a page lists, or nothing when it lists nothing of that form
 * @param pace that of other requests to the same server
 * @throws InvalidOptionError
 */
export function pagedList(
  url: URL,
  options: HttpOptions,
  collectionsOf: (body: Readonly<Record<string, unknown>>) => KnownCollection[] | undefined,
  pace: SourcePace = sourcePace(url),
): PagedList {
  const http = createHttpClient(options)

  async function pageAt(
    at: Position,
    query: Readonly<Record<string, string>>,
    { signal, relays }: NonNullable<ReadOptions>,
  ) {
    const asked = {
      relay: url.href,
      url: pageUrl(url, query, at.cursor),
      collection: undefined,
      cursor: at.cursor,
    }
    const request = { ...asked, accept: 'application/json', signal }
    const { text } = await pace(relays)(signal, () => http.get(request))
    const { body, cursor } = parseJsonPage(text, asked)
    const collections = collectionsOf(body)
    if (collections === undefined) throw badPage(asked, 'has no list of collections', text)
    // Anything can come with status 200. Rubbish is not the news that no collection is known.
    if (collections.length > 0 && !collections.some(({ nsid }) => isValidNsid(nsid)))
      throw badPage(asked, `has ${collections.length} entries and no NSID in them`, text)
    return { collections, cursor }
  }

  return {
    async *read(query, options = {}) {
      let at: Position = { relay: url.host, collection: url.pathname, pages: 0, emptyPages: 0 }
      let names = 0
      do {
        const { collections, cursor } = await pageAt(at, query, options)
        names += collections.length
        if (names > MOST_NAMES) throw tooManyNames(url)
        at = advancePosition(at, { dids: collections.map(({ nsid }) => nsid), cursor })
        yield* collections
      } while (at.cursor !== undefined)
    },
  }
}

/**
 * The most names that one reading of a source over the network may give: what all sources give is held in memory. The
 * network had some 1,300 collections in 2026.
 */
export const MOST_NAMES = 100_000

/** The error for a list that goes on beyond {@link MOST_NAMES}. */
export function tooManyNames(url: URL): RelayError {
  return new RelayError(
    'RELAY_BAD_ANSWER',
    `${url.host} gave more than ${MOST_NAMES} names of collections at ${url.pathname}; the rest was not read. ` +
      'Check the address, or leave this source out.',
    { relay: url.href, status: 200 },
  )
}

function pageUrl(list: URL, query: Readonly<Record<string, string>>, cursor: string | undefined): URL {
  const url = new URL(list)
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value)
  if (cursor !== undefined) url.searchParams.set('cursor', cursor)
  return url
}

/**
 * A collection as a server gives it. Without a usable count there is no estimate; without a name, none that is valid.
 */
export function known(nsid: unknown, repos?: unknown): KnownCollection {
  const name = typeof nsid === 'string' ? nsid : ''
  return Number.isSafeInteger(repos) && Number(repos) >= 0
    ? { nsid: name, estimatedRepos: Number(repos) }
    : { nsid: name }
}
