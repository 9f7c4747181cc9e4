import assert from 'node:assert/strict'
import type { AppliedBatch, FeedAccount, FeedBatch, FeedPair, FeedStore } from '../../contracts/feed-store.ts'
import type { IndexSink } from '../../contracts/index-sink.ts'
import type { ProgressStore } from '../../contracts/progress-store.ts'
import type { RepoIndex } from '../../contracts/repo-index.ts'
import type { SuiteCase, SuiteFixture } from './suite.ts'

/** The parts of an empty store that a live feed and a backfill write to. */
export interface FeedStoreParts {
  readonly feed: FeedStore
  readonly sink: IndexSink
  readonly index: RepoIndex
  readonly progress: ProgressStore
}

/** A store for a live feed, with nothing in it. */
export interface FeedStoreFixture extends SuiteFixture, FeedStoreParts {
  /** The same store, as another process or the next run opens it; closed with the fixture. Absent: the same one again. */
  reopen?(): Promise<Pick<FeedStoreParts, 'feed' | 'sink' | 'index'>>
}

export type FeedStoreCase = SuiteCase<() => Promise<FeedStoreFixture>>

export const FEED = 'feed:wss://relay.example'
const RELAY = 'https://relay.example'
export const NAME = 'com.example.thing'
export const OTHER = 'com.example.other'

type Pairs = Readonly<Record<string, readonly string[]>>

export function pairsOf(pairs: Pairs): FeedPair[] {
  return Object.entries(pairs).flatMap(([collection, dids]) => dids.map((did) => ({ collection, did })))
}

export function apply(feed: FeedStore, batch: Omit<FeedBatch, 'feed'>): Promise<AppliedBatch> {
  return feed.apply({ feed: FEED, ...batch })
}

export function add(feed: FeedStore, pairs: Pairs): Promise<AppliedBatch> {
  return apply(feed, { added: pairsOf(pairs) })
}

export function remove(feed: FeedStore, pairs: Pairs): Promise<AppliedBatch> {
  return apply(feed, { removed: pairsOf(pairs) })
}

/** What a backfill writes of a page. */
export async function page(
  sink: IndexSink,
  collection: string,
  dids: readonly string[],
): Promise<{ added: number }> {
  return (await sink.add({ relay: RELAY, collection, dids })) ?? { added: dids.length }
}

export async function assertHeld(
  index: RepoIndex,
  collection: string,
  dids: readonly string[],
): Promise<void> {
  const found = await index.listRepos(collection, { limit: 10_000 })
  assert.deepEqual([...found.dids].sort(), [...dids].sort(), `the repos of ${collection}`)
}

export async function newcomersOf(
  feed: FeedStore,
  collection: string,
  after = 0,
  limit = 500,
): Promise<string[]> {
  const { latest } = await feed.positions()
  const dids: string[] = []
  for (let at = after, pages = 0; at < latest; pages += 1) {
    assert.ok(pages < 100, 'the newcomers come to an end')
    const { newcomers, readUpTo } = await feed.newcomers(collection, { after: at, upTo: latest, limit })
    assert.ok(readUpTo > at, 'each page reads on')
    dids.push(...newcomers.map(({ did }) => did))
    at = readUpTo
  }
  return dids
}

/** The one account. */
export async function accountOf(feed: FeedStore, did: string): Promise<FeedAccount | undefined> {
  const [account] = await feed.accountsOf([did])
  return account
}
