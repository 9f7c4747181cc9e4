import type {
  AccountChange,
  AppliedBatch,
  ClosedAccount,
  FeedAccount,
  FeedBatch,
  FeedPair,
  LookedUpRepo,
} from '../contracts/feed-store.ts'
import { isAsSeen, mustFollow, newcomersKept } from '../util/feed-rules.ts'

interface KeptNewcomer extends FeedPair {
  readonly position: number
}

/** What a feed has told, in memory. Changed by {@link applyToMemory} alone. */
export interface FeedMemory {
  /** By collection. */
  readonly pairs: Map<string, Set<string>>
  /** Pairs and accounts that are gone, by {@link goneKey}. */
  readonly gone: Set<string>
  readonly accounts: Map<string, FeedAccount>
  /** Since when each feed is followed without a gap, and the highest epoch of its batches. */
  readonly followed: Map<string, { readonly since: Date; readonly epoch: number }>
  /** The note of each repo, and when it is due. */
  readonly toLookUp: Map<string, { readonly note: number; readonly dueAt: number }>
  newcomers: KeptNewcomer[]
  latest: number
  forgotten: number
  notes: number
}

export function feedMemory(pairs: Map<string, Set<string>>): FeedMemory {
  return {
    pairs,
    gone: new Set(),
    accounts: new Map(),
    followed: new Map(),
    toLookUp: new Map(),
    newcomers: [],
    latest: 0,
    forgotten: 0,
    notes: 0,
  }
}

/** Of a pair; of a whole account, with `''` as its collection. */
export function goneKey(collection: string, did: string): string {
  return `${did} ${collection}`
}

export function applyToMemory(memory: FeedMemory, batch: FeedBatch): AppliedBatch {
  const { accounts, followed } = memory
  const before = followed.get(batch.feed)
  mustFollow(batch, before?.epoch)
  if (batch.restarted === true) forgetGone(memory)
  const looked = (batch.lookedUp ?? []).map((repo) => endLook(memory, repo))
  let removed = 0
  for (const change of batch.accounts ?? []) removed += changeAccount(memory, change)
  for (const { seen, ...change } of batch.asked ?? [])
    if (isAsSeen({ did: change.did, seen }, accounts.get(change.did)))
      removed += changeAccount(memory, change)
  for (const account of batch.closed?.accounts ?? [])
    removed += close(memory, account, batch.closed?.collection ?? '')
  for (const pair of [...looked.flatMap(({ gone }) => gone), ...(batch.removed ?? [])])
    removed += remove(memory, pair)
  let added = 0
  for (const pair of [...looked.flatMap(({ here }) => here), ...(batch.added ?? [])])
    added += add(memory, pair)
  for (const did of batch.toLookUp ?? []) note(memory, did)
  const excess = Math.max(0, memory.newcomers.length - newcomersKept(batch))
  memory.forgotten = memory.newcomers[excess - 1]?.position ?? memory.forgotten
  memory.newcomers = memory.newcomers.slice(excess)
  const since = batch.restarted === true ? undefined : before?.since
  followed.set(batch.feed, { since: since ?? new Date(), epoch: batch.epoch ?? before?.epoch ?? 0 })
  return { added, removed }
}

function note(memory: FeedMemory, did: string): void {
  memory.notes += 1
  memory.toLookUp.set(did, { note: memory.notes, dueAt: memory.toLookUp.get(did)?.dueAt ?? 0 })
}

/** What it had is not known any more, so it is looked up. */
function bringBack(memory: FeedMemory, did: string): void {
  if (memory.gone.delete(goneKey('', did))) note(memory, did)
}

/** What was gone before a gap may have come back in it. */
function forgetGone({ gone, accounts }: FeedMemory): void {
  for (const key of gone) {
    const [did = '', collection] = key.split(' ')
    if (collection !== '' || accounts.get(did)?.status !== 'deleted') gone.delete(key)
  }
}

/** @returns how many pairs were removed, as those below */
function changeAccount(memory: FeedMemory, change: AccountChange): number {
  const { accounts, gone, pairs } = memory
  const { did } = change
  accounts.set(did, changedAccount(accounts.get(did), change))
  if (change.active === true) bringBack(memory, did)
  if (change.status !== 'deleted') return 0
  gone.add(goneKey('', did))
  return [...pairs.values()].filter((dids) => dids.delete(did)).length
}

function close({ accounts, gone, pairs }: FeedMemory, account: ClosedAccount, collection: string): number {
  const { did, status } = account
  if (!isAsSeen(account, accounts.get(did))) return 0
  accounts.set(did, changedAccount(accounts.get(did), { did, active: false, status }))
  gone.add(goneKey('', did))
  return pairs.get(collection)?.delete(did) ? 1 : 0
}

function remove({ gone, pairs }: FeedMemory, { collection, did }: FeedPair): number {
  gone.add(goneKey(collection, did))
  return pairs.get(collection)?.delete(did) ? 1 : 0
}

/** @returns how many pairs were new */
function add(memory: FeedMemory, { collection, did }: FeedPair): number {
  memory.gone.delete(goneKey(collection, did))
  bringBack(memory, did)
  const dids = memory.pairs.get(collection) ?? new Set()
  memory.pairs.set(collection, dids)
  if (dids.has(did)) return 0
  dids.add(did)
  memory.latest = Math.max(memory.latest + 1, Date.now() * 1_000)
  memory.newcomers.push({ did, collection, position: memory.latest })
  return 1
}

function endLook(
  { accounts, toLookUp, gone, pairs }: FeedMemory,
  { did, note, rev, collections, setAsideMs }: LookedUpRepo,
): { gone: FeedPair[]; here: FeedPair[] } {
  const isSame = collections === undefined || accounts.get(did)?.rev === rev
  if (toLookUp.get(did)?.note !== note) return { gone: [], here: [] }
  if (setAsideMs !== undefined) toLookUp.set(did, { note, dueAt: Date.now() + setAsideMs })
  if (setAsideMs !== undefined || !isSame) return { gone: [], here: [] }
  toLookUp.delete(did)
  if (collections !== undefined && collections.length > 0) gone.delete(goneKey('', did))
  const held = collections === undefined ? [] : [...pairs].filter(([, dids]) => dids.has(did))
  const lost = held.filter(([collection]) => !collections?.includes(collection))
  const pairsOf = (names: readonly string[]) => names.map((collection) => ({ did, collection }))
  return { gone: pairsOf(lost.map(([collection]) => collection)), here: pairsOf(collections ?? []) }
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

export function revOf(account: Pick<FeedAccount, 'rev'> | undefined): { rev?: string } {
  return account?.rev === undefined ? {} : { rev: account.rev }
}
