import { isValidDid } from '@atproto/syntax'
import type { RepoPage } from '../contracts/repo-lister.ts'
import { badPage, parseJsonPage } from '../http/json-page.ts'
import type { Asked } from '../http/response-error.ts'
import { isGone } from '../util/account-standing.ts'

/**
 * Reads the body of a successful answer of `listReposByCollection`. A page is taken whole or not at all; within it, an
 * entry that is no DID is dropped and counted, and so is one whose account the server calls deleted or taken down: the
 * lexicon has no such fields, and servers that give more than it asks for use those of `listRepos`. A list without a
 * single object that has a `did` is no list of repos.
 *
 * @throws RelayError with the code `RELAY_BAD_ANSWER`
 */
export function parseRepoPage(text: string, asked: Asked): RepoPage {
  const { body, cursor } = parseJsonPage(text, asked)
  const { repos } = body
  if (!Array.isArray(repos)) throw badPage(asked, 'has no list of repos', text)
  const dids: string[] = []
  let gone = 0
  for (const entry of repos) {
    const did = didOf(entry)
    if (did === undefined) continue
    if (isGone(entry)) gone += 1
    else dids.push(did)
  }
  const invalid = repos.length - dids.length - gone
  if (dids.length + gone === 0 && invalid > 0 && !repos.some(hasDid))
    throw badPage(asked, `has ${invalid} entries, none of them with a did`, text)
  const page = gone === 0 ? { dids, invalid } : { dids, invalid, inactive: gone }
  return cursor === undefined ? page : { ...page, cursor }
}

/** Whether an entry names an account, be it by a DID or by something else. */
export function hasDid(entry: unknown): boolean {
  return typeof entry === 'object' && entry !== null && Object.hasOwn(entry, 'did')
}

function didOf(entry: unknown): string | undefined {
  if (typeof entry !== 'object' || entry === null) return undefined
  const { did }: { did?: unknown } = entry
  return typeof did === 'string' && isValidDid(did) ? did : undefined
}
