import { isValidNsid } from '@atproto/syntax'
import type { CollectionSource } from '../contracts/collection-source.ts'
import { InvalidOptionError } from '../errors.ts'
import { mustHave } from '../util/validate-options.ts'

/**
 * Those collections of a source whose names match: a source itself.
 *
 * @param pattern an NSID, the beginning of NSIDs followed by `.*` (`app.bsky.*` takes in `app.bsky.feed.post`), or a
 * regular expression that is tried on the whole name
 * @throws InvalidOptionError
 */
export function matching(source: CollectionSource, pattern: string | RegExp): CollectionSource {
  mustHave('source', source, 'collections', 'a CollectionSource such as lexiconGarden()')
  const matches = matcher(pattern)
  return {
    name: `${source.name} (${String(pattern)})`,
    live: source.live,
    async *collections(options) {
      for await (const collection of source.collections(options)) {
        // What is no name at all can match nothing, and was not asked for.
        if (typeof collection?.nsid === 'string' && matches(collection.nsid)) yield collection
      }
    },
  }
}

function matcher(pattern: string | RegExp): (nsid: string) => boolean {
  if (pattern instanceof RegExp) {
    // A copy, since a global or sticky one remembers where it was, and the caller may use it too.
    const own = new RegExp(pattern)
    return (nsid) => {
      own.lastIndex = 0
      return own.test(nsid)
    }
  }
  if (typeof pattern === 'string' && isValidNsid(pattern)) return (nsid) => nsid === pattern
  // With two more parts, every beginning of an NSID is one.
  const beginning = typeof pattern === 'string' && pattern.endsWith('.*') ? pattern.slice(0, -1) : undefined
  if (beginning === undefined || !isValidNsid(`${beginning}x.y`)) {
    throw new InvalidOptionError(
      'pattern',
      'an NSID, one that ends in .* such as app.bsky.*, or a RegExp',
      pattern,
    )
  }
  return (nsid) => nsid.startsWith(beginning)
}
