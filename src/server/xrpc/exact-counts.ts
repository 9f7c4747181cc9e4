import type { RepoIndex } from '../../contracts/repo-index.ts'

/** The exact sizes of collections, for anybody who asks. */
export interface ExactCounts {
  of(collection: string): Promise<number>
}

/** How long a count is given again before the collection is counted anew, in milliseconds. */
const KEEP_MS = 300_000

interface Counted {
  readonly repos: Promise<number>
  /** In milliseconds of `performance.now()`. */
  readonly until: number
}

/**
 * Counting a large collection keeps a database busy for seconds, and anyone may ask for it. So one is counted at a
 * time, and a count is given again for five minutes.
 */
export function exactCounts(countRepos: NonNullable<RepoIndex['countRepos']>): ExactCounts {
  const kept = new Map<string, Counted>()
  let turn: Promise<unknown> = Promise.resolve()

  function count(collection: string): Promise<number> {
    const repos = turn.then(() => countRepos(collection))
    turn = repos.then(
      (counted) => {
        // What does not exist is counted fast, and has too many names to be remembered.
        if (counted === 0) kept.delete(collection)
      },
      () => kept.delete(collection),
    )
    kept.set(collection, { repos, until: performance.now() + KEEP_MS })
    return repos
  }

  return {
    of(collection) {
      const known = kept.get(collection)
      return known !== undefined && known.until > performance.now() ? known.repos : count(collection)
    },
  }
}
