import type { RepoToLookUp } from '../contracts/feed-store.ts'
import { abortable } from '../util/abort.ts'
import type { IndexReposOptions } from './index-repos-options.ts'

/** The repos to do, handed out one by one to several workers. */
export interface RepoQueue {
  /** Nothing once there are no more. */
  next(): Promise<string | RepoToLookUp | undefined>
  /** Tells the stream that no more is read of it. */
  close(): void
}

export function repoQueue(repos: IndexReposOptions['repos'], signal: AbortSignal): RepoQueue {
  const iterator = Symbol.asyncIterator in repos ? repos[Symbol.asyncIterator]() : repos[Symbol.iterator]()
  let isOver = false
  /** A stream is asked for one after the other: not every one bears to be asked twice at once. */
  let last: Promise<unknown> = Promise.resolve()

  async function take(): Promise<string | RepoToLookUp | undefined> {
    if (isOver) return undefined
    const { done, value } = await iterator.next()
    isOver = done === true
    return isOver ? undefined : value
  }

  return {
    next() {
      const taken = last.then(take)
      last = taken.catch(() => {
        isOver = true
      })
      return abortable(taken, signal)
    },
    close() {
      if (isOver) return
      isOver = true
      // Not awaited: a stream that hangs would hang here too.
      void Promise.resolve(iterator.return?.()).catch(() => {})
    },
  }
}
