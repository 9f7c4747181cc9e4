import { isValidNsid } from '@atproto/syntax'
import type { CollectionSource } from '../contracts/collection-source.ts'
import { mustHave } from '../util/validate-options.ts'
import { type CollectionDirectoryOptions, collectionDirectory } from './collection-directory.ts'

/**
 * The collections of a source, with the number of repos that a relay's directory knows for those without an estimate: a
 * source itself. So a run can begin with the biggest, and tell how long it will take.
 *
 * The directory is read first; collections that only it knows are left out. Without it the source's collections are given
 * as they are, and then the directory's error ends the list, so that it shows.
 *
 * @param relay a host, or an http or https URL, whose `/v1/listCollections` is asked
 * @param options how it is asked; a `timeoutMs` leaves the source the rest of the run's `discoveryTimeoutMs`
 * @throws InvalidOptionError
 */
export function estimated(
  source: CollectionSource,
  relay: string,
  options: CollectionDirectoryOptions = {},
): CollectionSource {
  mustHave('source', source, 'collections', 'a CollectionSource such as lexiconGarden()')
  const directory = collectionDirectory(relay, options)
  return {
    name: `${source.name} (estimated by ${directory.name})`,
    live: source.live,
    async *collections({ signal } = {}) {
      const { counts, failure } = await readCounts(directory, signal)
      for await (const collection of source.collections({ signal })) {
        const estimatedRepos = collection?.estimatedRepos ?? counts.get(collection?.nsid)
        yield estimatedRepos === undefined ? collection : { ...collection, estimatedRepos }
      }
      if (failure) throw failure.error
    },
  }
}

/** What the directory told before it ended, with its error or without one. */
async function readCounts(
  directory: CollectionSource,
  signal: AbortSignal | undefined,
): Promise<{ counts: Map<string, number>; failure?: { error: unknown } }> {
  const counts = new Map<string, number>()
  try {
    for await (const { nsid, estimatedRepos } of directory.collections({ signal })) {
      if (estimatedRepos !== undefined && isValidNsid(nsid)) counts.set(nsid, estimatedRepos)
    }
    return { counts }
  } catch (error) {
    // An abort is the caller's decision, not a failure of the directory.
    signal?.throwIfAborted()
    return { counts, failure: { error } }
  }
}
