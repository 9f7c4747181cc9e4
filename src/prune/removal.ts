import { askStore, type IndexParts, indexPages } from '../run/index-reading.ts'
import { type AccountStanding, standingOf } from '../util/account-standing.ts'
import { workKindOf } from '../util/scopes.ts'
import { type Digest, type DigestSet, digestSet } from '../verify/digest-set.ts'
import { type Listed, listedAs, prunedCollections, type Unlisted } from './index-count.ts'
import type { LookUps } from './look-ups.ts'
import type { InactiveAccount, PairStore } from './pair-store.ts'
import type { LookedUpTo, PruneClaim } from './prune-claim.ts'
import type { PruneSettings } from './prune-options.ts'
import type { PruneEvent, PruneSummary } from './prune-summary.ts'

interface RemovalParts extends IndexParts, PruneSettings {
  readonly signal: AbortSignal
  readonly listed: Listed
  readonly unlisted: Unlisted
  readonly lookUps: LookUps
  readonly pairStore: PairStore
  readonly claim: PruneClaim | undefined
  readonly summary: PruneSummary
}

/**
 * Walks the index, and removes from each page what is gone: by the relay's list, or by what it says of an account when it
 * is asked. An account is asked for once, where it comes first; a prune that goes on asks for none before the place that
 * is saved.
 *
 * An account that the list calls gone is asked for as well where the list is old by then, and no feed would have told that
 * it came back since: {@link trustsList}.
 */
export async function* removeGone(parts: RemovalParts): AsyncGenerator<PruneEvent, void, void> {
  const { relay, pairStore, summary, claim } = parts
  if (summary.mayRemove === 0 && !Object.values(parts.fates).includes('mark')) return
  const sort = createSorter(parts)
  for await (const collection of prunedCollections(parts.collections, parts)) {
    for await (const dids of indexPages(collection, parts)) {
      const { gone, marked, asked } = await sort(collection, dids)
      if (marked.length > 0) await pairStore.mark(marked)
      if (gone.length > 0) {
        const removed = await pairStore.remove(collection, gone)
        summary.removed += removed
        yield { type: 'removed', relay, collection, dids: gone.map(({ did }) => did), removed }
      }
      const last = dids.at(-1)
      if (asked > 0 && last !== undefined) await claim?.save({ collection, did: last })
    }
  }
}

/** The words for a state that is saved; of others, none is. */
const STATUSES = ['deleted', 'takendown', 'suspended', 'deactivated'] satisfies Verdict[]

/** What becomes of the accounts on a page of the index. */
interface SortedPage {
  readonly gone: InactiveAccount[]
  readonly marked: InactiveAccount[]
  /** How many accounts were asked for. */
  asked: number
}

/** What the relay may say of an account that it is asked for. `notFound`: that it does not know it. */
type Verdict = AccountStanding | 'notFound'

/**
 * How long the list's word counts from when its reading began, in milliseconds on the wall clock: a computer that slept, a
 * question that waited overnight and a relay that paused make it old. The list of 40 million accounts is read in 70 minutes.
 */
const LIST_COUNTS_MS = 2 * 3_600_000

/**
 * Whether what the list calls gone goes without being asked for: while the list is young, or where a process follows a live
 * feed with this store and has missed nothing since the list's reading began.
 */
async function trustsList({ listed, store, ...parts }: RemovalParts): Promise<boolean> {
  if (Date.now() - listed.begunAt <= LIST_COUNTS_MS) return true
  const { feed, progress } = store
  if (feed === undefined || progress === undefined) return false
  const rows = await askStore(() => progress.list(), parts)
  for (const { relay: name, state } of rows) {
    // A Jetstream may be asked for some accounts alone, and tells nothing of the others.
    if (workKindOf(name) !== 'feed' || state !== 'running' || name.includes('wantedDids=')) continue
    const since = await askStore(() => feed.followedSince(name, { signal: parts.signal }), parts)
    if (since !== undefined && since.getTime() <= listed.begunAt) return true
  }
  return false
}

