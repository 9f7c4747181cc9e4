import { isValidDid } from '@atproto/syntax'
import type { AccountPage, RelayAccount } from '../contracts/account-lister.ts'
import { badPage, parseJsonPage } from '../http/json-page.ts'
import type { Asked } from '../http/response-error.ts'
import { hasDid } from './repo-page.ts'

/**
 * Reads the body of a successful answer of `com.atproto.sync.listRepos`. A page is taken whole or not at all; within it,
 * an entry without a valid DID is dropped and counted. A list without a single object that has a `did` is no list of
 * accounts.
 *
 * @throws RelayError with the code `RELAY_BAD_ANSWER`
 */
export function parseAccountPage(text: string, asked: Asked): AccountPage {
  const { body, cursor } = parseJsonPage(text, asked)
  const { repos } = body
  if (!Array.isArray(repos)) throw badPage(asked, 'has no list of repos', text)
  const accounts = repos.map(accountFrom).filter((account) => account !== undefined)
  const invalid = repos.length - accounts.length
  if (accounts.length === 0 && invalid > 0 && !repos.some(hasDid))
    throw badPage(asked, `has ${invalid} entries, none of them with a did`, text)
  return cursor === undefined ? { accounts, invalid } : { accounts, cursor, invalid }
}

/**
 * Reads the body of a successful answer of `com.atproto.sync.getRepoStatus`.
 *
 * @throws RelayError with the code `RELAY_BAD_ANSWER`, also when the answer is about another account
 */
export function parseAccount(text: string, did: string, asked: Asked): RelayAccount {
  const account = accountFrom(parseJsonPage(text, asked).body)
  if (account?.did !== did) throw badPage(asked, `is not about ${did}`, text)
  return account
}

function accountFrom(entry: unknown): RelayAccount | undefined {
  if (typeof entry !== 'object' || entry === null) return undefined
  const { did, active, status, rev, head }: { [Name in keyof RelayAccount]?: unknown } = entry
  if (typeof did !== 'string' || !isValidDid(did)) return undefined
  return { did, active: booleanOf(active), status: textOf(status), rev: textOf(rev), head: textOf(head) }
}

function booleanOf(value: unknown): boolean | undefined {
  return typeof value === 'boolean' ? value : undefined
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}
