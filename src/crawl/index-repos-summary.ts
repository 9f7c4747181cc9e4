import type { IndexReposEvent, IndexReposSummary, RepoState } from '../contracts/index-repos-events.ts'

/** Counts what a run does. */
export interface RepoCounts {
  /** Up to date at any time. */
  readonly summary: IndexReposSummary
  begin(): void
  count(event: IndexReposEvent): void
  /** A write changed so many pairs. */
  written(this: void, changed: { readonly added: number; readonly removed: number }): void
  end(): void
}

/** How many failures a summary names. */
const MOST_FAILURES = 100

export function countRepos(): RepoCounts {
  const states: Record<RepoState, number> = {
    active: 0,
    deactivated: 0,
    suspended: 0,
    takendown: 0,
    notFound: 0,
    deleted: 0,
    noHost: 0,
    invalid: 0,
    failed: 0,
  }
  const failures: IndexReposSummary['failures'][number][] = []
  const counts = { repos: 0, pairs: 0, added: 0, removed: 0, cut: 0, requests: 0 }
  let [begunAt, endedAt]: (number | undefined)[] = []
  const summary: IndexReposSummary = {
    get repos() {
      return counts.repos
    },
    states,
    get pairs() {
      return counts.pairs
    },
    get added() {
      return counts.added
    },
    get removed() {
      return counts.removed
    },
    get cut() {
      return counts.cut
    },
    failures,
    get requests() {
      return counts.requests
    },
    get durationMs() {
      return begunAt === undefined ? 0 : Math.round((endedAt ?? performance.now()) - begunAt)
    },
  }
  return {
    summary,
    begin() {
      begunAt = performance.now()
    },
    count(event) {
      if (event.type === 'requested') counts.requests += 1
      if (event.type !== 'repo') return
      counts.repos += 1
      counts.pairs += event.collections.length
      counts.cut += event.leftOut === undefined ? 0 : 1
      states[event.state] += 1
      const { did, host, error } = event
      if (event.state === 'failed' && failures.length < MOST_FAILURES) failures.push({ did, host, error })
    },
    written({ added, removed }) {
      counts.added += added
      counts.removed += removed
    },
    end() {
      endedAt = performance.now()
    },
  }
}
