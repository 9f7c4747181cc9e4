import { isValidDid } from '@atproto/syntax'
import type { RepoPage } from '../contracts/repo-lister.ts'
import { RelayError } from '../errors.ts'
import { cursorProblem, isNoCursor } from '../util/cursor.ts'

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
  const { dids, cursor, invalid = 0 } = given as { dids?: unknown; cursor?: unknown; invalid?: unknown }
  if (!Array.isArray(dids)) throw notAPage(asked, 'has no list of dids')
  const problem = isNoCursor(cursor) ? undefined : cursorProblem(cursor)
  if (problem !== undefined) throw notAPage(asked, `has ${problem}`)
  const counted = Number.isSafeInteger(invalid) && Number(invalid) > 0 ? Number(invalid) : 0
  const valid = dids.every(isDid) ? dids : dids.filter(isDid)
  const page = { dids: valid, invalid: counted + dids.length - valid.length }
  return isNoCursor(cursor) ? page : { ...page, cursor: String(cursor) }
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
