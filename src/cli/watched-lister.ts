import type { RepoLister } from '../contracts/repo-lister.ts'
import type { Relay } from './relay-options.ts'

const BEGIN = { pages: 0, imported: 0, invalid: 0 }

/** The relay's lister, whose pages the monitor sees as those of a run: a comparison is a walk like any other. */
export function watchedLister(
  { relay, lister, monitor }: Pick<Relay, 'relay' | 'lister' | 'monitor'>,
  onPage: () => void,
): RepoLister {
  const walks = new Map<string, typeof BEGIN>()
  /**
   * What was read to its end. A page that is asked for later begins no other walk: it tells whether the cursors mean what
   * they meant, or what is to be repaired.
   */
  const read = new Set<string>()
  return {
    ...lister,
    async listRepos(request) {
      const { collection, cursor } = request
      const startedAt = performance.now()
      // Before the answer: the wait for it is what a walk takes.
      if (cursor === undefined && !read.has(collection))
        monitor.handle({ type: 'collectionStarted', relay, collection, ...BEGIN })
      const page = await lister.listRepos(request)
      if (!read.has(collection)) {
        const { dids, invalid = 0, cursor: next } = page
        const before = (cursor === undefined ? undefined : walks.get(collection)) ?? BEGIN
        const walk = {
          pages: before.pages + 1,
          imported: before.imported + dids.length,
          invalid: before.invalid + invalid,
        }
        walks.set(collection, walk)
        const completed = next === undefined
        if (completed) read.add(collection)
        const durationMs = performance.now() - startedAt
        monitor.handle({
          type: 'page',
          relay,
          collection,
          dids,
          ...walk,
          cursor: next,
          completed,
          durationMs,
        })
      }
      onPage()
      return page
    },
  }
}
