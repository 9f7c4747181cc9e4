import type { AccountNews, CommitNews, SyncNews } from './feed-news.ts'

/** How many repos are remembered: some 15 MB. */
const MOST = 100_000

/** What was read of some repos lately, so that a message which comes again, or too late, changes nothing. */
export interface SeenRepos {
  isNewCommit(news: CommitNews): boolean
  isNewState(news: AccountNews): boolean
  noteSync(news: SyncNews): void
  forget(): void
}

interface Seen {
  readonly rev?: string | undefined
  /** The number of the last message of its state. */
  readonly stateSeq?: number | undefined
}

/** Remembers those that were told of last. Of others, everything is new: what comes again then changes nothing for long. */
export function createSeenRepos({ sharesRevs }: { readonly sharesRevs: boolean }): SeenRepos {
  const repos = new Map<string, Seen>()
  const note = (did: string, told: Seen) => {
    const before = repos.get(did)
    // The last ones are at the end of the map.
    repos.delete(did)
    repos.set(did, { ...before, ...told })
    if (repos.size <= MOST) return
    const [oldest] = repos.keys()
    if (oldest !== undefined) repos.delete(oldest)
  }
  return {
    isNewCommit({ did, rev }) {
      const last = repos.get(did)?.rev
      if (rev === undefined) return true
      if (last !== undefined && (rev < last || (rev === last && !sharesRevs))) return false
      note(did, { rev })
      return true
    },
    isNewState({ did, seq }) {
      const last = repos.get(did)?.stateSeq
      if (last !== undefined && seq <= last) return false
      note(did, { stateSeq: seq })
      return true
    },
    noteSync: ({ did, rev }) => note(did, { rev }),
    forget: () => repos.clear(),
  }
}