/** Tells what becomes of the accounts on a page. */
function createSorter(parts: RemovalParts) {
  const { listed, unlisted, lookUps, claim, summary, looksUp, removesNotFound } = parts
  const fates = { ...parts.fates, active: 'keep', notFound: removesNotFound ? 'remove' : 'keep' } as const
  const verdicts = createVerdicts()

  function put(did: string, verdict: Verdict, page: SortedPage): void {
    const status = STATUSES.find((word) => word === verdict)
    if (fates[verdict] === 'remove') page.gone.push({ did, status })
    if (fates[verdict] === 'mark') page.marked.push({ did, status })
  }

  function countUnlisted(verdict: Verdict): void {
    summary.unlisted.lookedUp += 1
    if (verdict === 'notFound') summary.unlisted.notFound += 1
    else if (fates[verdict] === 'remove') summary.unlisted.gone += 1
  }

  /** What is known of an account, or that it is to be asked for; nothing where it keeps its pairs. */
  function lookAt(place: LookedUpTo): Verdict | 'ask' | { readonly doubtful: Verdict } | undefined {
    const digested = listed.digest(place.did)
    const said = listedAs(listed, digested)
    if (typeof said === 'object') {
      if (fates[said.standing] !== 'remove') return said.standing
      return verdicts.of(digested) ?? { doubtful: said.standing }
    }
    if (!looksUp || said !== 'unlisted') return undefined
    const verdict = verdicts.of(digested)
    if (verdict !== undefined || isPassed(place, claim?.lookedUpTo)) return verdict
    const seen = unlisted.accounts.mark(digested)
    // One that came after the index was counted is one that the list could not name.
    return seen === 'first' || (seen === 'absent' && unlisted.isCut) ? 'ask' : undefined
  }

  function decide(did: string, verdict: Verdict, page: SortedPage): void {
    verdicts.note(listed.digest(did), verdict)
    put(did, verdict, page)
  }

  /** Asks for accounts that the list calls gone. */
  async function confirm(doubtful: ReadonlyMap<string, Verdict>, page: SortedPage): Promise<void> {
    for (const [did, account] of await lookUps.ask([...doubtful.keys()])) {
      // A relay that has forgotten an account it lists as gone does not contradict its list.
      const verdict = account === undefined ? (doubtful.get(did) ?? 'notFound') : standingOf(account)
      if (verdict === 'active') summary.cameBack += 1
      decide(did, verdict, page)
    }
  }

  return async (collection: string, dids: readonly string[]): Promise<SortedPage> => {
    const page: SortedPage = { gone: [], marked: [], asked: 0 }
    const toAsk: string[] = []
    const doubtful = new Map<string, Verdict>()
    for (const did of dids) {
      const found = lookAt({ collection, did })
      if (found === 'ask') toAsk.push(did)
      else if (typeof found === 'object') doubtful.set(did, found.doubtful)
      else if (found !== undefined) put(did, found, page)
    }
    page.asked = toAsk.length
    for (const [did, account] of await lookUps.ask(toAsk)) {
      const verdict = account === undefined ? 'notFound' : standingOf(account)
      countUnlisted(verdict)
      decide(did, verdict, page)
    }
    // After the look-ups, which may take hours.
    if (doubtful.size > 0 && (await trustsList(parts)))
      for (const [did, said] of doubtful) put(did, said, page)
    else await confirm(doubtful, page)
    return page
  }
}

/** What was said of accounts that were asked for, eight bytes for each and a third more at most. */
function createVerdicts() {
  const sets = new Map<Verdict, DigestSet>()
  return {
    note(digest: Digest, verdict: Verdict): void {
      const set = sets.get(verdict) ?? digestSet()
      sets.set(verdict, set)
      set.add(digest)
    },
    of(digest: Digest): Verdict | undefined {
      for (const [verdict, set] of sets) if (set.has(digest)) return verdict
      return undefined
    },
  }
}

/** Whether a place in the index comes up to where accounts were looked up before. */
function isPassed(at: LookedUpTo, upTo: LookedUpTo | undefined): boolean {
  if (upTo === undefined || at.collection !== upTo.collection)
    return upTo !== undefined && at.collection < upTo.collection
  return at.did <= upTo.did
}
