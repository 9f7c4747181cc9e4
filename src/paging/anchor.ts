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

/** How many repos may have come or gone between the end of the first page and its cursor, or between two requests. */
const CHANGES_MEANWHILE = 3

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
  if (!(await leadsOn({ relay, collection, anchor, first }, parts))) {
    throw new CursorsChangedError(relay, collection)
  }
  return now ?? anchor
}

/** The cursor alone does not tell where cursors are numbers of pages or of repos: then the DIDs before it do. */
function isUnchanged({ cursor, lastDids }: WalkAnchor, page: RepoPage): boolean {
  return cursor === page.cursor && (lastDids.length === 0 || page.dids.some((did) => lastDids.includes(did)))
}

/**
 * How many DIDs of a list stand up to the last one that is among `lastDids`: 0 where none of them does, or where they
 * come in another order.
 */
function endOf(lastDids: readonly string[], dids: readonly string[]): number {
  const places = lastDids.map((did) => dids.lastIndexOf(did)).filter((place) => place >= 0)
  const isInOrder = places.every((place, i) => i === 0 || place >= (places[i - 1] ?? 0))
  return isInOrder ? (places.at(-1) ?? -1) + 1 : 0
}

interface Doubt {
  readonly relay: string
  readonly collection: string
  readonly anchor: WalkAnchor
  /** The first page as it is now. */
  readonly first: FetchedPage
}

/** Whether the anchor's cursor leads to what the list has now behind the end of its former first page. */
async function leadsOn({ relay, collection, anchor, first }: Doubt, parts: AskParts): Promise<boolean> {
  const listed = await listedBehind(anchor, first, parts)
  if (listed === undefined) return false
  const { cursor } = anchor
  const meant = await meantBy({ relay, collection, cursor, pages: 1, emptyPages: 0 }, parts)
  if (meant === undefined) return false
  // An early end looks like this too, unless the whole list is no longer than its first page was.
  if (listed.dids.length === 0 && meant.length === 0) return listed.end <= anchor.repos
  return areAlike(listed.dids, meant)
}

/** What the list has behind the end of its former first page, and where that is; nothing where it is not to be found. */
async function listedBehind(
  { lastDids, repos }: WalkAnchor,
  first: FetchedPage,
  parts: AskParts,
): Promise<{ end: number; dids: string[] } | undefined> {
  const dids = [...first.page.dids]
  for (let at = first; ; ) {
    const end = endOf(lastDids, dids)
    const isFound = end > 0 || lastDids.length === 0
    const isEnough = isFound ? dids.length >= end + COMPARED_DIDS : dids.length >= FARTHEST * repos
    if (isEnough || at.next.cursor === undefined)
      return isFound ? { end, dids: dids.slice(end, end + COMPARED_DIDS) } : undefined
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

/**
 * Whether at least half of the DIDs are the same at about the same place. Other collections may well hold the same DIDs,
 * and a cursor that leads only roughly to the same place, as a moment does in another database, skips what lies between.
 */
function areAlike(listed: readonly string[], meant: readonly string[]): boolean {
  const alike = meant.filter((did, i) => {
    const place = listed.indexOf(did)
    return place >= 0 && Math.abs(place - i) <= CHANGES_MEANWHILE
  })
  return 2 * alike.length >= Math.max(listed.length, meant.length)
}
