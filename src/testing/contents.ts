import { isValidNsid } from '@atproto/syntax'
import { InvalidOptionError } from '../errors.ts'
import { didOf, keyOf, mix, shuffled } from './dids.ts'

/** What a test relay holds. */
export interface RelayContentsOptions {
  /** The collections, each with the number of its repos or with their DIDs; given ones are served as they are. */
  collections: Readonly<Record<string, number | readonly string[]>>
  /** What the DIDs, their order and the cursors follow from: 0 to 2^32 - 1. @default 1 */
  seed?: number | undefined
  /**
   * How many accounts there are, 1 to 2^31: a generated collection holds that many of them at most. With the same
   * number, a collection that grows keeps its beginning. @default the size of the largest generated collection
   */
  accounts?: number | undefined
}

/** What a test relay holds, to compare an index with. */
export interface RelayContents {
  /** The NSIDs of all collections. */
  readonly collections: readonly string[]
  /** How many repos a collection has; 0 for one that is unknown. */
  size(collection: string): number
  /** The DIDs of a collection in the relay's order, generated while they are read. */
  dids(collection: string): Iterable<string>
  /** The cursor with which a collection goes on after its first `offset` repos. */
  cursorAt(collection: string, offset: number): string
}

/** The genuine answer to a request for a page. */
export interface ListReposPage {
  repos: readonly { did: string }[]
  cursor?: string
}

export interface PagedContents extends RelayContents {
  /**
   * Where a page begins, counted from the first repo of the collection. Another collection's cursor gives an offset
   * outside of it: the cursor is not compared with the collection, as on a real relay.
   *
   * @returns nothing for a cursor that cannot be decoded
   */
  offsetOf(collection: string, cursor: string | undefined): number | undefined
  page(collection: string, offset: number, limit: number): ListReposPage
  /** Builds the database anew: see {@link TestRelay.rebuild}. */
  rebuild(): void
}

/** One collection's place in the relay's key space, in which all of them lie one after the other. */
interface Shelf {
  nsid: string
  /** The number that cursors begin with; private to this relay, since it follows from the seed. */
  id: number
  /** Where it begins in the key space. */
  base: number
  size: number
  /** When its first repo was seen, in milliseconds since 1970; each further one a millisecond later. */
  since: number
  didAt(offset: number): string
}

export function relayContents(options: RelayContentsOptions): PagedContents {
  let shelves = shelvesOf(options, 0)
  let builds = 0
  const byNsid = new Map(shelves.map((shelf) => [shelf.nsid, shelf]))
  const keySpace = shelves.reduce((sum, { size }) => sum + size, 0)

  function positionOf(cursor: string): number | undefined {
    const key = decodeCursor(cursor)
    if (key === undefined) return undefined
    const shelf = shelves[key.id - 1]
    if (shelf === undefined) return key.id === 0 ? 0 : keySpace
    return shelf.base + Math.min(Math.max(key.seenAt + 1 - shelf.since, 0), shelf.size)
  }

  /** Reads on over the border between collections, as a relay does that was given another collection's cursor. */
  function read(from: number, count: number): ListReposPage {
    const repos: { did: string }[] = []
    let cursor = ''
    for (const shelf of shelves) {
      const start = Math.max(0, from + repos.length - shelf.base)
      const end = Math.min(shelf.size, start + count - repos.length)
      for (let offset = start; offset < end; offset += 1) repos.push({ did: shelf.didAt(offset) })
      if (start < end) cursor = cursorBehind(shelf, end)
      if (repos.length === count) break
    }
    return { repos, cursor }
  }

  return {
    collections: Object.keys(options.collections),
    size: (collection) => byNsid.get(collection)?.size ?? 0,
    dids: (collection) => ({
      *[Symbol.iterator]() {
        const shelf = byNsid.get(collection)
        if (shelf === undefined) return
        for (let offset = 0; offset < shelf.size; offset += 1) yield shelf.didAt(offset)
      },
    }),
    cursorAt(collection, offset) {
      const shelf = byNsid.get(collection)
      if (shelf === undefined)
        throw new InvalidOptionError('collection', 'one that the relay holds', collection)
      return cursorBehind(shelf, offset)
    },
    offsetOf(collection, cursor) {
      const shelf = byNsid.get(collection)
      if (shelf === undefined || cursor === undefined || cursor === '') return 0
      const position = positionOf(cursor)
      return position === undefined ? undefined : position - shelf.base
    },
    page(collection, offset, limit) {
      const shelf = byNsid.get(collection)
      if (shelf === undefined || offset >= shelf.size) return { repos: [] }
      const page = read(shelf.base + offset, Math.min(limit, shelf.size - offset))
      // A cursor comes whenever the page is full: a list that ends just there ends with an empty page.
      return page.repos.length === limit ? page : { repos: page.repos }
    },
    rebuild() {
      builds += 1
      shelves = shelvesOf(options, builds)
      for (const shelf of shelves) byNsid.set(shelf.nsid, shelf)
    },
  }
}

