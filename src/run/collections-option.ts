import { isValidNsid } from '@atproto/syntax'
import type { CollectionSource } from '../contracts/collection-source.ts'
import { InvalidOptionError, isBackfillError } from '../errors.ts'
import { knownCollections } from '../sources/known-collections.ts'
import { lexiconGarden } from '../sources/lexicon-garden.ts'
import { isPattern, matching } from '../sources/matching.ts'
import { normalNsid } from '../util/nsid.ts'
import type { AskedSource } from './discovery.ts'

/** The option `collections`, sorted by what its entries are. */
export interface CollectionChoice {
  readonly names: readonly string[]
  readonly patterns: readonly string[]
  readonly sources: readonly CollectionSource[]
}

/** The sources that only a relay and a store can give. */
export interface OwnSources {
  /** {@link RepoLister.directory} of each relay that has one. */
  readonly directories: readonly CollectionSource[]
  /** The collections that the index holds. */
  readonly observed: CollectionSource | undefined
}

/** How long a relay's own directory may take, in milliseconds, where nobody asked for it. */
const DIRECTORY_TIMEOUT_MS = 10_000

const EXPECTED =
  'a list of NSIDs such as app.bsky.feed.post, patterns such as app.bsky.*, and sources such as lexiconGarden()'

/** @throws InvalidOptionError for an entry that is neither an NSID, a pattern nor a source */
export function collectionChoice(given: readonly (string | CollectionSource)[] = []): CollectionChoice {
  if (!Array.isArray(given)) throw new InvalidOptionError('collections', EXPECTED, given)
  const names: string[] = []
  const patterns: string[] = []
  const sources: CollectionSource[] = []
  for (const entry of given as readonly unknown[]) {
    if (typeof entry === 'string' && isValidNsid(entry)) names.push(normalNsid(entry))
    else if (typeof entry === 'string' && isPattern(entry)) patterns.push(normalNsid(entry))
    else if (isSource(entry)) sources.push(entry)
    else throw new InvalidOptionError('collections', EXPECTED, entry)
  }
  return { names, patterns, sources }
}

function isSource(entry: unknown): entry is CollectionSource {
  return typeof entry === 'object' && entry !== null && 'collections' in entry
}

/**
 * The sources that a run asks. Names stand for themselves. Patterns leave of the given sources what they match, and of
 * the default sources where none is given. Nothing at all stands for the default sources.
 */
export function sourcesOf(choice: CollectionChoice, own: OwnSources): readonly AskedSource[] {
  const { names, patterns, sources } = choice
  const named = names.length === 0 ? [] : [{ source: knownCollections(names) }]
  const keep: Keep = patterns.length === 0 ? (source) => source : (source) => matching(source, patterns)
  const asked = isDefault(choice)
    ? defaultSources(own, keep)
    : sources.map((source) => ({ source: keep(source) }))
  return [...named, ...asked]
}

/** Whether a source of the run's own is among those that it asks. */
export function isAsked(choice: CollectionChoice, source: CollectionSource): boolean {
  return isDefault(choice) || choice.sources.includes(source)
}

function isDefault({ names, patterns, sources }: CollectionChoice): boolean {
  return sources.length === 0 && (patterns.length > 0 || names.length === 0)
}

type Keep = (source: CollectionSource) => CollectionSource

function defaultSources({ directories, observed }: OwnSources, keep: Keep): readonly AskedSource[] {
  const optional = (directory: CollectionSource): AskedSource => ({
    source: whereThereIsOne(keep(directory)),
    timeoutMs: DIRECTORY_TIMEOUT_MS,
  })
  return [
    { source: keep(lexiconGarden()) },
    ...directories.map(optional),
    ...(observed === undefined ? [] : [{ source: keep(observed) }]),
  ]
}

/** A directory that a relay may have or not: one that has none knows nothing, which is not a failure. */
function whereThereIsOne(directory: CollectionSource): CollectionSource {
  return {
    name: directory.name,
    leastRepos: directory.leastRepos,
    directoryOf: directory.directoryOf,
    async *collections(options) {
      let found = 0
      try {
        for await (const collection of directory.collections(options)) {
          found += 1
          yield collection
        }
      } catch (error) {
        if (found > 0 || !saysThereIsNone(error)) throw error
      }
    },
  }
}

/** What servers answer to a path they do not know: an error of the client's, a redirect or a page for people. */
function saysThereIsNone(error: unknown): boolean {
  if (isBackfillError(error, 'RELAY_REDIRECT') || isBackfillError(error, 'RELAY_BAD_ANSWER')) return true
  // Of the errors that pass, none says so: not a 408, a 429, a 500.
  return isBackfillError(error, 'RELAY_STATUS') && !error.retryable
}
