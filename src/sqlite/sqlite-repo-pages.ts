import type { IndexedRepos, IndexPageRequest, ServedRepos } from '../contracts/repo-index.ts'
import { pageLimit } from '../util/page-limit.ts'
import { reposJson } from '../util/repos-json.ts'
import {
  type DidKey,
  didOfKey,
  keyOfDid,
  PACKED_BYTES,
  PLC_LENGTH,
  PLC_PREFIX,
  unpackLetters,
} from './did-key.ts'
import type { SqliteDatabase } from './sqlite-database.ts'
import type { Connection } from './sqlite-driver.ts'
import { FIND, PAIRS } from './sqlite-pairs.ts'
import { readCommitted, textCursor } from './sqlite-reading.ts'

/** A page of the keys of a collection: all of them side by side where each is a packed did:plc, else one by one. */
type KeyPage =
  | { readonly packed: Uint8Array; readonly repos: number; readonly isLast: boolean }
  | { readonly keys: readonly DidKey[]; readonly isLast: boolean }

/** The repos of a collection, a page of them. */
export async function listRepos(
  database: SqliteDatabase,
  collection: string,
  request: IndexPageRequest,
): Promise<IndexedRepos> {
  const page = await readPage(database, collection, request)
  const dids = 'keys' in page ? page.keys.map(didOfKey) : unpackedDids(page.packed, page.repos)
  return page.isLast ? { dids } : { dids, cursor: dids.at(-1) }
}

/** The same, as it is served. */
export async function listReposJson(
  database: SqliteDatabase,
  collection: string,
  request: IndexPageRequest,
): Promise<ServedRepos> {
  const page = await readPage(database, collection, request)
  if ('keys' in page) {
    const dids = page.keys.map(didOfKey)
    const json = reposJson(dids)
    return page.isLast ? { json } : { json, cursor: dids.at(-1) }
  }
  const json = packedReposJson(page.packed, page.repos)
  if (page.isLast) return { json }
  return { json, cursor: didOfKey(page.packed.subarray((page.repos - 1) * PACKED_BYTES)) }
}

async function readPage(
  database: SqliteDatabase,
  collection: string,
  request: IndexPageRequest,
): Promise<KeyPage> {
  const limit = pageLimit(request)
  const after = keyOfDid(textCursor(request))
  return readCommitted(
    database,
    request.signal,
    (connection) =>
      packedPage(connection, collection, after, limit) ?? keyPage(connection, collection, after, limit),
  )
}

/**
 * Rows cost more than all else on a page, so the keys are asked for as one blob. Where all are blobs, none is shorter
 * than a packed one, so that its length tells whether each is one.
 */
function packedPage(
  connection: Connection,
  collection: string,
  after: DidKey,
  limit: number,
): KeyPage | undefined {
  const hasTexts =
    typeof after === 'string' && typeof connection.get(LIST, collection, after, 1)?.did === 'string'
  if (hasTexts) return undefined
  const from = typeof after === 'string' ? BELOW_BLOBS : after
  // One table is walked faster than two. What is added to the other one by now comes at most once, and need not.
  const isMerged = Number(connection.get(INCOMING, collection)?.incoming ?? 0) === 0
  const page = connection.get(isMerged ? JOINED_MERGED : JOINED, collection, from, limit + 1)
  const count = Number(page?.repos)
  const packed = page?.keys instanceof Uint8Array ? page.keys : new Uint8Array()
  if (packed.length !== count * PACKED_BYTES) return undefined
  const repos = Math.min(count, limit)
  return { packed: packed.subarray(0, repos * PACKED_BYTES), repos, isLast: count <= limit }
}

function keyPage(connection: Connection, collection: string, after: DidKey, limit: number): KeyPage {
  const rows = connection.all(LIST, collection, after, limit + 1)
  return { keys: rows.slice(0, limit).map(({ did }) => did as DidKey), isLast: rows.length <= limit }
}

const decoder = new TextDecoder()

function unpackedDids(packed: Uint8Array, repos: number): string[] {
  const bytes = dids.copy(repos)
  for (let i = 0; i < repos; i += 1)
    unpackLetters(packed, i * PACKED_BYTES, bytes, i * PLC_LENGTH + PLC_PREFIX.length)
  const text = decoder.decode(bytes)
  return Array.from({ length: repos }, (_, i) => text.slice(i * PLC_LENGTH, (i + 1) * PLC_LENGTH))
}

const BEFORE = `{"did":"${PLC_PREFIX}`
const ENTRY = `${BEFORE}${'-'.repeat(PLC_LENGTH - PLC_PREFIX.length)}"},`

/** The bytes of `[{"did":"did:plc:…"},…]`. */
function packedReposJson(packed: Uint8Array, repos: number): Uint8Array {
  if (repos === 0) return encoder.encode('[]')
  const json = entries.copy(repos)
  for (let i = 0; i < repos; i += 1)
    unpackLetters(packed, i * PACKED_BYTES, json, i * ENTRY.length + 1 + BEFORE.length)
  json[0] = OPENING
  // In the place of the last comma.
  json[json.length - 1] = CLOSING
  return json
}

const encoder = new TextEncoder()
const [OPENING = 0, CLOSING = 0] = encoder.encode('[]')

/** A text again and again, with room for something before it: to copy it takes a fraction of the time of writing it. */
function repeated(text: string, before: string) {
  let bytes = new Uint8Array()
  return {
    copy(times: number): Uint8Array {
      const length = before.length + times * text.length
      if (bytes.length < length) bytes = encoder.encode(before + text.repeat(times))
      return bytes.slice(0, length)
    },
  }
}

const dids = repeated(ENTRY.slice(BEFORE.length - PLC_PREFIX.length, -3), '')
const entries = repeated(ENTRY, '[')

/** Above each text and below each key that is a blob. */
const BELOW_BLOBS = new Uint8Array(1)

const [MERGED_PAIRS, ...OTHER_PAIRS] = PAIRS.map(
  (table) => `select did from ${table} where collection_id = (${FIND}) and did > ?2`,
)
const IN_ORDER = 'order by did limit ?3'
/** The two tables are walked side by side, each along its primary key. */
const LIST = `${[MERGED_PAIRS, ...OTHER_PAIRS].join(' union all ')} ${IN_ORDER}`
const joined = (list: string) =>
  `select cast(group_concat(did, '') as blob) as keys, count(*) as repos from (${list})`
const JOINED = joined(LIST)
const JOINED_MERGED = joined(`${MERGED_PAIRS} ${IN_ORDER}`)
const INCOMING = 'select incoming from collection_index_nsid where nsid = ?1'
