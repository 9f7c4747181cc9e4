import { isValidDid } from '@atproto/syntax'
import type { AccountPage, RelayAccount } from '../contracts/account-lister.ts'
import { RelayError } from '../errors.ts'
import { cursorProblem, isNoCursor } from '../util/cursor.ts'

/**
 * A page as the contract has it, whatever a lister gave: entries without a valid DID are counted and dropped.
 *
 * @throws RelayError with the code `RELAY_BAD_ANSWER`, naming the lister's relay, for what is no page at all
 */
export function checkAccountPage(given: AccountPage, relay: string, cursor: string | undefined): AccountPage {
  const { accounts, cursor: next, invalid = 0 }: { [Name in keyof AccountPage]?: unknown } = given ?? {}
  if (!Array.isArray(accounts)) throw badAnswer('a page without a list of accounts', relay, cursor)
  const problem = isNoCursor(next) ? undefined : cursorProblem(next)
  if (problem !== undefined) throw badAnswer(`a page that has ${problem}`, relay, cursor)
  const valid = accounts.filter(isAccount)
  const page = { accounts: valid, invalid: Number(invalid) + accounts.length - valid.length }
  return isNoCursor(next) ? page : { ...page, cursor: String(next) }
}

/** @throws RelayError with the code `RELAY_BAD_ANSWER` for what is about another account */
export function checkAccount(given: RelayAccount, did: string, relay: string): RelayAccount {
  if (given.did !== did) throw badAnswer(`what is not about ${did}`, relay)
  return given
}

function isAccount(entry: unknown): entry is RelayAccount {
  if (typeof entry !== 'object' || entry === null) return false
  const { did }: { did?: unknown } = entry
  return typeof did === 'string' && isValidDid(did)
}

function badAnswer(what: string, relay: string, cursor?: string): RelayError {
  const message = `The account lister of ${relay} gave ${what}; nothing of it is used. See AccountLister.`
  return new RelayError('RELAY_BAD_ANSWER', message, {
    relay,
    collection: undefined,
    cursor,
    retryable: true,
  })
}
