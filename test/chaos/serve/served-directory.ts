import type { Truth } from './live-network.ts'

/** A service that is asked from outside. */
export interface ServedDirectory {
  readonly url: string
  /** What it says of itself; nothing of it while it does not answer. */
  health(): Promise<{ readonly feed?: string; readonly backlog?: string }>
}

/** The repos of these collections, by the lexicon's method, page by page. */
export async function readDirectory(url: string, collections: readonly string[]): Promise<Truth> {
  const held = new Map<string, Set<string>>()
  for (const collection of collections) {
    const dids = new Set<string>()
    for (let cursor: string | undefined = ''; cursor !== undefined; ) {
      const page = await pageOf(url, new URLSearchParams({ collection, limit: '2000', cursor }))
      for (const { did } of page.repos) dids.add(did)
      cursor = page.cursor
    }
    held.set(collection, dids)
  }
  return held
}

interface Page {
  readonly repos: readonly { readonly did: string }[]
  readonly cursor?: string
}

async function pageOf(url: string, params: URLSearchParams): Promise<Page> {
  const answer = await fetch(`${url}/xrpc/com.atproto.sync.listReposByCollection?${params}`)
  if (!answer.ok) throw new Error(`${answer.status}: ${await answer.text()}`)
  return (await answer.json()) as Page
}

/** How what is served differs from what was said, pair by pair. */
export function missingAndSurplus(served: Truth, truth: Truth): { missing: string[]; surplus: string[] } {
  const pairsOf = (one: Truth, without: Truth) =>
    Array.from(one, ([nsid, dids]) =>
      [...dids].filter((did) => !without.get(nsid)?.has(did)).map((did) => `${nsid} ${did}`),
    ).flat()
  return { missing: pairsOf(truth, served), surplus: pairsOf(served, truth) }
}
