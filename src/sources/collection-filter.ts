import { isValidNsid } from '@atproto/syntax'
import { InvalidOptionError } from '../errors.ts'
import { normalNsid } from '../util/nsid.ts'
import { isPattern, matches } from './matching.ts'

/** Which of the collections that are known are meant: NSIDs, and patterns such as `app.bsky.*`. */
export interface FilterOptions {
  readonly only?: readonly string[] | undefined
  readonly except?: readonly string[] | undefined
}

/** Chooses among collections that are known, wherever they come from. It adds none. */
export interface CollectionFilter {
  /** Whether it leaves out anything at all. */
  readonly isSet: boolean
  /** Whether it leaves out everything, whatever there is: `except` takes all that `only` gives. */
  readonly isEmpty: boolean
  /** Whether a collection is meant: it matches one of `only`, or there are none, and none of `except`. */
  wants(nsid: string): boolean
  /** The NSIDs and patterns that match none of these: they may be misspelt. */
  unmatched(names: Iterable<string>): readonly string[]
}

/** @throws InvalidOptionError for an entry that is neither an NSID nor a pattern, and for an empty `only` */
export function collectionFilter({ only, except = [] }: FilterOptions): CollectionFilter {
  if (only !== undefined) checkEntries('only', only)
  checkEntries('except', except)
  // Of what is empty, one person means everything and another one nothing.
  if (only?.length === 0) throw new InvalidOptionError('only', 'left out, or a list that is not empty', only)
  const [wanted, unwanted] = [only?.map(normalNsid), except.map(normalNsid)]
  return {
    isSet: wanted !== undefined || unwanted.length > 0,
    isEmpty: (wanted ?? ['*']).every((entry) => unwanted.some((other) => covers(other, entry))),
    wants(nsid) {
      const name = normalNsid(nsid)
      return (
        (wanted?.some((entry) => isMeant(entry, name)) ?? true) &&
        !unwanted.some((entry) => isMeant(entry, name))
      )
    },
    unmatched(names) {
      const known = Array.from(names, normalNsid)
      return [...(wanted ?? []), ...unwanted].filter((entry) => !known.some((name) => isMeant(entry, name)))
    },
  }
}

function isMeant(entry: string, nsid: string): boolean {
  return entry.endsWith('*') ? matches(entry, nsid) : entry === nsid
}

/** Whether all that the second one means is meant by the first one. */
function covers(entry: string, other: string): boolean {
  return entry === other || (entry.endsWith('*') && other.startsWith(entry.slice(0, -1)))
}

function isEntry(entry: unknown): boolean {
  return typeof entry === 'string' && (isValidNsid(entry) || isPattern(entry))
}

function checkEntries(option: keyof FilterOptions, entries: readonly unknown[]): void {
  const isList = Array.isArray(entries) && entries.every(isEntry)
  if (isList) return
  throw new InvalidOptionError(
    option,
    'a list of NSIDs such as app.bsky.feed.post and patterns such as app.bsky.*',
    entries,
  )
}
