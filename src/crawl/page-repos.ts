import type { IndexBatch } from '../contracts/index-sink.ts'
import type { FetchedPage } from '../paging/prefetch.ts'
import { childController } from '../util/abort.ts'
import { createRepoAsker, type HeldRepo, type RepoAskerParts } from './ask-repo.ts'
import { createPagePairs, tooManyPairs } from './page-pairs.ts'

/** A page of a host's repos with what each of them holds. */
export interface ReposPage extends FetchedPage {
  readonly batches: readonly IndexBatch[]
  readonly described: number
  readonly absent: number
  /** The repos that could not be read, with what came of them. */
  readonly failures: readonly { readonly did: string; readonly error: unknown }[]
  /** Repos with more collections than are taken of one. */
  readonly cut: number
}

/** How many repos of one host are asked for at once: at eight requests a second, answers may take two seconds. */
const REPOS_AT_ONCE = 16

/** Asks a host for each repo of a page. */
export interface RepoReader {
  /**
   * A repo that fails is not its host's failure, as long as the host answers: for another repo since, or when it is asked
   * for its list. Then it is among the failures of the page. If the host does not answer, or twenty repos in a row fail, the page
   * fails with the error.
   */
  read(page: FetchedPage, signal: AbortSignal): Promise<ReposPage>
}

export function createRepoReader(parts: RepoAskerParts): RepoReader {
  const { emit } = parts
  const host = parts.client.lister.relay
  const asker = createRepoAsker(parts)

  function count(
    did: string,
    { collections, leftOut }: HeldRepo,
    counts: { described: number; cut: number },
  ): void {
    counts.described += 1
    if (leftOut === 0) return
    counts.cut += 1
    emit({ type: 'repoCut', host, did, taken: collections.length, leftOut })
  }

  return {
    async read(page, signal) {
      const isFirstPage = page.next.pages <= 1
      const reading = childController(signal)
      const left = page.page.dids.values()
      const pairs = createPagePairs()
      const counts = { described: 0, absent: 0, cut: 0 }
      const failures: { did: string; error: unknown }[] = []
      const readInto = async (did: string) => {
        const outcome = await asker.ask(did, isFirstPage, reading.signal)
        if (outcome === 'absent') counts.absent += 1
        else if ('error' in outcome) failures.push({ did, ...outcome })
        else if (!pairs.add(did, outcome)) failures.push({ did, error: tooManyPairs(host) })
        else count(did, outcome, counts)
      }
      // They share one iterator: a promise for each repo of each host's page would take most of the memory.
      const readSome = async () => {
        for (const did of left) await readInto(did)
      }
      try {
        await Promise.all(Array.from({ length: REPOS_AT_ONCE }, readSome))
      } finally {
        reading.abort()
      }
      const flags = counts.cut > 0 ? (['reposCut'] as const) : undefined
      return { ...page, batches: pairs.batches(host), flags, failures, ...counts }
    },
  }
}
