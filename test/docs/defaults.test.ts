import { expect, it } from 'vitest'
import { memoryStore } from '../../src/memory/memory-store.ts'
import { settingsOf } from '../../src/run/options.ts'
import { declarations } from './tables.ts'

const declared = declarations()

/** Each option whose `@default` is a number or a string, as it is compared: without underscores and quotes. */
function documentedDefaults(name: string, file = 'index.ts'): Map<string, string> {
  const entries = declared.members(file, name).flatMap(({ name: option, byDefault = '' }) => {
    const [, text, number] = /^'([^']*)'|^(-?[\d_]+)\b/.exec(byDefault) ?? []
    const value = text ?? number?.replaceAll('_', '')
    return value === undefined ? [] : [[option, value] as const]
  })
  return new Map(entries)
}

it('the options of createBackfiller have the defaults of their comments when a run begins', () => {
  const [settings = {}] = settingsOf({ relay: 'relay.example', store: memoryStore() }).relays
  const expectDefaults = (given: object, documented: Map<string, string>) => {
    const actual = [...documented.keys()].map((name) => [name, String(Reflect.get(given, name))])
    expect(actual).toEqual([...documented])
  }
  const documented = documentedDefaults('BackfillOptions')
  expect(documented.size).toBeGreaterThan(3)
  expectDefaults(settings, documented)
  const retry = documentedDefaults('RetryPolicy')
  expect(retry.size).toBe(3)
  expectDefaults(Reflect.get(settings, 'retry'), retry)
})

/** What else takes options: the name of their type, the entry point, and the files that put the defaults in. */
const OTHERS = [
  ['RelayListerOptions', 'index.ts', ['relay/relay-lister.ts', 'http/pacing.ts', 'http/client.ts']],
  ['LexiconGardenOptions', 'index.ts', ['sources/lexicon-garden.ts']],
  ['CollectionDirectoryOptions', 'index.ts', ['sources/collection-directory.ts']],
  ['UfosOptions', 'index.ts', ['sources/ufos.ts']],
  ['PostgresOptions', 'postgres/index.ts', ['postgres/open-postgres.ts']],
] as const

it.each(OTHERS)('%s have the defaults of their comments in the code', (name, entry, files) => {
  const documented = documentedDefaults(name, entry)
  expect(documented.size).toBeGreaterThan(0)
  const defaults = new Map(files.flatMap((file) => [...declared.defaults(file)]))
  const known = [...defaults].filter(([option]) => documented.has(option))
  expect(known.length).toBeGreaterThan(0)
  for (const [option, value] of known) expect(String(value), option).toBe(documented.get(option))
})
