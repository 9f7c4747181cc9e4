import type { FeedBatch, FeedPair, FeedStore, RepoToLookUp } from '../contracts/feed-store.ts'
import type { IndexReposSettings } from './index-repos-options.ts'
import type { RepoFound } from './repo-look.ts'
import type { StoreCalls } from './store-calls.ts'

/** What the store had of a repo before its host was asked. */
export interface RepoBefore {
  /** The collections that the index held it in. Absent where nothing is to be removed. */
  readonly held: ReadonlySet<string> | undefined
  /** Its revision as a live feed told it: `null` where the feed knows the account without one. Absent without a feed. */
  readonly rev: string | null | undefined
}

/** A repo to write. */
export interface RepoToWrite {
  readonly found: RepoFound
  readonly before: RepoBefore
  /** A note of the feed, of which this is the end. */
  readonly note: RepoToLookUp | undefined
  /** Whether it is written though the feed told of it since: without any removal. */
  readonly isLast: boolean
}

/** What became of it. `stale`: the feed told of the repo since its host was asked, and nothing was written. */
export type RepoWritten = 'stale' | { readonly removed: readonly string[] }

/** Writes repos together that come at the same time, and counts what that changed. */
export interface RepoWriter {
  /** Durable when it resolves. */
  write(repo: RepoToWrite): Promise<RepoWritten>
}

interface RepoWriterParts
  extends Pick<IndexReposSettings, 'feed' | 'index' | 'removeGone' | 'removeMissing' | 'sink'> {
  readonly calls: StoreCalls
  readonly signal: AbortSignal
  /** Called after each write. */
  onWritten(counts: { added: number; removed: number }): void
}

/** What lists pairs where a relay is named otherwise: {@link IndexBatch.relay}. */
const LISTED_BY = 'describeRepo'

/** The {@link FeedBatch.feed} of what is no feed. */
const FEED = 'index'

/** How long a noted repo is left alone that could not be had, in milliseconds: its host may be gone for good. */
const RETRY_MS = 3_600_000

/** A repo with what is to change for it. */
interface Change extends RepoToWrite {
  readonly removed: readonly string[]
}

export function createRepoWriter(parts: RepoWriterParts): RepoWriter {
  const { feed, calls } = parts
  let waiting: { repo: RepoToWrite; done: PromiseWithResolvers<RepoWritten> }[] = []
  let isWriting = false

  async function writeWaiting(): Promise<void> {
    isWriting = true
    while (waiting.length > 0) {
      const batch = waiting
      waiting = []
      try {
        const written = await writeBatch(batch.map(({ repo }) => repo))
        for (const [i, { done }] of batch.entries()) done.resolve(written[i] ?? 'stale')
      } catch (error) {
        for (const { done } of batch) done.reject(error)
      }
    }
    isWriting = false
  }

  async function writeBatch(repos: readonly RepoToWrite[]): Promise<RepoWritten[]> {
    const revs = await revsOf(repos)
    const isStale = (repo: RepoToWrite) => revs.get(repo.found.did) !== repo.before.rev
    const written: RepoWritten[] = []
    const changes: Change[] = []
    for (const repo of repos) {
      const stale = repo.note === undefined && isStale(repo)
      if (stale && !repo.isLast) {
        written.push('stale')
        continue
      }
      const removed = stale ? [] : removalOf(repo, parts)
      written.push({ removed })
      changes.push({ ...repo, removed })
    }
    const isFed = (change: Change) => change.note !== undefined || revs.has(change.found.did)
    await writePlainly(
      changes.filter((change) => !isFed(change)),
      parts,
    )
    if (feed !== undefined) await writeToFeed(feed, changes.filter(isFed), parts)
    return written
  }

  /** What the feed knows of these accounts by now. */
  async function revsOf(repos: readonly RepoToWrite[]): Promise<Map<string, string | null>> {
    const dids = repos.filter(({ note }) => note === undefined).map(({ found }) => found.did)
    if (feed === undefined || dids.length === 0) return new Map()
    const accounts = await calls.make(() => feed.accountsOf(dids, { signal: parts.signal }))
    return new Map(accounts.map(({ did, rev = null }) => [did, rev]))
  }

  return {
    write(repo) {
      const done = Promise.withResolvers<RepoWritten>()
      waiting.push({ repo, done })
      if (!isWriting) void writeWaiting()
      return done.promise
    },
  }
}

/** The collections that a repo is to be removed from: only such as held it before its host was asked. */
function removalOf(
  { found, before: { held } }: RepoToWrite,
  { removeGone, removeMissing }: Pick<RepoWriterParts, 'removeGone' | 'removeMissing'>,
): readonly string[] {
  if (held === undefined) return []
  if (found.state === 'active') {
    if (!removeMissing || !found.isWhole) return []
    const has = new Set(found.collections)
    return [...held].filter((nsid) => !has.has(nsid))
  }
  return removeGone.some((state) => state === found.state) ? [...held] : []
}

async function writePlainly(
  changes: readonly Change[],
  { sink, index, calls, signal, onWritten }: RepoWriterParts,
): Promise<void> {
  const added = byCollection(changes, ({ found }) => found.collections)
  for (const [collection, dids] of added) {
    const outcome = await calls.make(async () => sink.add({ relay: LISTED_BY, collection, dids }, { signal }))
    onWritten({ added: outcome?.added ?? 0, removed: 0 })
  }
  for (const [collection, dids] of byCollection(changes, ({ removed }) => removed)) {
    const outcome = await calls.make(async () => index?.remove(collection, dids, { signal }))
    onWritten({ added: 0, removed: outcome?.removed ?? 0 })
  }
}

function byCollection(
  changes: readonly Change[],
  nsidsOf: (change: Change) => readonly string[],
): Map<string, string[]> {
  const dids = new Map<string, string[]>()
  for (const change of changes) {
    for (const nsid of nsidsOf(change)) {
      const some = dids.get(nsid)
      if (some === undefined) dids.set(nsid, [change.found.did])
      else some.push(change.found.did)
    }
  }
  return dids
}

/** As the feed writes: what it told to be gone comes back by the host's word, and what is removed stays gone. */
async function writeToFeed(
  feed: FeedStore,
  changes: readonly Change[],
  { calls, signal, onWritten }: RepoWriterParts,
): Promise<void> {
  if (changes.length === 0) return
  const noted = changes.filter(({ note }) => note !== undefined)
  const others = changes.filter(({ note, found }) => note === undefined || !found.isWhole)
  const pairs = (nsidsOf: (change: Change) => readonly string[]): FeedPair[] =>
    others.flatMap((change) => nsidsOf(change).map((collection) => ({ did: change.found.did, collection })))
  const batch: FeedBatch = {
    feed: FEED,
    added: pairs(({ found }) => found.collections),
    removed: pairs(({ removed }) => removed),
    lookedUp: noted.map(({ note, found: { did, state, collections, isWhole } }) => ({
      ...(note as RepoToLookUp),
      did,
      ...(isWhole && { collections }),
      ...(state === 'failed' && { setAsideMs: RETRY_MS }),
    })),
  }
  onWritten(await calls.make(() => feed.apply(batch, { signal })))
}
