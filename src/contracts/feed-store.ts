import type { IndexContext } from './index-sink.ts'
import type { IndexPageRequest } from './repo-index.ts'

/** A repository has records in a collection, or has none there any more. */
export interface FeedPair {
  readonly did: string
  /** The collection's NSID. */
  readonly collection: string
}

/** What a feed told of one account; what is absent stays as it was. */
export interface AccountChange {
  readonly did: string
  /** Whether the account can be used. A new account is active unless it is told otherwise. */
  readonly active?: boolean | undefined
  /**
   * Why it cannot be used, in the words of atproto: `takendown`, `suspended`, `deleted`, `deactivated`, `desynchronized`,
   * `throttled`, or a word of later days. It is set together with `active`: `active` without it clears it.
   */
  readonly status?: string | undefined
  /** The newest revision of the repo. An older one than is stored changes neither `rev` nor `head`. */
  readonly rev?: string | undefined
  /** The CID of that revision's commit. */
  readonly head?: string | undefined
}

/** An account as the feed told it last. */
export interface FeedAccount {
  readonly did: string
  readonly active: boolean
  /** Absent for most: see {@link AccountChange.status}. */
  readonly status?: string | undefined
  /** Absent where no commit of it has come yet. */
  readonly rev?: string | undefined
  readonly head?: string | undefined
}

/** A repo whose collections are to be read at its own host, since the feed could not tell them. */
export interface RepoToLookUp {
  readonly did: string
  /** Which note it is: another one after the feed told it anew. */
  readonly note: number
  /** Its revision as the feed told it, when this was read. Absent where it is not known. */
  readonly rev?: string | undefined
  /** After a look that failed: how long it is to be left alone from now, in milliseconds. Absent where it is due. */
  readonly retryInMs?: number | undefined
}

/**
 * The end of a look at a repo's host: {@link RepoToLookUp} as it was listed, and what was found. If the feed has told of
 * the repo since then, nothing is changed and it stays noted.
 */
export interface LookedUpRepo extends RepoToLookUp {
  /** All its collections. Absent: nothing is changed, and the repo is not looked up again for this note. */
  readonly collections?: readonly string[] | undefined
  /**
   * The look failed: the repo stays noted, behind those that have not failed, and is to be looked up again after so long,
   * in milliseconds. Then `collections` is not looked at.
   */
  readonly setAsideMs?: number | undefined
}

/** An account that is gone by another word than a feed's: by what a relay says when it is asked. */
export interface ClosedAccount {
  readonly did: string
  /** As {@link AccountChange.status}. */
  readonly status?: string | undefined
  /** Its state here before the relay was asked. Absent where it was not known. */
  readonly seen?: Pick<FeedAccount, 'active' | 'status'> | undefined
}

/** The state of an account by another word than a feed's. */
export interface AskedAccount extends ClosedAccount {
  readonly active: boolean
}

/** Accounts that are gone, and one of the collections that they were in. */
export interface ClosedPairs {
  readonly collection: string
  readonly accounts: readonly ClosedAccount[]
}

/**
 * What a feed told in one stretch, the last word on each thing. A batch is applied whole, in this order: accounts,
 * states that were asked for, accounts that are closed, pairs that are removed, pairs that are added, repos to look up. What a look found is among
 * those that are removed and added.
 */
export interface FeedBatch {
  /** Which feed: the scope of its progress row, as `feed:wss://relay.example`. */
  readonly feed: string
  /**
   * The fencing token: higher with each follower that takes the feed over. One that was held up for longer than its lease
   * would write an older word over a newer one, where pairs and claims are in two databases. Absent where they are in one,
   * and where no claim is held.
   */
  readonly epoch?: number | undefined
  /** Accounts and repos that the feed told of. Of one whose status is `deleted`, all pairs are removed. */
  readonly accounts?: readonly AccountChange[] | undefined
  /**
   * States of accounts that a prune asked a relay for, saved as those of `accounts` are. An account whose state is not
   * {@link ClosedAccount.seen} any more is passed over: the feed has told something of it meanwhile.
   */
  readonly asked?: readonly AskedAccount[] | undefined
  /**
   * Accounts that a prune found to be gone, in one collection after the other. Their state is saved, their pairs in this
   * collection are removed, and those of all collections stay gone as those of a deleted account do. An account whose state
   * is not {@link ClosedAccount.seen} any more is passed over: the feed has told something of it meanwhile.
   */
  readonly closed?: ClosedPairs | undefined
  /** Pairs that are gone, proven. */
  readonly removed?: readonly FeedPair[] | undefined
  /** Pairs of which a record was written. */
  readonly added?: readonly FeedPair[] | undefined
  readonly lookedUp?: readonly LookedUpRepo[] | undefined
  /** The DIDs of repos to look up. One that is noted already gets a new note and keeps its place. */
  readonly toLookUp?: readonly string[] | undefined
  /**
   * What came before is missing in part: {@link FeedStore.followedSince} is now, on the store's clock, and what was gone
   * before this batch may come back, but for accounts whose status is `deleted`. Also set with the first batch of a feed.
   */
  readonly restarted?: boolean | undefined
  /** How many newcomers are kept, of all feeds. @default 1_000_000 */
  readonly keepNewcomers?: number | undefined
}

