import type { AccountChange, FeedBatch, FeedPair } from '../contracts/feed-store.ts'
import type { AccountNews, CommitNews, FeedNews, SyncNews } from './feed-news.ts'
import { createSeenRepos } from './seen-repos.ts'

/** What becomes of a record that was deleted where nothing proves whether it was the last of its collection. */
export type UnprovenDeletes = 'lookUp' | 'keep'

/** What was read and is not written yet: the last word on each thing. */
export interface PendingBatch {
  /** How many repos it is about. */
  readonly repos: number
  /** Whether messages were read since the last batch was taken. */
  readonly isEmpty: boolean
  /** Whether this has to be in a later batch than what is pending: an account that was deleted is back. */
  mustWait(news: FeedNews): boolean
  add(news: FeedNews): void
  take(): TakenBatch
  /** Forgets what is pending and what was seen: the feed is read again from an earlier place. */
  forget(): void
}

export interface TakenBatch {
  readonly batch: Pick<FeedBatch, 'accounts' | 'added' | 'removed' | 'toLookUp'>
  readonly messages: number
  readonly invalid: number
  /** The highest number that was read; absent where no message had one. */
  readonly seq: number | undefined
  /** When the last message was sent. */
  readonly time: number | undefined
}

/** @param options.sharesRevs whether several messages have one revision, as those of a Jetstream do */
export function createPendingBatch(
  unproven: UnprovenDeletes,
  { sharesRevs }: { readonly sharesRevs: boolean },
): PendingBatch {
  const seen = createSeenRepos({ sharesRevs })
  let pairs = new Map<string, Map<string, boolean>>()
  let accounts = new Map<string, AccountChange>()
  let toLookUp = new Set<string>()
  let counts = { messages: 0, invalid: 0 }
  let seq: number | undefined
  let time: number | undefined

  const change = (did: string, collection: string, is: boolean) => {
    const repo = pairs.get(did) ?? new Map<string, boolean>()
    pairs.set(did, repo.set(collection, is))
  }
  const noteAccount = (told: AccountChange) => {
    accounts.set(told.did, { ...accounts.get(told.did), ...told })
  }
  const addCommit = (news: CommitNews) => {
    counts.invalid += news.invalid
    if (!seen.isNewCommit(news)) return
    const { did, rev, head } = news
    noteAccount(rev === undefined ? { did } : { did, rev, head })
    for (const collection of news.written) change(did, collection, true)
    for (const collection of news.emptied) change(did, collection, false)
    if (news.isCut || (unproven === 'lookUp' && news.unproven.length > 0)) toLookUp.add(did)
  }
  const addAccount = (news: AccountNews) => {
    if (!seen.isNewState(news)) return
    const { did, active, status } = news
    if (status === 'deleted') pairs.delete(did)
    noteAccount({ did, active, status })
  }
  const addSync = (news: SyncNews) => {
    seen.noteSync(news)
    const { did, rev, head } = news
    noteAccount(rev === undefined ? { did } : { did, rev, head })
    toLookUp.add(did)
  }

  return {
    get repos() {
      return accounts.size
    },
    get isEmpty() {
      return counts.messages === 0
    },
    mustWait(news) {
      if (!('did' in news) || accounts.get(news.did)?.status !== 'deleted') return false
      return news.kind !== 'account' || news.status !== 'deleted'
    },
    add(news) {
      counts.messages += 1
      if (news.kind === 'invalid') counts.invalid += 1
      if (news.kind === 'commit') addCommit(news)
      if (news.kind === 'account') addAccount(news)
      if (news.kind === 'sync') addSync(news)
      if ('seq' in news && news.seq !== undefined) {
        seq = Math.max(seq ?? 0, news.seq)
        time = news.time ?? time
      }
    },
    take() {
      const all = [...pairs].flatMap(([did, repo]) =>
        [...repo].map(([collection, is]) => ({ did, collection, is })),
      )
      const pairsThat = (are: boolean): FeedPair[] =>
        all.filter(({ is }) => is === are).map(({ did, collection }) => ({ did, collection }))
      const batch = {
        accounts: [...accounts.values()],
        added: pairsThat(true),
        removed: pairsThat(false),
        toLookUp: [...toLookUp],
      }
      const taken = { batch, ...counts, seq, time }
      pairs = new Map()
      accounts = new Map()
      toLookUp = new Set()
      counts = { messages: 0, invalid: 0 }
      seq = undefined
      time = undefined
      return taken
    },
    forget() {
      this.take()
      seen.forget()
    },
  }
}
