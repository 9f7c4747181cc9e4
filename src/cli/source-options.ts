import { InvalidArgumentError } from 'commander'
import { words } from './option-values.ts'

/** What a command takes to say which collections. */
export interface SourceOptions {
  readonly collection?: readonly string[]
  readonly source?: readonly SourceRequest[]
}

/** A source as it is asked for: `garden`, or with an address of its own, `garden=https://mirror.example/llms.txt`. */
export interface SourceRequest {
  readonly name: SourceName
  readonly address: string | undefined
}

export type SourceName = 'garden' | 'lexicons' | 'directory' | 'ufos' | 'observed'

const SOURCES: Readonly<Record<SourceName, string>> = {
  garden: "lexicon.garden's list of lexicons",
  lexicons: 'only the lexicons of records there, in twenty requests',
  directory: "the relay's own directory, with sizes, if it has one",
  ufos: 'what UFOs has seen on the firehose, in five repos or more',
  observed: 'what the index holds already',
}

export const ALL_SOURCES: readonly SourceName[] = ['garden', 'lexicons', 'directory', 'ufos', 'observed']

/** Those that a command can ask which opens no index. */
export const SOURCES_WITHOUT_INDEX: readonly SourceName[] = ALL_SOURCES.filter((name) => name !== 'observed')

/** What the library asks by default. */
export const DEFAULT_SOURCES: readonly SourceName[] = ['garden', 'directory', 'observed']

/** What the help tells of them. */
export function sourcesHelp(names: readonly SourceName[] = ALL_SOURCES): string {
  const takers = names.includes('observed') ? 'All but observed take an address.' : 'Each takes an address.'
  return [
    'Sources:',
    ...names.map((name) => `  ${name.padEnd(10)} ${SOURCES[name]}`),
    `garden=https://mirror.example/llms.txt asks another server. ${takers}`,
  ].join('\n')
}

/** One source or several, separated by commas or spaces, added to those given before. */
export function sourceRequestsOf(names: readonly SourceName[]) {
  return (text: string, before: readonly SourceRequest[] = []): readonly SourceRequest[] => [
    ...before,
    ...words(text).map((word) => sourceRequest(word, names)),
  ]
}

function sourceRequest(word: string, names: readonly SourceName[]): SourceRequest {
  const [given, ...address] = word.split('=')
  const name = names.find((known) => known === given)
  if (name === undefined) throw new InvalidArgumentError(`It must be one of ${names.join(', ')}.`)
  return { name, address: address.length === 0 ? undefined : address.join('=') }
}
