import type { RepoLister, RepoListRequest, RepoPage } from '../../src/contracts/repo-lister.ts'

/** What a lister answers for one collection: a list of pages, or whatever a function makes of the request. */
export type ListerScript = readonly RepoPage[] | ((request: RepoListRequest) => RepoPage | Promise<RepoPage>)

export interface ScriptedLister extends RepoLister {
  readonly requests: { collection: string; cursor: string | undefined }[]
}

/** A lister that plays scripts. Page `i` of a list is asked for with the cursor `i`, the first one without. */
export function scriptedLister(scripts: Record<string, ListerScript>, source = 'relay.test'): ScriptedLister {
  const requests: ScriptedLister['requests'] = []
  return {
    relay: source,
    requests,
    async listRepos(request) {
      const { collection, cursor, signal } = request
      signal?.throwIfAborted()
      requests.push({ collection, cursor })
      const script = scripts[collection] ?? []
      if (typeof script === 'function') return script(request)
      return script[Number(cursor ?? 0)] ?? { dids: [] }
    },
  }
}

/** A collection of `pages` pages of `size` DIDs, each DID in no other collection. */
export function pagesOf(collection: string, pages: number, size = 2): RepoPage[] {
  return Array.from({ length: pages }, (_, page) => ({
    dids: Array.from({ length: size }, (_, entry) => `did:web:${collection.toLowerCase()}.r${page}x${entry}`),
    ...(page + 1 < pages ? { cursor: String(page + 1) } : {}),
  }))
}

/** All DIDs of a list of pages. */
export function didsOf(pages: readonly RepoPage[]): string[] {
  return pages.flatMap(({ dids }) => dids)
}

/** A step that parks until it is released, and tells when somebody has come to it. */
export function gate<T = void>(): {
  reached: Promise<void>
  pass: (value: T) => void
  fail: (error: unknown) => void
  wait: () => Promise<T>
} {
  const arrival = Promise.withResolvers<void>()
  const release = Promise.withResolvers<T>()
  return {
    reached: arrival.promise,
    pass: release.resolve,
    fail: release.reject,
    wait() {
      arrival.resolve()
      return release.promise
    },
  }
}