/** @param builds how often the database was built anew: each time, collections get their numbers in the opposite order */
function shelvesOf({ collections, seed = 1, accounts }: RelayContentsOptions, builds: number): Shelf[] {
  for (const [nsid, held] of Object.entries(collections)) checkCollection(nsid, held)
  const largest = Math.max(
    1,
    ...Object.values(collections).map((held) => (typeof held === 'number' ? held : 0)),
  )
  checkNumber('seed', 'an integer from 0 to 2^32 - 1', seed, 0, 2 ** 32 - 1)
  const limits = 'an integer from the size of the largest collection to 2^31'
  checkNumber('accounts', limits, accounts ?? largest, largest, 2 ** 31)
  const didKey = mix(seed + 1)
  const inPrivateOrder = Object.entries(collections)
    .map(([nsid, held]) => ({ nsid, held, key: keyOf(nsid, seed) }))
    .sort((a, b) => (builds % 2 === 0 ? a.key - b.key : b.key - a.key))
  const since = FIRST_SEEN_MS + (mix(seed) >>> 0) + builds * BUILD_MS
  let base = 0
  return inPrivateOrder.map(({ nsid, held, key }, index) => {
    const size = typeof held === 'number' ? held : held.length
    const didAt = didAtOf(held, accounts ?? largest, key, didKey)
    // What is generated is seen in another order each time; what is given stands as it is.
    const place =
      typeof held === 'number' && builds > 0 && size > 1 ? shuffled(size, key + builds) : undefined
    const shelf = {
      nsid,
      id: index + 1,
      base,
      size,
      since,
      didAt: place ? (at: number) => didAt(place(at)) : didAt,
    }
    base += size
    return shelf
  })
}

function didAtOf(
  held: number | readonly string[],
  accounts: number,
  key: number,
  didKey: number,
): Shelf['didAt'] {
  if (typeof held !== 'number') return (offset) => held[offset] ?? ''
  const accountAt = shuffled(accounts, key)
  return (offset) => didOf(accountAt(offset), didKey)
}

function checkCollection(nsid: string, held: number | readonly string[]): void {
  if (!isValidNsid(nsid))
    throw new InvalidOptionError('collections', 'named by NSIDs such as app.bsky.feed.post', nsid)
  if (Array.isArray(held)) return
  if (!Number.isInteger(held) || Number(held) < 0) {
    throw new InvalidOptionError(`collections['${nsid}']`, 'a number of repos or a list of DIDs', held)
  }
}

export function checkNumber(option: string, expected: string, given: number, min: number, max: number): void {
  if (!Number.isInteger(given) || given < min || given > max)
    throw new InvalidOptionError(option, expected, given)
}

/** When the first repo of the first build was seen, and how long after it that of the next build, in milliseconds. */
const FIRST_SEEN_MS = Date.UTC(2026, 0)
const BUILD_MS = 2 ** 32

/** As collectiondir writes its keys: the collection's private number, when a repo was first seen, and its DID. */
function cursorBehind({ id, since, didAt }: Shelf, offset: number): string {
  const key = Buffer.alloc(KEY_BYTES)
  key.writeUInt32BE(id)
  key.writeBigUInt64BE(BigInt(since + offset - 1), 4)
  return Buffer.concat([key, Buffer.from(offset > 0 ? didAt(offset - 1) : '')]).toString('base64url')
}

/** Number and time; a DID follows. */
const KEY_BYTES = 12

function decodeCursor(cursor: string): { id: number; seenAt: number } | undefined {
  const key = Buffer.from(cursor, 'base64url')
  // Node's decoder skips what is not base64url, so only the way back tells whether it was.
  if (key.length < KEY_BYTES || key.toString('base64url') !== cursor) return undefined
  return { id: key.readUInt32BE(0), seenAt: Number(key.readBigUInt64BE(4)) }
}
