import { type IndexParts, indexCollections, indexPages } from '../run/index-reading.ts'
import { type Digest, type DigestSet, digestSet } from '../verify/digest-set.ts'
import type { ListedSet } from './listed-set.ts'
import type { PruneEvent, PruneSummary } from './prune-summary.ts'
import type { Standings } from './standings.ts'

/** What the relay's list says, as a prune keeps it. */
export interface Listed {
  readonly digest: (did: string) => Digest
  readonly standings: Standings
  readonly names: ListedSet
}

/** Accounts that the index holds and the list does not name. */
export interface Unlisted {
  readonly accounts: DigestSet
  /** Whether some had no room. */
  isCut: boolean
}

/** The collections to prune, in the order of their names. */
export async function* prunedCollections(
  named: readonly string[] | undefined,
  parts: IndexParts,
): AsyncGenerator<string, void, void> {
  if (named === undefined) for await (const { nsid } of indexCollections(parts)) yield nsid
  else yield* [...new Set(named)].sort()
}

/** Counts what the index holds against what the relay's list says, collection by collection. */
export async function* countIndex(
  { digest, standings, names }: Listed,
  summary: PruneSummary,
  parts: IndexParts & { readonly collections: readonly string[] | undefined; readonly memoryBytes: number },
): AsyncGenerator<PruneEvent, Unlisted, void> {
  const unlisted: Unlisted = { accounts: digestSet(), isCut: false }
  const count = (did: string) => {
    const digested = digest(did)
    const found = standings.of(digested)
    if (found !== undefined) {
      const counts = summary.inactive[found.standing]
      counts.pairs += 1
      if (found.isFirst) counts.held += 1
      return
    }
    const place = names.has(digested)
    if (place === 'unknown') summary.unknownPairs += 1
    if (place !== 'unlisted') return
    summary.unlisted.pairs += 1
    // What is listed takes that much and more where it is whole, so this is but for a list that is cut.
    unlisted.isCut ||= unlisted.accounts.bytes > parts.memoryBytes
    if (!unlisted.isCut) unlisted.accounts.add(digested)
  }
  for await (const collection of prunedCollections(parts.collections, parts)) {
    let pairs = 0
    for await (const dids of indexPages(collection, parts)) {
      dids.forEach(count)
      pairs += dids.length
    }
    summary.pairs += pairs
    yield { type: 'counted', relay: parts.relay, collection, pairs }
  }
  summary.unlisted.accounts = unlisted.accounts.count().members
  return unlisted
}
