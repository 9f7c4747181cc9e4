import type { PacedRelay } from './paced-relay.ts'
import type { RelayPause } from './repo-lister.ts'

/** An account as a server tells of it: an entry of `com.atproto.sync.listRepos`, or an answer of `getRepoStatus`. */
export interface RelayAccount {
  /** A valid DID. */
  readonly did: string
  /** Absent where the server does not say. */
  readonly active?: boolean | undefined
  /** Why it is not active, in the server's word, such as `deleted` or `takendown`. */
  readonly status?: string | undefined
  /** The revision of its repo. */
  readonly rev?: string | undefined
  /** The CID of its repo's newest commit. */
  readonly head?: string | undefined
}

/** One page of the accounts that a server knows. */
export interface AccountPage {
  /** In the server's order. May hold repeats, may be empty. */
  readonly accounts: readonly RelayAccount[]
  /** Where the next page begins. Absent on the last page, and only there. */
  readonly cursor?: string | undefined
  /** How many entries of the page had no valid DID and are not in `accounts`. @default 0 */
  readonly invalid?: number | undefined
}

/**
 * Lists the accounts that a server knows, page by page: a relay or a host behind `com.atproto.sync.listRepos`, or
 * anything else that has such a list. Each call makes one attempt, and the caller tries again; errors are as those of a
 * `RepoLister`. When the signal aborts, calls reject soon, with the signal's reason.
 */
export interface AccountLister extends PacedRelay {
  /** Whose accounts these are: the server's host, or its whole origin when it is not https on port 443. */
  readonly relay: string
  /** One page, by one request. Rejects for anything that is not a whole page. */
  listAccounts(request: {
    /** Where to go on: the `cursor` of the page before, exactly as it came. Absent for the first page. */
    cursor?: string | undefined
    signal?: AbortSignal | undefined
  }): Promise<AccountPage>
  /**
   * One account, by one request.
   *
   * @returns nothing for an account that the server says it does not know; an error of any other kind rejects
   */
  accountOf(did: string, options?: { signal?: AbortSignal | undefined }): Promise<RelayAccount | undefined>
  /** As that of a `RepoLister`: called each time that all requests to this server have to wait. */
  onPause?(listener: (pause: RelayPause) => void, signal: AbortSignal): void
}
