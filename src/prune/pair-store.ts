import type { RelayAccount } from '../contracts/account-lister.ts'
import type { AskedAccount, ClosedAccount, FeedAccount, FeedStore } from '../contracts/feed-store.ts'
import { askStore, INDEX_PAGE, type IndexParts } from '../run/index-reading.ts'
import { standingOf } from '../util/account-standing.ts'
import { workScope } from '../util/scopes.ts'
import type { LookUps } from './look-ups.ts'
import type { PruneClaim } from './prune-claim.ts'
import type { PruneSettings } from './prune-options.ts'
import type { PruneSummary } from './prune-summary.ts'

/** An account that is not active, and why, in atproto's word where there is one. */
export interface InactiveAccount {
  readonly did: string
  readonly status?: string | undefined
}

/** The writing part of a prune. Beside a live feed, it does not go by an older word than the feed's. */
export interface PairStore {
  /**
   * Removes accounts that are gone from a collection.
   *
   * @returns how many pairs it removed
   */
  remove(collection: string, accounts: readonly InactiveAccount[]): Promise<number>
  /** Saves the states of accounts that keep their pairs. */
  mark(accounts: readonly InactiveAccount[]): Promise<void>
  /** Opens the accounts that were closed or marked before, are on the relay's list as active, and are so when it is asked. */
  reopen(isListed: (did: string) => boolean): Promise<void>
}

interface StoreParts extends IndexParts, Pick<PruneSettings, 'store'> {
  readonly claim: PruneClaim | undefined
  readonly lookUps: LookUps
  readonly summary: PruneSummary
}

export function createPairStore(parts: StoreParts): PairStore {
  const { feed } = parts.store
  return feed === undefined ? plainStore(parts) : besideFeed(feed, parts)
}

function plainStore(parts: StoreParts): PairStore {
  const { index, signal } = parts
  const write = writerOf(parts)
  return {
    async remove(collection, accounts) {
      const dids = accounts.map(({ did }) => did)
      const done = await write(async () => index.remove?.(collection, dids, { signal }))
      return done?.removed ?? 0
    },
    async mark() {},
    async reopen() {},
  }
}

/** What was read before the right to prune was lost is too old to write by, also where the store was waited for. */
function writerOf(parts: StoreParts) {
  return <T>(write: () => Promise<T>): Promise<T> =>
    askStore(async () => {
      parts.claim?.mustBeHeld()
      return write()
    }, parts)
}

/**
 * Where the feed calls an account active that the relay's list calls gone, one of the two is old. So the relay is asked
 * once more, after the state here was read; and the state is changed only if it is still the same by then.
 */
function besideFeed(feed: FeedStore, parts: StoreParts): PairStore {
  const { relay, signal, lookUps, summary } = parts
  const scope = workScope('prune', relay)
  const write = writerOf(parts)
  /** Accounts that were asked for once more, and stay as they are. */
  const kept = new Set<string>()

  async function storedOf(dids: readonly string[]): Promise<ReadonlyMap<string, FeedAccount>> {
    const found = await askStore(() => feed.accountsOf(dids, { signal }), parts)
    return new Map(found.map((account) => [account.did, account]))
  }

  /** Without the doubtful accounts of which the relay, asked for them now, does not say that they are inactive as given. */
  async function withoutDoubt(
    accounts: readonly InactiveAccount[],
    isDoubtful: (account: InactiveAccount) => boolean,
    isSaid: (account: InactiveAccount, told: RelayAccount) => boolean,
  ): Promise<readonly InactiveAccount[]> {
    const left = accounts.filter(({ did }) => !kept.has(did))
    const doubtful = left.filter(isDoubtful)
    if (doubtful.length === 0) return left
    const told = await lookUps.ask(doubtful.map(({ did }) => did))
    for (const account of doubtful) {
      const answer = told.get(account.did)
      if (answer !== undefined && isSaid(account, answer)) continue
      kept.add(account.did)
      if (answer !== undefined && standingOf(answer) === 'active') summary.cameBack += 1
    }
    return left.filter(({ did }) => !kept.has(did))
  }

  /** Saves states, where the feed has told nothing since they were read here. */
  async function save(
    accounts: readonly Omit<AskedAccount, 'seen'>[],
    stored: ReadonlyMap<string, FeedAccount>,
  ): Promise<void> {
    if (accounts.length === 0) return
    const asked = accounts.map((account) => ({ ...account, seen: seenOf(stored.get(account.did)) }))
    await write(() => feed.apply({ feed: scope, asked }, { signal }))
    summary.marked += asked.length
  }

  return {
    async remove(collection, accounts) {
      const stored = await storedOf(accounts.map(({ did }) => did))
      const gone = await withoutDoubt(
        accounts,
        ({ did }) => stored.get(did)?.active === true,
        (_, told) => standingOf(told) !== 'active',
      )
      if (gone.length === 0) return 0
      const closed = gone.map(
        ({ did, status }): ClosedAccount => ({ did, status, seen: seenOf(stored.get(did)) }),
      )
      const batch = { feed: scope, closed: { collection, accounts: closed } }
      return (await write(() => feed.apply(batch, { signal }))).removed
    },
    async mark(accounts) {
      const stored = await storedOf(accounts.map(({ did }) => did))
      const isNews = ({ did, status }: InactiveAccount) => {
        const known = stored.get(did)
        return known === undefined || known.active || known.status !== status
      }
      // Of two words that differ, which one is newer is not known.
      const inactive = await withoutDoubt(
        accounts.filter(isNews),
        ({ did }) => stored.has(did),
        ({ status }, told) => standingOf(told) === status,
      )
      await save(
        inactive.map(({ did, status }) => ({ did, active: false, status })),
        stored,
      )
    },
    async reopen(isListed) {
      let cursor: string | undefined
      do {
        const request = { cursor, limit: INDEX_PAGE, signal }
        const page = await askStore(() => feed.listAccounts(request), parts)
        const closed = page.accounts.filter(({ did, active }) => !active && isListed(did))
        const told = await lookUps.ask(closed.map(({ did }) => did))
        const back = closed.filter(({ did }) => told.get(did)?.active === true)
        const stored = new Map(closed.map((account) => [account.did, account]))
        await save(
          back.map(({ did }) => ({ did, active: true })),
          stored,
        )
        cursor = page.cursor
      } while (cursor !== undefined)
    },
  }
}

function seenOf(account: FeedAccount | undefined): ClosedAccount['seen'] {
  return account && { active: account.active, status: account.status }
}
