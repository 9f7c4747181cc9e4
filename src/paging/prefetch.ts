import type { CollectionFlag } from '../contracts/collection-progress.ts'
import type { IndexBatch } from '../contracts/index-sink.ts'
import type { RepoPage } from '../contracts/repo-lister.ts'
import type { Position } from './cursor-guard.ts'

/** A page, and the position behind it. */
export interface FetchedPage<Page = RepoPage> {
  readonly page: Page
  readonly next: Position
  /** What goes to the index. Absent: the DIDs of the page, in the collection of the walk. */
  readonly batches?: readonly IndexBatch[] | undefined
  /** What is to be known for good of the list that has this page. */
  readonly flags?: readonly CollectionFlag[] | undefined
}

/** Pages of one list that are fetched before anybody asks for them. */
export interface PagesAhead<Page = RepoPage> {
  /**
   * All pages that are there, in the list's order; waits until there is one. After a failed fetch, the pages before it
   * are still given, then its error.
   */
  take(): Promise<[FetchedPage<Page>, ...FetchedPage<Page>[]]>
}

/**
 * Fetches page after page, one request at a time, so that the relay never waits for the database: it goes on while
 * fewer than `most` pages wait to be taken. It ends with the last page, with an error, or when `fetch` rejects because
 * its signal aborted.
 */
export function fetchAhead<Page = RepoPage>(
  start: Position,
  most: number,
  fetch: (at: Position) => Promise<FetchedPage<Page>>,
): PagesAhead<Page> {
  let waiting: FetchedPage<Page>[] = []
  let failure: { error: unknown } | undefined
  let arrival = Promise.withResolvers<void>()
  let room = Promise.withResolvers<void>()

  async function fill(): Promise<void> {
    for (let at = start; ; ) {
      const fetched = await fetch(at)
      waiting.push(fetched)
      arrival.resolve()
      if (fetched.next.cursor === undefined) return
      at = fetched.next
      while (waiting.length >= most) {
        room = Promise.withResolvers()
        await room.promise
      }
    }
  }

  fill().catch((error) => {
    failure = { error }
    arrival.resolve()
  })
  return {
    async take() {
      await arrival.promise
      const [first, ...rest] = waiting
      if (first === undefined) throw failure?.error
      waiting = []
      // After a failure nothing will arrive any more, and the next call is for its error.
      if (failure === undefined) arrival = Promise.withResolvers()
      room.resolve()
      return [first, ...rest]
    },
  }
}
