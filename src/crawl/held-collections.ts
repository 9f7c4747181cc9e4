import { isBackfillError } from '../errors.ts'
import type { RemovableIndex } from './index-repos-options.ts'
import type { StoreCalls } from './store-calls.ts'

/** Reads in which collections an index holds a repo. */
export type HeldCollections = (did: string) => Promise<ReadonlySet<string>>

/** How long a list of all collections serves, in milliseconds: new ones cannot be among those that a repo has left. */
const LIST_MS = 60_000

/** How many collections are looked at together, where there is no index by DID. */
const LOOKS_AT_ONCE = 16

export function heldCollections(
  index: RemovableIndex,
  { make }: StoreCalls,
  signal: AbortSignal,
): HeldCollections {
  let isIndexed = true
  let listed: { readonly nsids: readonly string[]; readonly until: number } | undefined

  async function byDid(did: string): Promise<Set<string>> {
    const held = new Set<string>()
    for (let cursor: string | undefined, isFirst = true; isFirst || cursor !== undefined; isFirst = false) {
      const request = { cursor, signal }
      const page = await make(() => index.collectionsOf(did, request))
      for (const nsid of page.collections) held.add(nsid)
      cursor = page.cursor
    }
    return held
  }

  async function allCollections(): Promise<readonly string[]> {
    if (listed !== undefined && performance.now() < listed.until) return listed.nsids
    const nsids: string[] = []
    for (let cursor: string | undefined, isFirst = true; isFirst || cursor !== undefined; isFirst = false) {
      const request = { cursor, limit: 10_000, signal }
      const page = await make(() => index.listCollections(request))
      nsids.push(...page.collections.map(({ nsid }) => nsid))
      cursor = page.cursor
    }
    listed = { nsids, until: performance.now() + LIST_MS }
    return nsids
  }

  async function byCollection(did: string): Promise<Set<string>> {
    const held = new Set<string>()
    const nsids = await allCollections()
    for (let at = 0; at < nsids.length; at += LOOKS_AT_ONCE) {
      const some = nsids.slice(at, at + LOOKS_AT_ONCE)
      const looks = some.map((nsid) => make(() => index.has(nsid, did, { signal })))
      const answers = await Promise.all(looks)
      for (const [i, nsid] of some.entries()) if (answers[i]) held.add(nsid)
    }
    return held
  }

  return async (did) => {
    if (!isIndexed) return byCollection(did)
    try {
      return await byDid(did)
    } catch (error) {
      if (!isBackfillError(error, 'NOT_INDEXED')) throw error
      isIndexed = false
      return byCollection(did)
    }
  }
}
