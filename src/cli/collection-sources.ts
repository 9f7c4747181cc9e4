import type { CollectionSource } from '../contracts/collection-source.ts'
import { collectionDirectory } from '../sources/collection-directory.ts'
import { lexiconGarden } from '../sources/lexicon-garden.ts'
import { ufos } from '../sources/ufos.ts'
import type { SourceName, SourceOptions, SourceRequest } from './source-options.ts'
import { UsageError } from './usage-error.ts'

/** What a source may need besides its own address. */
export interface SourceParts {
  /** The relays of the run. */
  readonly relays: readonly string[]
  /** The collections of the own index; absent where there is no database. */
  readonly observed: CollectionSource | undefined
}

interface SourceMaker {
  /** What to give when a part is missing. */
  readonly needs?: string
  /** @returns none where it cannot be, for want of a part; several where each relay is asked */
  make(address: string | undefined, parts: SourceParts): readonly CollectionSource[]
}

const MAKERS: Readonly<Record<SourceName, SourceMaker>> = {
  garden: { make: (url) => [lexiconGarden({ url })] },
  lexicons: { make: (url) => [lexiconGarden({ url, recordsOnly: true })] },
  directory: {
    needs: '--relay HOST',
    make: (address, { relays }) =>
      (address === undefined ? relays : [address]).map((relay) => collectionDirectory(relay)),
  },
  ufos: { make: (url) => [ufos({ url })] },
  observed: {
    needs: '--database or --data',
    make: (_, { observed }) => (observed === undefined ? [] : [observed]),
  },
}

/**
 * The option `collections` of a run: the names and patterns that are given, and the sources that are asked for.
 *
 * @throws UsageError when one that is asked for cannot be
 */
export function collectionsOf(
  { collection = [], source = [] }: SourceOptions,
  parts: SourceParts,
): (string | CollectionSource)[] {
  return [...collection, ...source.flatMap((request) => mustMake(request, parts))]
}

function mustMake({ name, address }: SourceRequest, parts: SourceParts): readonly CollectionSource[] {
  const { needs, make } = MAKERS[name]
  const made = make(address, parts)
  if (made.length === 0) throw new UsageError(`The source ${name} needs ${needs}.`)
  return made
}
