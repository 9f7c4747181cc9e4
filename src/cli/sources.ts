import { InvalidArgumentError } from 'commander'
import { type CollectionSource, knownCollections } from '../collection-source.ts'
import { lexiconGarden } from '../sources/lexicon-garden.ts'
import { UsageError } from './usage-error.ts'
import { words } from './values.ts'

/** What a source may need besides its own address. */
export interface SourceParts {
  /** The relay of the run, where there is one. */
  readonly relay: string | undefined
  /** The collections of the own index; absent where there is no database. */
  readonly observed: CollectionSource | undefined
}

/** A source as it is asked for: `garden`, or with an address of its own, `garden=https://mirror.example/llms.txt`. */
export interface SourceRequest {
  readonly name: SourceName
  readonly address: string | undefined
}

export type SourceName = 'garden' | 'observed'

/** @returns nothing where that source cannot be, for want of a part */
type Make = (address: string | undefined, parts: SourceParts) => CollectionSource | undefined

const SOURCES: Readonly<Record<SourceName, { help: string; make: Make }>> = {
  garden: {
    help: "lexicon.garden's list of lexicons",
    make: (url) => lexiconGarden({ url }),
  },
  observed: {
    help: 'what the own index holds already',
    make: (_, { observed }) => observed,
  },
}

/** Asked when none is named. */
export const DEFAULT_SOURCES: readonly SourceRequest[] = (['garden', 'observed'] as const).map((name) => ({
  name,
  address: undefined,
}))

export const SOURCE_HELP: string = Object.entries(SOURCES)
  .map(([name, { help }]) => `${name} (${help})`)
  .join(', ')

/** One source or several, separated by commas or spaces, added to those given before. */
export function sourceRequests(
  text: string,
  before: readonly SourceRequest[] = [],
): readonly SourceRequest[] {
  return [...before, ...words(text).map(sourceRequest)]
}

function sourceRequest(word: string): SourceRequest {
  const [name = '', ...address] = word.split('=')
  if (!isSourceName(name)) {
    throw new InvalidArgumentError(`It must be one of ${Object.keys(SOURCES).join(', ')}.`)
  }
  return { name, address: address.length === 0 ? undefined : address.join('=') }
}

function isSourceName(name: string): name is SourceName {
  return Object.hasOwn(SOURCES, name)
}

/**
 * The sources of a run: those that are asked for, and the collections that are named. Named ones alone mean no others.
 *
 * @throws UsageError when none is left
 */
export function sourcesOf(
  requests: readonly SourceRequest[],
  collections: readonly string[],
  parts: SourceParts,
): CollectionSource[] {
  const named = collections.length > 0 ? [knownCollections(collections)] : []
  const asked = requests.length > 0 || named.length > 0 ? requests : DEFAULT_SOURCES
  const made = asked.flatMap(({ name, address }) => SOURCES[name].make(address, parts) ?? [])
  const sources = [...named, ...made]
  if (sources.length === 0) {
    throw new UsageError(
      'The only source, observed, needs a database: give --database or --data, or another --source.',
    )
  }
  return sources
}
