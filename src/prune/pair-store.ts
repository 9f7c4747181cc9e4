import type { ClosedAccount, FeedAccount, FeedStore } from '../contracts/feed-store.ts'
import { askStore, type IndexParts } from '../run/index-reading.ts'
import { standingOf } from '../util/account-standing.ts'
import { workScope } from '../util/scopes.ts'
import type { LookUps } from './look-ups.ts'
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
  /** Opens those of these accounts, which the relay lists as active, that were closed or marked before. */
  reopen(dids: readonly string[]): Promise<void>
}

interface StoreParts extends IndexParts, Pick<PruneSettings, 'store' | 'fates'> {
  readonly lookUps: LookUps
  readonly summary: PruneSummary
}

export function createPairStore(parts: StoreParts): PairStore {
  const { feed } = parts.store
  return feed === undefined ? plainStore(parts) : besideFeed(feed, parts)
}

function plainStore(parts: StoreParts): PairStore {
  const { index, signal } = parts
  return {
    async remove(collection, accounts) {
      const dids = accounts.map(({ did }) => did)
      const done = await askStore(async () => index.remove?.(collection, dids, { signal }), parts)
      return done?.removed ?? 0
    },
    async mark() {},
    async reopen() {},
  }
}

/**
 * Where the feed calls an account active that the relay's list calls gone, one of the two is old. So the relay is asked
 * once more, after the state here was read; and the state is changed only if it is still the same by then.
 */
function besideFeed(feed: FeedStore, parts: StoreParts): PairStore {
  const { relay, signal, lookUps, summary } = parts
  const scope = workScope('prune', relay)

  async function storedOf(dids: readonly string[]): Promise<ReadonlyMap<string, FeedAccount>> {
    const found = await askStore(() => feed.accountsOf(dids, { signal }), parts)
    return new Map(found.map((account) => [account.did, account]))
  }

  /** Without the accounts that the feed calls active and the relay, asked for them now, calls so too. */
  async function stillInactive(
    accounts: readonly InactiveAccount[],
    stored: ReadonlyMap<string, FeedAccount>,
  ): Promise<readonly InactiveAccount[]> {
    const doubtful = accounts.filter(({ did }) => stored.get(did)?.active === true).map(({ did }) => did)
    if (doubtful.length === 0) return accounts
    const told = await lookUps.ask(doubtful)
    const isStill = ({ did }: InactiveAccount) => {
      if (stored.get(did)?.active !== true) return true
      const account = told.get(did)
      return account !== undefined && standingOf(account) !== 'active'
    }
    const still = accounts.filter(isStill)
    summary.cameBack += accounts.length - still.length
    return still
  }

  return {
    async remove(collection, accounts) {
      const stored = await storedOf(accounts.map(({ did }) => did))
      const gone = await stillInactive(accounts, stored)
      if (gone.length === 0) return 0
      const closed = gone.map(({ did, status }): ClosedAccount => {
        const seen = stored.get(did)
        return { did, status, seen: seen && { active: seen.active, status: seen.status } }
      })
      const batch = { feed: scope, closed: { collection, accounts: closed } }
      return (await askStore(() => feed.apply(batch, { signal }), parts)).removed
    },
    async mark(accounts) {
      const stored = await storedOf(accounts.map(({ did }) => did))
      const isNews = ({ did, status }: InactiveAccount) => {
        const known = stored.get(did)
        return known === undefined || known.active || known.status !== status
      }
      const inactive = await stillInactive(accounts.filter(isNews), stored)
      if (inactive.length === 0) return
      const changes = inactive.map(({ did, status }) => ({ did, active: false, status }))
      await askStore(() => feed.apply({ feed: scope, accounts: changes }, { signal }), parts)
      summary.marked += changes.length
    },
    async reopen(dids) {
      const stored = await storedOf(dids)
      const closed = [...stored.values()].filter(({ active }) => !active).map(({ did }) => did)
      if (closed.length === 0) return
      const told = await lookUps.ask(closed)
      const active = closed.filter((did) => told.get(did)?.active === true)
      if (active.length === 0) return
      const changes = active.map((did) => ({ did, active: true }))
      await askStore(() => feed.apply({ feed: scope, accounts: changes }, { signal }), parts)
      summary.marked += active.length
    },
  }
}
