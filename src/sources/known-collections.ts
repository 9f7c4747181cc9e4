import { isValidNsid } from '@atproto/syntax'
import type { CollectionSource, KnownCollection } from '../contracts/collection-source.ts'
import { InvalidOptionError } from '../errors.ts'

/**
 * A source that knows the collections that you name. Without estimates, name them in the option `collections` instead.
 *
 * @param collections NSIDs, or NSIDs with estimates
 * @throws InvalidOptionError when one of them is not a valid NSID: a typing error should not pass unnoticed
 */
export function knownCollections(collections: Iterable<string | KnownCollection>): CollectionSource {
  const known = Array.from(collections, (entry) => (typeof entry === 'string' ? { nsid: entry } : entry))
  for (const { nsid } of known) {
    if (!isValidNsid(nsid))
      throw new InvalidOptionError('collections', 'a list of NSIDs such as app.bsky.feed.post', nsid)
  }
  return {
    name: 'known collections',
    async *collections({ signal } = {}) {
      signal?.throwIfAborted()
      yield* known
    },
  }
}
