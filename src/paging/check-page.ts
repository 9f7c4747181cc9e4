import { isValidDid } from '@atproto/syntax'
import type { RepoPage } from '../contracts/repo-lister.ts'
import { RelayError } from '../errors.ts'
import { cursorProblem, isNoCursor } from '../util/cursor.ts'
import { walkCursor } from '../util/returning-cursor.ts'

interface AskedFor {
  readonly relay: string
  readonly collection: string
  readonly cursor?: string | undefined
}

/**
 * A page as the contract has it, whatever a lister gave: entries that are no DID are counted and dropped.
 *
 * @throws RelayError with the code `RELAY_BAD_ANSWER`, naming the lister's relay, for what is no page at all
 */
export function checkPage(given: unknown, asked: AskedFor): RepoPage {
  if (typeof given !== 'object' || given === null) throw notAPage(asked, `is not an object (${typeof given})`)
  const { dids, cursor, invalid, inactive } = given as { [Name in keyof RepoPage]?: unknown }
  if (!Array.isArray(dids)) throw notAPage(asked, 'has no list of dids')
  const problem = isNoCursor(cursor) ? undefined : cursorProblem(cursor)
  if (problem !== undefined) throw notAPage(asked, `has ${problem}`)
  const valid = dids.every(isDid) ? dids : dids.filter(isDid)
  const leftOut = countOf(inactive)
  const page = {
    dids: valid,
    invalid: countOf(invalid) + dids.length - valid.length,
    ...(leftOut > 0 && { inactive: leftOut }),
  }
  const next = isNoCursor(cursor) ? undefined : walkCursor(String(cursor))
  return next === undefined ? page : { ...page, cursor: next }
}

function countOf(value: unknown): number {
  return Number.isSafeInteger(value) && Number(value) > 0 ? Number(value) : 0
}

function isDid(entry: unknown): entry is string {
  return typeof entry === 'string' && isValidDid(entry)
}

function notAPage(asked: AskedFor, problem: string): RelayError {
  return new RelayError(
    'RELAY_BAD_ANSWER',
    `The lister of ${asked.relay} gave a page of ${asked.collection} that ${problem}; nothing of it is used. A page is ` +
      '{ dids, cursor? }: see RepoPage.',
    { ...asked, retryable: true },
  )
}
