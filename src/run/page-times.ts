import type { Position } from '../paging/cursor-guard.ts'
import { type AskParts, fetchPage } from '../paging/fetch-page.ts'
import { ASSUMED_PAGE_SIZE } from '../util/page-limit.ts'
import { endsRun } from './failure-policy.ts'

/** How fast a relay is now. */
export interface PageTimes {
  /** The repos on a page that has another one behind it. */
  readonly pageSize: number
  /** What a page takes one of the workers, in milliseconds: that of a large collection, and the only one of a small. */
  readonly msPerFullPage: number
  readonly msPerSmallPage: number
}

/** How many pages of each of the large collections are read. */
const FULL_PAGES = 2

/**
 * Reads a few pages as a run would, `concurrency` of them at once: two of each of the largest collections, and then the
 * first of as many others. They are thrown away.
 *
 * @param collections the largest first
 */
export async function measurePages(
  collections: readonly string[],
  parts: AskParts & { readonly concurrency: number },
): Promise<PageTimes> {
  const { concurrency } = parts
  const large = await timed(collections.slice(0, concurrency), FULL_PAGES, parts)
  // The last ones: of those that have sizes, and of those that are too small to have one.
  const small = await timed(collections.slice(concurrency).slice(-concurrency), 1, parts)
  const pageSize = Math.max(0, ...large.fullPages, ...small.fullPages) || ASSUMED_PAGE_SIZE
  const msPerFullPage = large.msPerPage ?? 0
  return { pageSize, msPerFullPage, msPerSmallPage: small.msPerPage ?? msPerFullPage }
}

interface Timed {
  /** What a page took each of those that read side by side; absent where none was answered. */
  readonly msPerPage: number | undefined
  /** How many repos the pages had that have another one behind them. */
  readonly fullPages: readonly number[]
}

async function timed(collections: readonly string[], pages: number, parts: AskParts): Promise<Timed> {
  const fullPages: number[] = []
  let answered = 0
  const read = async (collection: string) => {
    let at: Position = { relay: parts.lister.relay, collection, pages: 0, emptyPages: 0 }
    for (let page = 0; page < pages; page += 1) {
      const fetched = await fetchPage(at, parts)
      answered += 1
      at = fetched.next
      if (at.cursor === undefined) return
      fullPages.push(fetched.page.dids.length + (fetched.page.invalid ?? 0))
    }
  }
  const startedAt = performance.now()
  const ends = await Promise.allSettled(collections.map(read))
  const elapsedMs = performance.now() - startedAt
  parts.signal.throwIfAborted()
  // A collection that cannot be read would fail in the run, and the others go on.
  for (const end of ends) if (end.status === 'rejected' && endsRun(end.reason)) throw end.reason
  const msPerPage = answered === 0 ? undefined : (elapsedMs * collections.length) / answered
  return { msPerPage, fullPages }
}
