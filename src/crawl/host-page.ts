import type { RepoPage } from '../contracts/repo-lister.ts'
import type { Asked } from '../http/response-error.ts'
import { parseAccountPage } from '../relay/account-page.ts'
import { standingOf } from '../util/account-standing.ts'

/**
 * Reads the body of a successful answer of `com.atproto.sync.listRepos` as a page of active repos. Those of other accounts
 * are counted and left out.
 *
 * @throws RelayError with the code `RELAY_BAD_ANSWER`
 */
export function parseHostPage(text: string, asked: Asked): RepoPage {
  const { accounts, cursor, invalid = 0 } = parseAccountPage(text, asked)
  const dids = accounts.filter((account) => standingOf(account) === 'active').map(({ did }) => did)
  const page = { dids, invalid, inactive: accounts.length - dids.length }
  return cursor === undefined ? page : { ...page, cursor }
}
