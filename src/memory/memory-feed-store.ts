import type {
  AccountChange,
  AppliedBatch,
  ClosedAccount,
  FeedAccount,
  FeedBatch,
  FeedStore,
  LookedUpRepo,
} from '../contracts/feed-store.ts'
import { isAsSeen, newcomersKept } from '../util/feed-limits.ts'
import { pageLimit } from '../util/page-limit.ts'

/** What was told to be gone: a sink leaves it out. */
export interface GoneInMemory {
  has(collection: string, did: string): boolean
}

interface KeptNewcomer {
  readonly did: string
  readonly collection: string
  readonly position: number
}

/** What a feed keeps, in memory, beside the pairs of a `memoryIndexSink()`. */
export function memoryFeedStore(
  pairs: Map<string, Set<string>>,
): FeedStore & { readonly gone: GoneInMemory } {
  const gone = new Set<string>()
  const accounts = new Map<string, FeedAccount>()
  const since = new Map<string, Date>()
  const toLookUp = new Map<string, { readonly note: number }>()
  let newcomers: KeptNewcomer[] = []
  const series = crypto.randomUUID()
  let latest = 0
  let forgotten = 0
  let notes = 0
  const counts = { added: 0, removed: 0 }
  const keyOf = (collection: string, did: string) => `${did} ${collection}`

  const note = (did: string) => {
    notes += 1
    toLookUp.set(did, { note: notes })
  }
  /** What it had is not known any more, so it is looked up. */
  const bringBack = (did: string) => {
    if (gone.delete(keyOf('', did))) note(did)
  }
  /** What was gone before a gap may have come back in it. */
  const forgetGone = () => {
    for (const key of gone) {
      const [did = '', collection] = key.split(' ')
      if (collection !== '' || accounts.get(did)?.status !== 'deleted') gone.delete(key)
    }
  }
  const changeAccount = (change: AccountChange) => {
    accounts.set(change.did, changedAccount(accounts.get(change.did), change))
    if (change.active === true) bringBack(change.did)
    if (change.status !== 'deleted') return
    gone.add(keyOf('', change.did))
    for (const dids of pairs.values()) if (dids.delete(change.did)) counts.removed += 1
  }
  const close = (account: ClosedAccount, collection: string) => {
    const { did, status } = account
    if (!isAsSeen(account, accounts.get(did))) return
    accounts.set(did, changedAccount(accounts.get(did), { did, active: false, status }))
    gone.add(keyOf('', did))
    if (pairs.get(collection)?.delete(did)) counts.removed += 1
  }
  const remove = (collection: string, did: string) => {
    gone.add(keyOf(collection, did))
    if (pairs.get(collection)?.delete(did)) counts.removed += 1
  }
  const add = (collection: string, did: string) => {
    gone.delete(keyOf(collection, did))
    bringBack(did)
    const dids = pairs.get(collection) ?? new Set()
    pairs.set(collection, dids)
    if (dids.has(did)) return
    dids.add(did)
    counts.added += 1
    latest = Math.max(latest + 1, Date.now() * 1_000)
    newcomers.push({ did, collection, position: latest })
  }
  const look = ({ did, note, rev, collections }: LookedUpRepo) => {
    const isSame = collections === undefined || accounts.get(did)?.rev === rev
    if (toLookUp.get(did)?.note !== note || !isSame) return { gone: [], here: [] }
    toLookUp.delete(did)
    if (collections !== undefined && collections.length > 0) gone.delete(keyOf('', did))
    const held = collections === undefined ? [] : [...pairs].filter(([, dids]) => dids.has(did))
    const lost = held.filter(([collection]) => !collections?.includes(collection))
    const pairsOf = (names: readonly string[]) => names.map((collection) => ({ did, collection }))
    return { gone: pairsOf(lost.map(([collection]) => collection)), here: pairsOf(collections ?? []) }
  }
  const apply = (batch: FeedBatch): AppliedBatch => {
    Object.assign(counts, { added: 0, removed: 0 })
    if (batch.restarted === true) forgetGone()
    const looked = (batch.lookedUp ?? []).map(look)
    for (const change of batch.accounts ?? []) changeAccount(change)
    for (const { seen, ...change } of batch.asked ?? [])
      if (isAsSeen({ did: change.did, seen }, accounts.get(change.did))) changeAccount(change)
    for (const account of batch.closed?.accounts ?? []) close(account, batch.closed?.collection ?? '')
    const removed = [...looked.flatMap(({ gone: pairs }) => pairs), ...(batch.removed ?? [])]
    for (const { collection, did } of removed) remove(collection, did)
    const added = [...looked.flatMap(({ here }) => here), ...(batch.added ?? [])]
    for (const { collection, did } of added) add(collection, did)
    for (const did of batch.toLookUp ?? []) note(did)
    const excess = Math.max(0, newcomers.length - newcomersKept(batch))
    forgotten = newcomers[excess - 1]?.position ?? forgotten
    newcomers = newcomers.slice(excess)
    if (batch.restarted || !since.has(batch.feed)) since.set(batch.feed, new Date())
    return { ...counts }
  }

  return {
    gone: { has: (collection, did) => gone.has(keyOf(collection, did)) || gone.has(keyOf('', did)) },
    async apply(batch, { signal } = {}) {
      signal?.throwIfAborted()
      return apply(batch)
    },
    async followedSince(feed, { signal } = {}) {
      signal?.throwIfAborted()
      return since.get(feed)
    },
    async listAccounts(request = {}) {
      const limit = pageLimit(request)
      request.signal?.throwIfAborted()
      const after = request.cursor ?? ''
      const rest = [...accounts.keys()].filter((did) => did > after).sort()
      const page = rest.slice(0, limit)
      const found = page.flatMap((did) => accounts.get(did) ?? [])
      return rest.length > limit ? { accounts: found, cursor: page.at(-1) } : { accounts: found }
    },
    async accountsOf(dids, { signal } = {}) {
      signal?.throwIfAborted()
      return [...new Set(dids)].flatMap((did) => accounts.get(did) ?? [])
    },
    async positions({ signal } = {}) {
      signal?.throwIfAborted()
      return { series, latest, forgotten }
    },
    async newcomers(collection, request) {
      const limit = pageLimit(request)
      request.signal?.throwIfAborted()
      const { after, upTo } = request
      const all = newcomers.filter(({ position }) => position > after && position <= upTo)
      const scanned = all.filter((newcomer) => newcomer.collection === collection).slice(0, limit)
      const found = scanned.filter(({ did }) => pairs.get(collection)?.has(did))
      const readUpTo = scanned.length < limit ? upTo : (scanned.at(-1)?.position ?? upTo)
      return { newcomers: found.map(({ did, position }) => ({ did, position })), readUpTo }
    },
    async listToLookUp(request = {}) {
      const limit = pageLimit(request)
      request.signal?.throwIfAborted()
      const repos = [...toLookUp].slice(0, limit)
      return repos.map(([did, { note }]) => ({ did, note, ...revOf(accounts.get(did)) }))
    },
  }
}

function changedAccount(
  before: FeedAccount | undefined,
  { did, active, status, rev, head }: AccountChange,
): FeedAccount {
  const isNewer = rev !== undefined && rev >= (before?.rev ?? '')
  const state = active === undefined ? before : { active, status }
  const version = isNewer ? { rev, head } : before
  return {
    did,
    active: state?.active ?? true,
    ...(state?.status !== undefined && { status: state.status }),
    ...revOf(version),
    ...(version?.head !== undefined && { head: version.head }),
  }
}

function revOf(account: Pick<FeedAccount, 'rev'> | undefined): { rev?: string } {
  return account?.rev === undefined ? {} : { rev: account.rev }
}
