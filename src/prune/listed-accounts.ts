import type { AccountLister, AccountPage } from '../contracts/account-lister.ts'
import type { Emit } from '../contracts/events.ts'
import { isBackfillError } from '../errors.ts'
import { advancePosition, type Position } from '../paging/cursor-guard.ts'
import { BAD_ANSWER_RETRIES } from '../paging/fetch-page.ts'
import { fetchAhead } from '../paging/prefetch.ts'
import { abortable, childController } from '../util/abort.ts'
import { isFinal, LONGEST_WAIT_MS, type RetryPolicy, retrying } from '../util/retry.ts'
import { checkAccountPage } from './check-accounts.ts'

/** How a server is asked for accounts. */
export interface AccountParts {
  readonly accounts: AccountLister
  readonly retry: RetryPolicy
  readonly signal: AbortSignal
  readonly emit: Emit
}

/** What a list of accounts is called in errors and events, where that of repos has its collection. */
const ACCOUNT_LIST = 'com.atproto.sync.listRepos'

/** A page of accounts, and the cursor behind it. */
export interface ListedPage extends AccountPage {
  readonly cursor: string | undefined
}

/** The accounts that a server lists from a cursor on, one page ahead of the reader. */
export async function* listedAccounts(
  cursor: string | undefined,
  parts: AccountParts,
): AsyncGenerator<ListedPage, void, void> {
  const fetching = childController(parts.signal)
  const start = { relay: parts.accounts.relay, collection: ACCOUNT_LIST, cursor, pages: 0, emptyPages: 0 }
  const pages = fetchAhead<AccountPage>(start, 1, (at) =>
    fetchAccounts(at, { ...parts, signal: fetching.signal }),
  )
  try {
    for (let next: string | undefined | null = null; next !== undefined; ) {
      for (const fetched of await pages.take()) {
        next = fetched.next.cursor
        yield { ...fetched.page, cursor: next }
      }
    }
  } finally {
    fetching.abort()
  }
}

/** One page, asked for again where that may help. There is nothing else to do meanwhile, so a long wait is sat out. */
function fetchAccounts(at: Position, { accounts, retry, signal, emit }: AccountParts) {
  const { relay, cursor } = at
  let badAnswers = 0
  const attempt = async () => {
    const given = await abortable(accounts.listAccounts({ cursor, signal }), signal)
    const page = checkAccountPage(given, relay, cursor)
    const dids = page.accounts.map(({ did }) => did)
    return { page, next: advancePosition(at, { dids, cursor: page.cursor, invalid: page.invalid }) }
  }
  return retrying(attempt, {
    ...retry,
    longestWaitMs: LONGEST_WAIT_MS,
    signal,
    mayRetry(error) {
      const isBad = isBackfillError(error, 'RELAY_BAD_ANSWER') || isBackfillError(error, 'CURSOR_LOOP')
      return isBad ? ++badAnswers <= BAD_ANSWER_RETRIES : !isFinal(error)
    },
    onRetry: (context) => emit({ type: 'retry', relay, source: ACCOUNT_LIST, cursor, ...context }),
  })
}
