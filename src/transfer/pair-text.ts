import { isValidDid, isValidNsid } from '@atproto/syntax'
import { normalNsid } from '../util/nsid.ts'

/**
 * How pairs are written, one a line:
 *
 * - `csv`: `did:plc:abc,app.bsky.feed.post`, as collectiondir's `build` reads it
 * - `ndjson`: `{"did":"did:plc:abc","collection":"app.bsky.feed.post"}`
 */
export type PairFormat = 'csv' | 'ndjson'

/** A repository that has records in a collection. */
export interface Pair {
  readonly did: string
  readonly collection: string
}

/** The line that names the columns of a CSV. */
export const CSV_HEADER = 'did,collection\n'

/** The lines of one collection's pairs. */
export function pairText(format: PairFormat, collection: string, dids: readonly string[]): string {
  if (format === 'ndjson') return dids.map((did) => `${JSON.stringify({ did, collection })}\n`).join('')
  const end = `,${csvField(collection)}\n`
  return dids.map((did) => csvField(did) + end).join('')
}

/** In quotes where it needs them: no valid name does, and an index of your own may hold others. */
function csvField(text: string): string {
  return /[",\r\n]|^\s/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

/** What a line is: a pair, nothing to import, or something that is no pair, and why. */
export type ReadLine = Pair | 'nothing' | { readonly problem: string }

/** Which columns of a CSV hold a pair, counted from 0. */
export interface PairColumns {
  readonly did: number
  readonly collection: number
}

/** Reads lines of either format, one after the other. */
export interface PairReader {
  read(line: string | undefined): ReadLine
  /** As the last header named them; without one, the first two, in either order. */
  readonly columns: PairColumns | undefined
}

/**
 * A line that begins with a brace is JSON, every other one CSV. A header may stand anywhere, as in files that were put
 * together; further columns are passed over. A quote ends on its line: no name has a line end in it, and a quote that
 * is never closed would take the rest of the file with it.
 *
 * @param columns those of the header before, for a text that is read from its middle on
 */
export function pairReader(columns?: PairColumns | undefined): PairReader {
  const names = createNames()
  let named = columns
  const checked = (did: unknown, collection: unknown): ReadLine => {
    if (typeof did !== 'string' || !isValidDid(did)) return { problem: 'no valid DID' }
    const nsid = typeof collection === 'string' ? names(collection) : undefined
    return nsid === undefined ? { problem: 'no valid NSID' } : { did, collection: nsid }
  }
  const readCsv = (line: string): ReadLine => {
    const fields = fieldsOf(line)
    if (fields === undefined) return { problem: 'a quote that is not closed' }
    const header = headerOf(fields)
    if (header !== undefined) {
      named = header
      return 'nothing'
    }
    if (fields.length < 2) return { problem: 'no two columns' }
    if (named !== undefined) return checked(fields[named.did], fields[named.collection])
    const [first, second] = fields
    // A query of the view gives the collection first.
    return second?.startsWith('did:') && !first?.startsWith('did:')
      ? checked(second, first)
      : checked(first, second)
  }
  return {
    get columns() {
      return named
    },
    read(given) {
      if (given === undefined) return { problem: 'longer than 65,536 bytes' }
      // Files with a byte order mark that were put together have it in their middle too.
      const line = given.replace(/^\ufeff/, '').trim()
      if (line === '') return 'nothing'
      return line.startsWith('{') ? readJson(line, checked) : readCsv(line)
    },
  }
}

function readJson(line: string, checked: (did: unknown, collection: unknown) => ReadLine): ReadLine {
  try {
    const { did, collection }: { did?: unknown; collection?: unknown } = JSON.parse(line)
    return checked(did, collection)
  } catch {
    return { problem: 'no JSON' }
  }
}

/** @returns nothing where a quote is not closed */
function fieldsOf(line: string): string[] | undefined {
  if (!line.includes('"')) return line.split(',').map((field) => field.trim())
  const fields: string[] = []
  for (let rest = line; ; ) {
    const [whole = '', quoted, plain = ''] = /^\s*(?:"((?:[^"]|"")*)"\s*|([^",]*))(?:,|$)/.exec(rest) ?? []
    if (whole === '' && rest !== '') return undefined
    fields.push(quoted === undefined ? plain.trim() : quoted.replaceAll('""', '"'))
    if (!whole.endsWith(',')) return fields
    rest = rest.slice(whole.length)
  }
}

/** The pair of a line that {@link pairText} wrote, as it stands there; nothing for a header. */
export function writtenPair(line: string): Pair | undefined {
  if (line.startsWith('{')) return JSON.parse(line)
  const fields = fieldsOf(line) ?? []
  const [did, collection] = fields
  const isPair = did !== undefined && collection !== undefined && headerOf(fields) === undefined
  return isPair ? { did, collection } : undefined
}

function headerOf(fields: readonly string[]): PairColumns | undefined {
  const names = fields.map((field) => field.toLowerCase())
  const did = names.indexOf('did')
  const collection = names.indexOf('collection')
  return did < 0 || collection < 0 ? undefined : { did, collection }
}

/** More names than any network has: those of a file of nonsense must not fill the memory. */
const MOST_NAMES = 100_000

/** Normal forms of NSIDs, kept because a file names few of them, and often. */
function createNames(): (text: string) => string | undefined {
  const known = new Map<string, string | undefined>()
  return (text) => {
    if (known.has(text)) return known.get(text)
    if (known.size >= MOST_NAMES) known.clear()
    const nsid = isValidNsid(text) ? normalNsid(text) : undefined
    known.set(text, nsid)
    return nsid
  }
}
