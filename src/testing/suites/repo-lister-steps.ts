import assert from 'node:assert/strict'
import type { RepoLister, RepoPage } from '../../contracts/repo-lister.ts'
import type { ServedPage, ServedRequest, ServePage } from './lister-server.ts'
import { type SuiteCase, type SuiteFixture, soon, withFixture } from './suite.ts'

/** A lister, and the server that it asks. */
export interface RepoListerFixture extends SuiteFixture {
  readonly lister: RepoLister
  /**
   * Another lister for the same server, as the next run makes it; closed with the fixture. Absent: the same one again.
   */
  reopen?(): Promise<{ readonly lister: RepoLister }>
}

/**
 * Makes a lister for a server that answers each request as `serve` says: a stand-in of your own that speaks your
 * protocol, or `startRelay({ collections: {}, script: relayScript(serve) })` where that is `listReposByCollection`.
 */
export type MakeRepoLister = (serve: ServePage) => Promise<RepoListerFixture>

export type RepoListerCase = SuiteCase<MakeRepoLister>

export const NAME = 'com.example.thing'

/** A server that plays lists of pages, and what it was asked. */
interface ScriptedServer {
  readonly serve: ServePage
  readonly requests: readonly ServedRequest[]
}

/** The page that a cursor leads to is the one after the page that gave it; a cursor of no page is refused. */
export function serverOf(pages: Readonly<Record<string, readonly ServedPage[]>>): ScriptedServer {
  const requests: ServedRequest[] = []
  return {
    requests,
    serve({ collection, cursor }) {
      requests.push({ collection, cursor })
      const list = pages[collection] ?? []
      if (cursor === undefined) return list[0] ?? { repos: [] }
      const place = list.findIndex((page) => page.cursor === cursor)
      return (place < 0 ? undefined : list[place + 1]) ?? { repos: [], fault: 'error' }
    },
  }
}

/** The pages of a list, `size` to a page, each cursor the place where the next one begins. */
export function paged(repos: readonly string[], size: number): ServedPage[] {
  const count = Math.max(1, Math.ceil(repos.length / size))
  return Array.from({ length: count }, (_, i) => ({
    repos: repos.slice(i * size, (i + 1) * size),
    ...(i + 1 < count ? { cursor: `at ${(i + 1) * size}` } : {}),
  }))
}

/** A case that gets a lister for a server with these pages. */
export function servedCase(
  name: string,
  pages: Readonly<Record<string, readonly ServedPage[]>>,
  run: (fixture: RepoListerFixture, server: ScriptedServer) => Promise<void>,
): RepoListerCase {
  return {
    name,
    async run(make) {
      const server = serverOf(pages)
      await withFixture(await make(server.serve), (fixture) => run(fixture, server))
    },
  }
}

/** Every page from a cursor on, until none comes. */
export async function walk(lister: RepoLister, collection: string, from?: string): Promise<RepoPage[]> {
  const pages: RepoPage[] = []
  let cursor = from
  do {
    assert.ok(pages.length < 100, 'a list of a few pages comes to its end')
    const request = cursor === undefined ? { collection } : { collection, cursor }
    const page = await soon(lister.listRepos(request), 'a page')
    pages.push(page)
    cursor = page.cursor
  } while (cursor !== undefined)
  return pages
}

export function didsOf(pages: readonly RepoPage[]): string[] {
  return pages.flatMap(({ dids }) => dids)
}
