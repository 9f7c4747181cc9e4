import { isValidDid } from '@atproto/syntax'
import { RelayError } from '../errors.ts'
import { oneLine } from '../http/server-words.ts'
import { type Asked, context } from '../http/status-error.ts'
import type { RepoPage } from '../repo-lister.ts'

/**
 * The longest cursor that is believed, in characters. Real ones have under 200; it goes into a URL and a row.
 */
const MAX_CURSOR_LENGTH = 4096

/**
 * Reads the body of a successful answer of `listReposByCollection`. A page is taken whole or not at all;
 * within it, an entry that is no DID is dropped and counted.
 *
 * @throws RelayError with the code `RELAY_BAD_ANSWER`
 */
export function parseRepoPage(text: string, asked: Asked): RepoPage {
  const { repos, cursor } = parseShape(text, asked)
  const dids: string[] = []
  for (const entry of repos) {
    const did = didOf(entry)
    if (did !== undefined) dids.push(did)
  }
  const rejected = repos.length - dids.length
  if (dids.length === 0 && rejected > 0)
    throw badPage(asked, `has ${rejected} entries and no DID in them`, text)
  return cursor === undefined ? { dids, rejected } : { dids, cursor, rejected }
}

/** Relays disagree about the last page: they leave the cursor out, or send null or an empty string. */
function parseShape(text: string, asked: Asked): { repos: readonly unknown[]; cursor: string | undefined } {
  const value = parseJson(text, asked)
  if (typeof value !== 'object' || value === null) throw badPage(asked, 'is no object', text)
  const { repos, cursor }: { repos?: unknown; cursor?: unknown } = value
  if (!Array.isArray(repos)) throw badPage(asked, 'has no list of repos', text)
  if (cursor === undefined || cursor === null || cursor === '') return { repos, cursor: undefined }
  if (typeof cursor !== 'string')
    throw badPage(asked, `has a cursor that is no string (${typeof cursor})`, text)
  if (cursor.length > MAX_CURSOR_LENGTH) {
    throw badPage(asked, `has a cursor of ${cursor.length} characters, more than ${MAX_CURSOR_LENGTH}`, text)
  }
  // Half a surrogate pair would not reach the server again as it came, and no Postgres text holds a NUL.
  if (cursor.includes('\0') || /[\p{Cs}\uFFFD]/u.test(cursor)) {
    throw badPage(asked, 'has a cursor with characters that cannot be stored and sent back', text)
  }
  return { repos, cursor }
}

function parseJson(text: string, asked: Asked): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw badPage(asked, 'is no JSON', text, error)
  }
}

function didOf(entry: unknown): string | undefined {
  if (typeof entry !== 'object' || entry === null) return undefined
  const { did }: { did?: unknown } = entry
  return typeof did === 'string' && isValidDid(did) ? did : undefined
}

function badPage(asked: Asked, problem: string, text: string, cause?: unknown): RelayError {
  const beginning = oneLine(text, 100)
  return new RelayError(
    'RELAY_BAD_ANSWER',
    `${asked.url.host} answered a page of ${asked.collection} that ${problem}; nothing of it is used. ` +
      `It begins: ${beginning === '' ? '(empty)' : beginning}`,
    { ...context(asked), status: 200, cause, retryable: true },
  )
}
