import { type IndexParts, indexCollections, indexPages } from '../run/index-reading.ts'
import { type Digest, type DigestSet, digestSet } from '../verify/digest-set.ts'
import type { ListedSet } from './listed-set.ts'
import type { PruneEvent, PruneSummary } from './prune-summary.ts'
import type { Standings } from './standings.ts'

/** What the relay's list says, as a prune keeps it. */
export interface Listed {
  /** When the reading of the list began, in milliseconds since 1970 on this computer's clock: its word is no newer. */
  readonly begunAt: number
  readonly digest: (did: string) => Digest
  readonly standings: Standings
  /** The accounts that it calls active. */
  readonly names: ListedSet
}

/**
 * What the list says of an account. One that it names as active and as inactive too, since that changed while the list was
 * read, is as good as unlisted. So is one whose digest is that of an inactive account: no digest alone removes an account
 * that the list calls active.
 */
export function listedAs(
  { standings, names }: Listed,
  digest: Digest,
): 'active' | 'unlisted' | 'unknown' | NonNullable<ReturnType<Standings['of']>> {
  const place = names.has(digest)
  if (place === 'unknown') return place
  const found = standings.of(digest)
  if (place === 'listed') return found === undefined ? 'active' : 'unlisted'
  return found ?? 'unlisted'
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
  listed: Listed,
  summary: PruneSummary,
  parts: IndexParts & { readonly collections: readonly string[] | undefined; readonly memoryBytes: number },
): AsyncGenerator<PruneEvent, Unlisted, void> {
  const unlisted: Unlisted = { accounts: digestSet(), isCut: false }
  const count = (did: string) => {
    const digested = listed.digest(did)
    const said = listedAs(listed, digested)
    if (said === 'active') return
    if (typeof said === 'object') {
      const counts = summary.inactive[said.standing]
      counts.pairs += 1
      if (said.isFirst) counts.held += 1
      return
    }
    if (said === 'unknown') {
      summary.unknownPairs += 1
      return
    }
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
