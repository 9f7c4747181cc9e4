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

/** What the library asks by default. */
export const DEFAULT_SOURCES: readonly SourceName[] = ['garden', 'directory', 'observed']

/** What the help tells of them. */
export const SOURCES_HELP: string = [
  'Sources:',
  ...Object.entries(SOURCES).map(([name, help]) => `  ${name.padEnd(10)} ${help}`),
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
