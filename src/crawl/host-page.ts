import { isValidDid } from '@atproto/syntax'
import type { RepoPage } from '../contracts/repo-lister.ts'
import { badPage, parseJsonPage } from '../http/json-page.ts'
import type { Asked } from '../http/response-error.ts'

/**
 * Reads the body of a successful answer of `com.atproto.sync.listRepos` as a page of active repos. Those of other accounts
 * are counted and left out. A page is taken whole or not at all; within it, an entry without a valid DID is dropped and
 * counted.
 *
 * @throws RelayError with the code `RELAY_BAD_ANSWER`
 */
export function parseHostPage(text: string, asked: Asked): RepoPage {
  const { body, cursor } = parseJsonPage(text, asked)
  const { repos } = body
  if (!Array.isArray(repos)) throw badPage(asked, 'has no list of repos', text)
  const dids: string[] = []
  let inactive = 0
  for (const entry of repos) {
    const { did, active, status }: { did?: unknown; active?: unknown; status?: unknown } = Object(entry)
    if (typeof did !== 'string' || !isValidDid(did)) continue
    if (active === false || (active === undefined && status !== undefined)) inactive += 1
    else dids.push(did)
  }
  const invalid = repos.length - dids.length - inactive
  if (invalid > 0 && invalid === repos.length)
    throw badPage(asked, `has ${invalid} entries, none of them with a valid did`, text)
  const page = { dids, invalid, inactive }
  return cursor === undefined ? page : { ...page, cursor }
}
