import type { RepoLister } from '../contracts/repo-lister.ts'
import { anchorOf, checkAnchor } from '../paging/anchor.ts'
import { type AskParts, fetchPage } from '../paging/fetch-page.ts'
import { fetchAhead } from '../paging/prefetch.ts'
import { type IndexParts, startOf } from '../run/index-reading.ts'
import { childController } from '../util/abort.ts'
import { LONGEST_WAIT_MS } from '../util/retry.ts'

/** Relays, and how they are asked. */
export interface RelayListParts extends Omit<AskParts, 'lister'> {
  /** At least one. What they list together is what there is. */
  readonly listers: readonly RepoLister[]
}

export interface ListParts extends RelayListParts, IndexParts {}

/** The DIDs that the relays list, one relay after the other, page by page. */
export async function* relayPages(
  collection: string,
  parts: RelayListParts,
): AsyncGenerator<readonly string[], void, void> {
  for (const lister of parts.listers) yield* pagesOfRelay(lister, collection, parts)
}

/**
 * What one relay lists, one page ahead of the reader; asked for as a backfill does.
 *
 * @throws CursorsChangedError at the end of a list of several pages whose cursors changed their meaning on the way: what
 * such a list lacks is not surplus in the index
 */
async function* pagesOfRelay(
  lister: RepoLister,
  collection: string,
  parts: RelayListParts,
): AsyncGenerator<readonly string[], void, void> {
  const fetching = childController(parts.signal)
  // There is nothing else to do meanwhile, so a long wait is sat out.
  const asking = { ...parts, lister, signal: fetching.signal, longestWaitMs: LONGEST_WAIT_MS }
  const start = startOf(lister.relay, collection)
  const pages = fetchAhead(start, 1, (position) => fetchPage(position, asking))
  try {
    let group = await pages.take()
    const anchor = anchorOf(group[0].page)
    for (;;) {
      for (const { page } of group) yield page.dids
      if (group.at(-1)?.next.cursor === undefined) break
      group = await pages.take()
    }
    if (anchor !== undefined) await checkAnchor(start, anchor, asking)
  } finally {
    fetching.abort()
  }
}

/** The relays by their names, as reports have them. */
export function namesOf(listers: readonly RepoLister[]): string {
  return listers.map(({ relay }) => relay).join(', ')
}