/** What a batch changed. */
export interface AppliedBatch {
  /** Pairs that were new to the index. */
  readonly added: number
  /** Pairs that were in the index and are not any more. */
  readonly removed: number
}

/** One page of the accounts. */
export interface FeedAccounts {
  /** By DID, in the order of their code points. */
  readonly accounts: readonly FeedAccount[]
  /** Where the next page begins. Absent on the last page, and only there. */
  readonly cursor?: string | undefined
}

/** A pair of one collection that a feed added, and that was new to the index then. */
export interface Newcomer {
  readonly did: string
  /** Its place among the newcomers of all collections. */
  readonly position: number
}

/** Some of the newcomers of a collection. */
export interface NewcomerPage {
  /** By position. A DID comes more than once if it was gone in between. */
  readonly newcomers: readonly Newcomer[]
  /** No other newcomer up to this position is left: the `after` of the next page, and the last one when it is `upTo`. */
  readonly readUpTo: number
}

/** Which newcomers. */
export interface NewcomersRequest {
  /** The last position that is known already; 0 for all that are kept. */
  readonly after: number
  /** Up to this position: {@link NewcomerPositions.latest}, read before the first page. */
  readonly upTo: number
  /** The most of them, 1 to 10,000. @default 500 */
  readonly limit?: number | undefined
  readonly signal?: AbortSignal | undefined
}

/**
 * Which newcomers are kept. A position is a whole number and only grows, across restarts and processes. When a reader
 * sees one, it sees all that come before it, so one who has read up to `latest` and asks for what came after it misses
 * none. A position is not below the store's clock in microseconds since 1970 when the pair was added: so none is given
 * twice where a database went back to a backup of it.
 */
export interface NewcomerPositions {
  /**
   * Which positions these are: letters, digits and hyphens that another database does not have, nor this one once its
   * tables were made anew.
   */
  readonly series: string
  /** The newest; 0 where there has been none. */
  readonly latest: number
  /** The newest that is not kept any more; 0 while all are. What came up to it can be read from the index alone. */
  readonly forgotten: number
}

/** @inline */
interface Abortable {
  readonly signal?: AbortSignal | undefined
}

/**
 * What a live feed keeps beside the pairs, in the same database: what it told to be gone, so that an older page of a
 * backfill does not bring it back; the accounts; the pairs that it added lately; and the repos that are to be looked up
 * at their hosts.
 *
 * A pair that was removed, and all pairs of a deleted account, stay gone: a sink on the same store leaves them out, and
 * does not count them as added, until a feed adds the pair again, or tells of the account that it is there again: then
 * the repo is noted to be looked up, since what it had is not known any more. That holds for pages and batches that are
 * written at the same moment, too. Pairs of accounts that are taken down, suspended
 * or deactivated stay in the index, since such accounts may come back with all they had: who reads the index for others
 * asks {@link FeedStore.accountsOf} for their states.
 */
export interface FeedStore {
  /** The database that this store writes to: see {@link IndexSink.database}. */
  readonly database?: object | undefined
  /**
   * Writes one batch, whole or not at all, durable when it resolves. With the transaction of a
   * {@link ProgressStore.advance}, whose `database` is the same, it is part of that and may be rolled back with it. The
   * same batch may come again, after a crash or a conflict: nothing is changed by that but notes and positions. DIDs and
   * NSIDs are valid ones.
   *
   * @throws ClaimLostError when a batch of this feed had a higher `epoch`; nothing is changed
   * @throws StoreUnavailableError when the database cannot be used at the moment
   */
  apply(batch: FeedBatch, context?: IndexContext): Promise<AppliedBatch>
  /**
   * Since when the feed is followed without a gap, on the store's clock: pages that were read before that moment may lack
   * what the gap took, so it is the `refreshBefore` of the next backfill. Absent before the first batch.
   */
  followedSince(feed: string, options?: Abortable): Promise<Date | undefined>
  /** All accounts that a feed, or another writer, told of: a page of them. */
  listAccounts(request?: IndexPageRequest): Promise<FeedAccounts>
  /** Those of these accounts that are known, in any order. At most 10,000 in one call. */
  accountsOf(dids: readonly string[], options?: Abortable): Promise<readonly FeedAccount[]>
  /** Which newcomers there are at the moment. */
  positions(options?: Abortable): Promise<NewcomerPositions>
  /** The newcomers of a collection that are still in the index: a page of them. */
  newcomers(collection: string, request: NewcomersRequest): Promise<NewcomerPage>
  /** The repos to look up that were noted first: 500 of them, or `limit`, which is 10,000 at most. */
  listToLookUp(
    options?: Abortable & { readonly limit?: number | undefined },
  ): Promise<readonly RepoToLookUp[]>
}
