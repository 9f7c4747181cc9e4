import type { OpenedStore } from '../../contracts/opened-store.ts'
import { indexRepos } from '../../crawl/index-repos.ts'

/** What asks the hosts of repos what the feed could not tell. */
export interface RepoLookUpParts {
  readonly store: OpenedStore
  /** Whether this process follows the feed: only that one asks, so that no host is asked twice. */
  readonly isFollowing: () => boolean
  /** The directory of DIDs, and hosts that may be asked though they are on a private network; as for `indexRepos`. */
  readonly plc: string | undefined
  readonly allowHosts: readonly string[] | undefined
  readonly onLookedUp: (repos: number, failed: number) => void
}

/** Repos in one go, and how often is looked whether there are some, in milliseconds. */
const MOST_AT_ONCE = 500
const LOOK_MS = 5_000

/**
 * Looks up, at their hosts, the repos that the feed has noted: those that changed as a whole, and those whose last record
 * of a collection may be gone. The notes are in the store, so a restart forgets none.
 *
 * @returns how long until there may be more, in milliseconds
 */
export async function lookUpRepos(parts: RepoLookUpParts, signal: AbortSignal): Promise<number> {
  const { store, isFollowing, plc, allowHosts } = parts
  if (!isFollowing()) return LOOK_MS
  const noted = await store.feed.listToLookUp({ limit: MOST_AT_ONCE, signal })
  // Those whose host did not answer stand behind the others.
  const repos = noted.filter(({ retryInMs }) => retryInMs === undefined)
  if (repos.length === 0) return LOOK_MS
  const options = { plc, allowHosts, removeMissing: true, signal }
  const { states } = await indexRepos({ repos, store, ...options }).run()
  parts.onLookedUp(repos.length, states.failed)
  // One that changes all the time stays noted, and its host is not to be asked for it without a pause.
  return repos.length < MOST_AT_ONCE ? LOOK_MS : 0
}
