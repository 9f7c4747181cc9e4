import { InvalidArgumentError } from 'commander'
import type { CollectionSource } from '../contracts/collection-source.ts'
import { collectionDirectory } from '../sources/collection-directory.ts'
import { lexiconGarden } from '../sources/lexicon-garden.ts'
import { ufos } from '../sources/ufos.ts'
import { words } from './option-values.ts'
import { UsageError } from './usage-error.ts'

/** What a command takes to say which collections. */
export interface SourceOptions {
  readonly collection?: readonly string[]
  readonly source?: readonly SourceRequest[]
}

/** What a source may need besides its own address. */
export interface SourceParts {
  /** The relays of the run. */
  readonly relays: readonly string[]
  /** The collections of the own index; absent where there is no database. */
  readonly observed: CollectionSource | undefined
}

/** A source as it is asked for: `garden`, or with an address of its own, `garden=https://mirror.example/llms.txt`. */
export interface SourceRequest {
  readonly name: SourceName
  readonly address: string | undefined
}

export type SourceName = 'garden' | 'lexicons' | 'directory' | 'ufos' | 'observed'

interface NamedSource {
  readonly help: string
  /** What to give when a part is missing. */
  readonly needs?: string
  /** @returns none where it cannot be, for want of a part; several where each relay is asked */
  make(address: string | undefined, parts: SourceParts): readonly CollectionSource[]
}

const SOURCES: Readonly<Record<SourceName, NamedSource>> = {
  garden: {
    help: "lexicon.garden's list of lexicons",
    make: (url) => [lexiconGarden({ url })],
  },
  lexicons: {
    help: 'only the lexicons of records there, in twenty requests',
    make: (url) => [lexiconGarden({ url, recordsOnly: true })],
  },
  directory: {
    help: "the relay's own directory, with sizes, if it has one",
    needs: '--relay HOST',
    make: (address, { relays }) =>
      (address === undefined ? relays : [address]).map((relay) => collectionDirectory(relay)),
  },
  ufos: {
    help: 'what UFOs has seen on the firehose, in five repos or more',
    make: (url) => [ufos({ url })],
  },
  observed: {
    help: 'what the index holds already',
    needs: '--database or --data',
    make: (_, { observed }) => (observed === undefined ? [] : [observed]),
  },
}

/** What the library asks by default. */
export const DEFAULT_SOURCES: readonly SourceName[] = ['garden', 'directory', 'observed']

/** What the help tells of them. */
export const SOURCES_HELP: string = [
  'Sources:',
  ...Object.entries(SOURCES).map(([name, { help }]) => `  ${name.padEnd(10)} ${help}`),
  'garden=https://mirror.example/llms.txt asks another server. All but observed take an address.',
].join('\n')

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
  const { needs, make } = SOURCES[name]
  const made = make(address, parts)
  if (made.length === 0) throw new UsageError(`The source ${name} needs ${needs}.`)
  return made
}
