import { isValidNsid } from '@atproto/syntax'
import type { AccountLister } from '../contracts/account-lister.ts'
import type { BackfillListener } from '../contracts/events.ts'
import type { FeedStore } from '../contracts/feed-store.ts'
import type { ProgressStore } from '../contracts/progress-store.ts'
import type { RepoIndex } from '../contracts/repo-index.ts'
import { InvalidOptionError } from '../errors.ts'
import { relayAccounts } from '../relay/relay-accounts.ts'
import { warnOnce } from '../run/warnings.ts'
import type { InactiveStanding } from '../util/account-standing.ts'
import { type RetryPolicy, retryPolicy } from '../util/retry.ts'
import { mustHave, type OptionNames, refuseUnknown, wholeNumber } from '../util/validate-options.ts'
import type { PruneSummary } from './prune-summary.ts'

/** Where a prune reads and removes. */
export interface PruneStore {
  /** With `remove`, and with `listCollections` unless the collections are given. */
  readonly index: RepoIndex
  /** Where it is kept how far the look-ups are, and that one process prunes at a time. Absent: neither is kept. */
  readonly progress?: ProgressStore | undefined
  /**
   * What a live feed keeps beside the pairs. With it, an account that came back meanwhile keeps its pairs, no page of a
   * backfill brings back what was removed, and accounts can be marked.
   */
  readonly feed?: FeedStore | undefined
}

/**
 * What becomes of an account that is not active for a while: `keep` leaves it as it is, `mark` saves its state in
 * `store.feed` and keeps its pairs, `remove` removes them.
 */
export type AccountFate = 'keep' | 'mark' | 'remove'

/** What to remove from which index, by whose word. */
export interface PruneOptions {
  /** The relay that knows the accounts: a host, an http or https URL, or an {@link AccountLister}. */
  relay: string | AccountLister
  /** The index, and what is beside it: a store such as `await openPostgres(url)`. */
  store: PruneStore
  /** What becomes of accounts that are deactivated. @default 'keep' */
  deactivated?: AccountFate | undefined
  /** What becomes of accounts that are suspended. @default 'keep' */
  suspended?: AccountFate | undefined
  /**
   * What becomes of accounts that the relay's list does not name: `'lookUp'` asks the relay for each, one by one, and
   * removes those that it says to be gone.
   *
   * @default 'lookUp'
   */
  unlisted?: 'lookUp' | 'keep' | undefined
  /**
   * What becomes of accounts that the relay does not know when it is asked for them one by one. A relay that never saw an
   * account says the same as one that has forgotten it.
   *
   * @default 'keep'
   */
  notFound?: 'keep' | 'remove' | undefined
  /**
   * The share of the index's pairs, from 0 to 1, that may be removed without asking: pairs of accounts that are gone, and
   * of those that the list does not name. Where it would be more, `confirm` is asked.
   *
   * @default 0.05
   */
  maxShare?: number | undefined
  /**
   * Asked when more may be removed than `maxShare` allows, before anything is.
   *
   * @returns whether to go on
   * @default none: then it is an error, `PRUNE_REFUSED`
   */
  confirm?: ((report: PruneSummary) => boolean | Promise<boolean>) | undefined
  /** Count and report, and remove nothing. @default false */
  dryRun?: boolean | undefined
  /** The collections, by their NSIDs. @default those that the index holds */
  collections?: readonly string[] | undefined
  /**
   * The most memory that the names on the relay's list may take, in bytes: 4 to 5 for each account. What does not fit is
   * kept, and told as `unknownPairs`.
   *
   * @default 268_435_456 (256 MiB: 50 million accounts)
   */
  memoryBytes?: number | undefined
  /** How many accounts are looked up at the same time. @default 8 */
  concurrency?: number | undefined
  /** How one request is tried again before the prune ends with its error. */
  retry?: Partial<RetryPolicy> | undefined
  /** How long a silent process keeps the right to prune, in milliseconds. @default 60_000 */
  leaseMs?: number | undefined
  /** Stops the prune, with the signal's own reason. */
  signal?: AbortSignal | undefined
  /**
   * Gets the events of a backfill that occur here too: `retry`, `paused`, `waiting`, `storeUnavailable`,
   * `storeAvailable`.
   */
  onEvent?: BackfillListener | undefined
}

/** What becomes of the accounts of each standing. */
export type Fates = Readonly<Record<InactiveStanding, AccountFate>>

