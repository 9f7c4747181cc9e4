import type { WalkAnchor } from '../contracts/progress-store.ts'
import type { RepoPage } from '../contracts/repo-lister.ts'
import { CursorsChangedError, isBackfillError } from '../errors.ts'
import type { Position } from './cursor-guard.ts'
import { type AskParts, fetchPage } from './fetch-page.ts'
import type { FetchedPage } from './prefetch.ts'

/** How many DIDs of the first page are kept: one of them has to be listed still when the list is read again. */
const KEPT_DIDS = 8

/** How many DIDs behind the first page are compared, where there are as many. */
const COMPARED_DIDS = 50

/** How far the list is read for the end of what was its first page, in first pages: it may have grown meanwhile. */
const FARTHEST = 4

/** The anchor of a walk that begins with this page; nothing where it is the only one. */
export function anchorOf({ cursor, dids }: RepoPage): WalkAnchor | undefined {
  return cursor === undefined ? undefined : { cursor, lastDids: dids.slice(-KEPT_DIDS), repos: dids.length }
}

/**
 * Whether the relay's cursors still mean what they meant when the walk began. Some relays' cursors are keys of their
 * database: when that is rebuilt, or another instance answers, an old cursor silently leads to an early end or to other
 * collections' DIDs.
 *
 * The first page is asked for again. If it gives the anchor's cursor, nothing has changed. If not, the list may have
 * grown or shrunk at its beginning, or the page size changed: then what follows the anchor's cursor has to be what
 * follows the end of the first page in the list as it is now. Both are read now, from the same server, and the end of
 * the first page is known by the DIDs that came in one answer with the cursor, so nothing is compared with itself.
 *
 * @param anchor absent for a walk that was taken over without one: then the anchor is what the first page gives now
 * @returns the anchor to go on with
 * @throws CursorsChangedError
 */
export async function checkAnchor(
  { relay, collection }: Pick<Position, 'relay' | 'collection'>,
  anchor: WalkAnchor | undefined,
  parts: AskParts,
): Promise<WalkAnchor | undefined> {
  const start = { relay, collection, pages: 0, emptyPages: 0 }
  const first = await fetchPage(start, parts)
  const now = anchorOf(first.page)
  if (anchor === undefined || isUnchanged(anchor, first.page)) return now
  const listed = await listedBehind(anchor, first, parts)
  if (listed !== undefined) {
    const meant = await meantBy({ ...start, cursor: anchor.cursor, pages: 1 }, parts)
    if (meant !== undefined && haveHalfInCommon(listed, meant)) return now ?? anchor
  }
  throw new CursorsChangedError(relay, collection)
}

/** The cursor alone does not tell where cursors are numbers of pages or of repos: then the DIDs before it do. */
function isUnchanged({ cursor, lastDids }: WalkAnchor, page: RepoPage): boolean {
  if (cursor !== page.cursor) return false
  return lastDids.length === 0 || endOf(lastDids, page.dids) > 0
}

/** How many DIDs of a list stand up to the last one that is among `ends`; 0 where none of them does. */
function endOf(ends: readonly string[], dids: readonly string[]): number {
  return dids.findLastIndex((did) => ends.includes(did)) + 1
}

/** What the list has behind the end of its former first page; nothing where that end is not to be found. */
async function listedBehind(
  { lastDids, repos }: WalkAnchor,
  first: FetchedPage,
  parts: AskParts,
): Promise<string[] | undefined> {
  const dids = [...first.page.dids]
  for (let at = first; ; ) {
    const end = endOf(lastDids, dids)
    const isFound = end > 0 || lastDids.length === 0
    const isEnough = isFound ? dids.length >= end + COMPARED_DIDS : dids.length >= FARTHEST * repos
    if (isEnough || at.next.cursor === undefined)
      return isFound ? dids.slice(end, end + COMPARED_DIDS) : undefined
    at = await fetchPage(at.next, parts)
    dids.push(...at.page.dids)
  }
}

/** What follows a cursor now; nothing where it leads nowhere. */
async function meantBy(position: Position, parts: AskParts): Promise<string[] | undefined> {
  const dids: string[] = []
  try {
    let next = position
    do {
      const fetched = await fetchPage(next, parts)
      dids.push(...fetched.page.dids)
      next = fetched.next
    } while (dids.length < COMPARED_DIDS && next.cursor !== undefined)
    return dids.slice(0, COMPARED_DIDS)
  } catch (error) {
    if (isBackfillError(error, 'CURSOR_LOOP') || isBackfillError(error, 'TOO_MANY_EMPTY_PAGES'))
      return undefined
    throw error
  }
}

function haveHalfInCommon(listed: readonly string[], meant: readonly string[]): boolean {
  const common = listed.filter((did) => meant.includes(did)).length
  return 2 * common >= Math.max(listed.length, meant.length)
}
