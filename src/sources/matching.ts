import { isValidNsid } from '@atproto/syntax'
import type { CollectionSource } from '../contracts/collection-source.ts'
import { normalNsid } from '../util/nsid.ts'

/** Those collections of a source that at least one of the patterns matches: a source itself. */
export function matching(source: CollectionSource, patterns: readonly string[]): CollectionSource {
  return {
    name: `${source.name} (${patterns.join(', ')})`,
    live: source.live,
    leastRepos: source.leastRepos,
    directoryOf: source.directoryOf,
    async *collections(options) {
      for await (const collection of source.collections(options)) {
        // What is not a name at all can match nothing.
        const { nsid }: { nsid?: unknown } = Object(collection)
        if (typeof nsid === 'string' && patterns.some((pattern) => matches(pattern, normalNsid(nsid))))
          yield collection
      }
    },
  }
}

/**
 * Whether a text is the beginning of NSIDs, in whole parts and followed by `.*`, or `*` alone, which matches every
 * NSID.
 */
export function isPattern(text: string): boolean {
  // With two more parts, every beginning of an NSID is one.
  return text === '*' || (text.endsWith('.*') && isValidNsid(`${text.slice(0, -1)}x.y`))
}

/** @param pattern as {@link isPattern} knows it; it and the NSID in their normal form */
export function matches(pattern: string, nsid: string): boolean {
  return nsid.startsWith(pattern.slice(0, -1))
}