/** The options of a prune with nothing left open. */
export interface PruneSettings {
  readonly accounts: AccountLister
  readonly store: PruneStore
  readonly fates: Fates
  readonly looksUp: boolean
  readonly removesNotFound: boolean
  readonly maxShare: number
  readonly confirm: PruneOptions['confirm']
  readonly dryRun: boolean
  readonly collections: readonly string[] | undefined
  readonly memoryBytes: number
  readonly concurrency: number
  readonly retry: RetryPolicy
  readonly leaseMs: number
  readonly signal: AbortSignal | undefined
  readonly onEvent: BackfillListener
}

const OPTIONS: OptionNames<PruneOptions> = {
  relay: true,
  store: true,
  deactivated: true,
  suspended: true,
  unlisted: true,
  notFound: true,
  maxShare: true,
  confirm: true,
  dryRun: true,
  collections: true,
  memoryBytes: true,
  concurrency: true,
  retry: true,
  leaseMs: true,
  signal: true,
  onEvent: true,
}

const MEANT = { lister: 'relay', index: 'store', yes: 'maxShare', maxPercent: 'maxShare' } as const

/** @throws InvalidOptionError for the first option that cannot be used */
export function pruneSettingsOf(options: PruneOptions): PruneSettings {
  refuseUnknown(options, OPTIONS, { meant: MEANT })
  const { confirm, maxShare = 0.05, signal, onEvent = warnOnce() } = options
  if (!(maxShare >= 0 && maxShare <= 1))
    throw new InvalidOptionError('maxShare', 'a number from 0 to 1', maxShare)
  if (confirm !== undefined && typeof confirm !== 'function')
    throw new InvalidOptionError('confirm', 'a function', confirm)
  const store = storeOf(options)
  return {
    accounts: accountsOf(options.relay),
    store,
    fates: {
      deleted: 'remove',
      takendown: 'remove',
      suspended: fateOf('suspended', options),
      deactivated: fateOf('deactivated', options),
      inactive: 'keep',
    },
    looksUp: !isSecond('unlisted', options.unlisted, ['lookUp', 'keep']),
    removesNotFound: isSecond('notFound', options.notFound, ['keep', 'remove']),
    maxShare,
    confirm,
    dryRun: options.dryRun ?? false,
    collections: options.collections,
    memoryBytes: wholeNumber('memoryBytes', options.memoryBytes ?? 268_435_456, 1),
    concurrency: wholeNumber('concurrency', options.concurrency ?? 8, 1),
    retry: retryPolicy(options.retry),
    leaseMs: wholeNumber('leaseMs', options.leaseMs ?? 60_000, 100),
    signal,
    onEvent,
  }
}

function accountsOf(relay: string | AccountLister): AccountLister {
  if (typeof relay === 'string') return relayAccounts(relay)
  mustHave(
    'relay',
    relay,
    'listAccounts',
    "a host, or an AccountLister such as relayAccounts('relay.example')",
  )
  return relay
}

function storeOf({ store, collections }: PruneOptions): PruneStore {
  mustHave('store', store, 'index', 'a store with an index such as await openPostgres(url)')
  const { index, progress, feed } = store
  mustHave('store.index', index, 'listRepos', 'a RepoIndex')
  mustHave('store.index', index, 'remove', 'a RepoIndex with remove')
  if (progress !== undefined) mustHave('store.progress', progress, 'claim', 'a ProgressStore')
  if (feed !== undefined) mustHave('store.feed', feed, 'apply', 'a FeedStore')
  const isList = Array.isArray(collections) && collections.every((nsid) => isValidNsid(nsid))
  if (!isList && !(collections === undefined && index.listCollections !== undefined))
    throw new InvalidOptionError('collections', 'a list of NSIDs such as app.bsky.feed.post', collections)
  return store
}

const FATES: readonly unknown[] = ['keep', 'mark', 'remove'] satisfies AccountFate[]

function fateOf(standing: 'suspended' | 'deactivated', options: PruneOptions): AccountFate {
  const fate = options[standing] ?? 'keep'
  if (!FATES.includes(fate)) throw new InvalidOptionError(standing, "'keep', 'mark' or 'remove'", fate)
  if (fate === 'mark' && options.store.feed === undefined)
    throw new InvalidOptionError(
      'store.feed',
      `a FeedStore, to mark accounts that are ${standing}`,
      undefined,
    )
  return fate
}

/** Whether the second of two words is given; the first one is the default. */
function isSecond(option: string, given: unknown, [first, second]: readonly [string, string]): boolean {
  if (given !== undefined && given !== first && given !== second)
    throw new InvalidOptionError(option, `'${first}' or '${second}'`, given)
  return given === second
}
