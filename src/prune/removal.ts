import { askStore, type IndexParts, indexPages } from '../run/index-reading.ts'
import { standingOf } from '../util/account-standing.ts'
import { digestSet } from '../verify/digest-set.ts'
import { type Listed, prunedCollections, type Unlisted } from './index-count.ts'
import type { LookUps } from './look-ups.ts'
import type { LookedUpTo, PruneClaim } from './prune-claim.ts'
import type { PruneSettings } from './prune-options.ts'
import type { InactiveStanding, PruneEvent, PruneSummary } from './prune-summary.ts'

interface RemovalParts extends IndexParts, PruneSettings {
  readonly signal: AbortSignal
  readonly listed: Listed
  readonly unlisted: Unlisted
  readonly lookUps: LookUps
  readonly claim: PruneClaim | undefined
  readonly summary: PruneSummary
}

/** Whether the pairs of accounts of a standing are removed. */
export function removes(
  standing: InactiveStanding,
  { removesDeactivated, removesSuspended }: Pick<PruneSettings, 'removesDeactivated' | 'removesSuspended'>,
): boolean {
  if (standing === 'deactivated') return removesDeactivated
  if (standing === 'suspended') return removesSuspended
  return standing === 'deleted' || standing === 'takendown'
}

/**
 * Walks the index, and removes from each page what is gone: by the relay's list, or by what it says of an account when it
 * is asked. An account is asked for once, where it comes first; a prune that goes on asks for none before the place that
 * is saved.
 */
export async function* removeGone(parts: RemovalParts): AsyncGenerator<PruneEvent, void, void> {
  const { relay, index, summary, claim, signal } = parts
  const sort = createSorter(parts)
  for await (const collection of prunedCollections(parts.collections, parts)) {
    for await (const dids of indexPages(collection, parts)) {
      const { gone, asked } = await sort(collection, dids)
      if (gone.length > 0) {
        const { removed = 0 } =
          (await askStore(async () => index.remove?.(collection, gone, { signal }), parts)) ?? {}
        summary.removed += removed
        yield { type: 'removed', relay, collection, dids: gone, removed }
      }
      const last = dids.at(-1)
      if (asked > 0 && last !== undefined) await claim?.save({ collection, did: last })
    }
  }
}

/** Tells which DIDs of a page are gone, and how many accounts it asked for. */
function createSorter({ listed, unlisted, lookUps, claim, summary, ...settings }: RemovalParts) {
  const found = digestSet()

  /** Whether the account is still to be asked for; one that is found to be gone is told to `gone`. */
  function isToAsk(did: string, isPassed: boolean, gone: string[]): boolean {
    const digested = listed.digest(did)
    const known = listed.standings.of(digested)
    if (known !== undefined) {
      if (removes(known.standing, settings)) gone.push(did)
      return false
    }
    if (!settings.looksUp || listed.names.has(digested) !== 'unlisted') return false
    if (found.has(digested)) gone.push(did)
    else if (!isPassed) {
      const seen = unlisted.accounts.mark(digested)
      // One that came after the index was counted is one that the list could not name.
      return seen === 'first' || (seen === 'absent' && unlisted.isCut)
    }
    return false
  }

  return async (collection: string, dids: readonly string[]) => {
    const gone: string[] = []
    const asked = dids.filter((did) => isToAsk(did, isPassed({ collection, did }, claim?.lookedUpTo), gone))
    const told = await lookUps.ask(asked)
    summary.unlisted.lookedUp += told.size
    for (const [did, account] of told) {
      if (account === undefined) summary.unlisted.notFound += 1
      const standing = account === undefined ? undefined : standingOf(account)
      const isGone =
        standing === undefined
          ? settings.removesNotFound
          : standing !== 'active' && removes(standing, settings)
      if (!isGone) continue
      summary.unlisted.gone += 1
      found.add(listed.digest(did))
      gone.push(did)
    }
    return { gone, asked: asked.length }
  }
}

/** Whether a place in the index comes up to where accounts were looked up before. */
function isPassed(at: LookedUpTo, upTo: LookedUpTo | undefined): boolean {
  if (upTo === undefined || at.collection !== upTo.collection)
    return upTo !== undefined && at.collection < upTo.collection
  return at.did <= upTo.did
}
