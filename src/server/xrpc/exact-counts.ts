import type { RepoIndex } from '../../contracts/repo-index.ts'
import { abortable, withDeadline } from '../../util/abort.ts'
import { XrpcError } from '../responses.ts'

/** The exact sizes of collections, for anybody who asks. */
export interface ExactCounts {
  /**
   * The size of each collection that is named; 0 for one that the index does not hold.
   *
   * @throws XrpcError with the status 503 when others ask for too much; the signal's reason when that aborts
   */
  of(collections: Iterable<string>, signal: AbortSignal): Promise<Map<string, number>>
}

/** How long a count is given again before the collection is counted anew, in milliseconds. */
const KEEP_MS = 300_000

/** How many requests may wait for counts at once, whether in the queue or for the one that is under way. */
const MOST_REQUESTS = 50

/** How long one request may wait for its turns, in milliseconds; what its own counts take comes on top. */
const LONGEST_WAIT_MS = 800

/** What a client that is refused is told to wait, in seconds. */
const RETRY_SECONDS = 2

interface Kept {
  readonly repos: number
  /** In milliseconds of `performance.now()`. */
  readonly until: number
}

interface Counting {
  readonly collection: string
  /** Resolves when its turn has come. */
  readonly begun: PromiseWithResolvers<void>
  readonly repos: PromiseWithResolvers<number>
  /** How many requests wait for it. It leaves the queue with the last of them. */
  requests: number
}

/**
 * Counting a large collection keeps a database busy for seconds, and anyone may ask for it. So one is counted at a
 * time, for all who ask for it, and a count is given again for five minutes. The queue is bounded in length and in time:
 * a request that would wait longer is refused, and may come back. A name that the index does not hold is not counted.
 */
export function exactCounts(
  listRepos: RepoIndex['listRepos'],
  countRepos: NonNullable<RepoIndex['countRepos']>,
): ExactCounts {
  const kept = new Map<string, Kept>()
  /** Those in the queue and the one that is being counted, by collection. */
  const underWay = new Map<string, Counting>()
  const queue = new Set<Counting>()
  let isCounting = false
  let requests = 0

  function keptCount(collection: string): number | undefined {
    const known = kept.get(collection)
    return known !== undefined && known.until > performance.now() ? known.repos : undefined
  }

  /** One after the other, also those that come in the meantime. */
  async function countQueue(): Promise<void> {
    if (isCounting) return
    isCounting = true
    for (const counting of queue) {
      const { collection, begun, repos } = counting
      queue.delete(counting)
      begun.resolve()
      try {
        const counted = await countRepos(collection)
        kept.set(collection, { repos: counted, until: performance.now() + KEEP_MS })
        repos.resolve(counted)
      } catch (error) {
        repos.reject(error)
      }
      underWay.delete(collection)
    }
    isCounting = false
  }

  function enqueue(collection: string): Counting {
    const counting: Counting = {
      collection,
      begun: Promise.withResolvers(),
      repos: Promise.withResolvers(),
      requests: 0,
    }
    // All who asked may be gone when it fails.
    counting.repos.promise.catch(() => {})
    underWay.set(collection, counting)
    queue.add(counting)
    void countQueue()
    return counting
  }

  /** @returns the count, and how long it waited for its turn */
  async function count(collection: string, leftMs: number, signal: AbortSignal): Promise<[number, number]> {
    const counting = underWay.get(collection) ?? enqueue(collection)
    counting.requests += 1
    const since = performance.now()
    try {
      await abortable(withDeadline(counting.begun.promise, leftMs, tooBusy), signal)
      const waitedMs = performance.now() - since
      return [await abortable(counting.repos.promise, signal), waitedMs]
    } finally {
      counting.requests -= 1
      if (counting.requests === 0 && queue.delete(counting)) underWay.delete(collection)
    }
  }

  /** Asked of the index like each page, so that who asks for nothing that exists takes no place in the queue. */
  async function heldOf(collections: readonly string[], signal: AbortSignal): Promise<string[]> {
    const held: string[] = []
    for (const collection of collections) {
      const { dids } = await listRepos(collection, { limit: 1, signal })
      if (dids.length > 0) held.push(collection)
    }
    return held
  }

  async function countAll(collections: readonly string[], signal: AbortSignal): Promise<[string, number][]> {
    if (collections.length > 0 && requests >= MOST_REQUESTS) throw tooBusy()
    requests += 1
    try {
      const counts: [string, number][] = []
      let leftMs = LONGEST_WAIT_MS
      for (const collection of collections) {
        const [repos, waitedMs] = await count(collection, leftMs, signal)
        counts.push([collection, repos])
        leftMs = Math.max(0, leftMs - waitedMs)
      }
      return counts
    } finally {
      requests -= 1
    }
  }

  return {
    async of(collections, signal) {
      const names = [...new Set(collections)]
      const known = new Map(names.map((name) => [name, keptCount(name)]))
      const missing = names.filter((name) => known.get(name) === undefined)
      const counted = await countAll(await heldOf(missing, signal), signal)
      return new Map([...names.map((name): [string, number] => [name, known.get(name) ?? 0]), ...counted])
    },
  }
}

function tooBusy(): XrpcError {
  const headers = { 'retry-after': String(RETRY_SECONDS) }
  return new XrpcError(503, 'TooManyCounts', 'Others are counting: ask again later', headers)
}
