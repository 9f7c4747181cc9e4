import type { InactiveStanding } from '../util/account-standing.ts'

/** The accounts of one standing. */
export interface StandingCounts {
  /** How many accounts the relay's list says it of. */
  accounts: number
  /** How many of these the index holds. */
  held: number
  /** The pairs of these in the index. */
  pairs: number
}

/** The accounts that the index holds and the relay's list does not name, or names both as active and as not. */
export interface UnlistedCounts {
  accounts: number
  /** The pairs of these in the index. */
  pairs: number
  /** How many were looked up so far. */
  lookedUp: number
  /** How many of these are gone, as the relay says: their pairs are removed. `notFound` is apart. */
  gone: number
  /** How many of these the relay does not know. */
  notFound: number
}

/**
 * What a prune has found and done so far. What was found is complete with the `report` event, and what was done at the
 * end.
 */
export interface PruneSummary {
  /** {@link AccountLister.relay} */
  relay: string
  /** Accounts that the relay listed, repeats included. */
  listed: number
  /** Pairs that the index held when they were counted. */
  pairs: number
  /** Accounts that the relay calls inactive, by what it says of them. */
  inactive: Record<InactiveStanding, StandingCounts>
  unlisted: UnlistedCounts
  /**
   * Pairs of which it is not known whether the relay lists their accounts, for want of memory: they are kept. The next
   * prune leaves out others.
   */
  unknownPairs: number
  /** The pairs that may be removed: those of accounts that are gone, and of those that are to be looked up. */
  mayRemove: number
  /** Pairs that were removed. */
  removed: number
  /** Accounts whose state was saved in `store.feed`: those that are to be marked, and those that came back. */
  marked: number
  /** Accounts that came back while the prune ran, and keep their pairs. */
  cameBack: number
  /**
   * `pruned`: to the end. `declined`: nothing was removed, since `confirm` said so. `reported`: nothing was to be removed,
   * with `dryRun`. `elsewhere`: another process has pruned by this relay meanwhile. `stopped`: it was left or has not
   * ended yet.
   */
  outcome: 'pruned' | 'declined' | 'reported' | 'elsewhere' | 'stopped'
  durationMs: number
}

export function emptyPruneSummary(relay: string): PruneSummary {
  const none = () => ({ accounts: 0, held: 0, pairs: 0 })
  return {
    relay,
    listed: 0,
    pairs: 0,
    inactive: {
      deleted: none(),
      takendown: none(),
      suspended: none(),
      deactivated: none(),
      inactive: none(),
    },
    unlisted: { accounts: 0, pairs: 0, lookedUp: 0, gone: 0, notFound: 0 },
    unknownPairs: 0,
    mayRemove: 0,
    removed: 0,
    marked: 0,
    cameBack: 0,
    outcome: 'stopped',
    durationMs: 0,
  }
}

/** What a prune tells on its way. */
export type PruneEvent =
  | {
      /** A page of the relay's list was read. */
      type: 'listed'
      relay: string
      /** Accounts listed so far. */
      listed: number
    }
  | {
      /** The pairs of one collection were counted. */
      type: 'counted'
      relay: string
      collection: string
      /** Pairs of this collection. */
      pairs: number
    }
  | {
      /** Everything that may be removed was counted, and nothing is removed yet. Leave the loop to leave it so. */
      type: 'report'
      relay: string
      report: PruneSummary
    }
  | {
      /** Pairs of one collection were removed; it is durable. */
      type: 'removed'
      relay: string
      collection: string
      /** Accounts that are gone, and were in the collection. */
      dids: readonly string[]
      removed: number
    }
