import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { knownCollections } from '../../src/contracts/collection-source.ts'
import { memoryIndexSink } from '../../src/contracts/index-sink.ts'
import { memoryProgressStore } from '../../src/contracts/progress-store.ts'
import { relayLister } from '../../src/relay/relay-lister.ts'
import { settingsOf } from '../../src/run/options.ts'
import { declaredIn } from '../support/declared.ts'

const readme = readFileSync(fileURLToPath(new URL('../../README.md', import.meta.url)), 'utf8')
const declared = declaredIn([
  'index.ts',
  'run/options.ts',
  'util/retry.ts',
  'postgres/index.ts',
  'pglite/index.ts',
  'testing/index.ts',
])

/** The rows of the first table behind a text, as cells, without its heading. */
function tableBehind(text: string): string[][] {
  const [, rest] = readme.split(text, 2)
  if (rest === undefined) throw new Error(`The README does not say: ${text}`)
  const [table = ''] = /(?:^\|.*\n)+/m.exec(rest) ?? []
  const rows = table.trimEnd().split('\n').slice(2)
  return rows.map((row) =>
    row
      .slice(1, -1)
      .split(' | ')
      .map((cell) => cell.trim().replace(/^\| ?/, '')),
  )
}

/** The names in a cell. */
function namesIn(cell = ''): string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name ?? '')
}

/** A default as it is compared: numbers without their underscores, strings without quotes, prose as none at all. */
function plain(text: string | undefined): string | undefined {
  if (text === undefined || text === '' || text === 'none') return undefined
  const number = /^-?[\d_]+\b/.exec(text)
  if (number) return number[0].replaceAll('_', '')
  return /^'([^']*)'/.exec(text)?.[1] ?? (/^[\w.]+$/.test(text) ? text : undefined)
}

/** Option by option, the default in a table. */
function optionsBehind(text: string): Map<string, string | undefined> {
  const rows = tableBehind(text).map(([name, value]) => [namesIn(name), namesIn(value)] as const)
  return new Map(rows.flatMap(([names, [value]]) => names.map((name) => [name, plain(value)] as const)))
}

/** Option by option, the default in a sentence: `f(options)` takes `a`, `b` (default 10) and `c`. */
function optionsTakenBy(call: string): Map<string, string | undefined> {
  const [, sentence = ''] =
    new RegExp(`\`${call}\\([^\`]*\\)\` takes ([^;]*?)[;.]\\n`, 's').exec(readme) ?? []
  const options = [...sentence.matchAll(/`(\w+)`(?: \([^)]*default ([\w.]+)\))?/g)]
  return new Map(options.map(([, name = '', value]) => [name, value]))
}

function plainDefaults(properties: Map<string, string | undefined>): Map<string, string | undefined> {
  return new Map([...properties].map(([name, value]) => [name, plain(value)]))
}

/** That what the code does is what the comments say. */
function expectSame(
  defaults: Map<string, string | number>,
  documented: Map<string, string | undefined>,
): void {
  const known = [...defaults].filter(([name]) => documented.has(name))
  expect(known.length).toBeGreaterThan(0)
  for (const [name, value] of known) expect(String(value), name).toBe(documented.get(name))
}

describe('the options of createBackfiller', () => {
  const table = optionsBehind('`createBackfiller(options)`:')
  const { retry, ...parts } = Object.fromEntries(declared.properties('run/options.ts', 'BackfillOptions'))
  const nested = [...declared.properties('util/retry.ts', 'RetryPolicy')].map(
    ([name, value]) => [`retry.${name}`, value] as const,
  )
  const documented = plainDefaults(new Map([...Object.entries(parts), ...nested]))

  it('are those of the table, with its defaults', () => {
    expect(retry, 'retry has no default of its own').toBeUndefined()
    expect([...table].toSorted()).toEqual([...documented].toSorted())
  })

  it('have these defaults when a run begins', () => {
    const given = {
      lister: relayLister('relay.example'),
      sources: [knownCollections(['app.bsky.feed.post'])],
      sink: memoryIndexSink(),
      progress: memoryProgressStore(),
    }
    const settings: object = settingsOf(given)
    const settingAt = (path: string) =>
      path.split('.').reduce<unknown>((at, key) => Object(at)[key], settings)
    const numbers = [...table].filter(([, value]) => value !== undefined)
    expect(numbers.length).toBeGreaterThan(5)
    for (const [name, value] of numbers) expect(String(settingAt(name)), name).toBe(value)
  })
})

describe('the options of relayLister', () => {
  const table = optionsBehind('`relayLister(relay, options)`')
  const documented = plainDefaults(declared.properties('index.ts', 'RelayListerOptions'))

  it('are those of the table, with its defaults', () => {
    expect([...table].toSorted()).toEqual([...documented].toSorted())
  })

  it.each(['relay/relay-lister.ts', 'http/pacing.ts', 'http/client.ts'])(
    'have these defaults in %s',
    (file) => {
      expectSame(declared.defaults(file), documented)
    },
  )
})

describe('the options of those that open a database', () => {
  it('openPostgres takes what the README says, with its defaults', () => {
    const documented = plainDefaults(declared.properties('postgres/index.ts', 'PostgresOptions'))
    const taken = optionsTakenBy('openPostgres')
    expect([...taken.keys()].toSorted()).toEqual([...documented.keys()].toSorted())
    expect(taken.get('max')).toBe(documented.get('max'))
    expectSame(declared.defaults('postgres/index.ts'), documented)
  })

  it('openPGlite takes what the README says', () => {
    const documented = declared.properties('pglite/index.ts', 'PGliteOptions')
    expect([...optionsTakenBy('openPGlite').keys()]).toEqual([...documented.keys()])
  })
})

describe('the options of the sources', () => {
  const [, section = ''] = /\n## Sources\n([\s\S]*?)\n## /.exec(readme) ?? []
  const sources = [
    ['LexiconGardenOptions', 'sources/lexicon-garden.ts'],
    ['GardenLexiconsOptions', 'sources/garden-lexicons.ts'],
    ['CollectionDirectoryOptions', 'sources/collection-directory.ts'],
    ['UfosOptions', 'sources/ufos.ts'],
  ] as const

  it.each(sources)('%s: each stands in that section, with its default where one is given', (name, file) => {
    const documented = plainDefaults(declared.properties('index.ts', name))
    const given = [...section.matchAll(/`(\w+)`(?: \(default ([\w.]+)\))?/g)]
    const mentioned = new Map(given.map(([, option = '', value]) => [option, value]))
    expect([...documented.keys()].filter((option) => !mentioned.has(option))).toEqual([])
    for (const [option, value] of mentioned) {
      if (value !== undefined && documented.has(option)) expect(value).toBe(documented.get(option))
    }
    expectSame(declared.defaults(file), documented)
  })
})

describe('the other tables', () => {
  const first = (rows: string[][]) => rows.flatMap(([cell]) => namesIn(cell)).toSorted()

  it('have every hook', () => {
    const hooks = declared.properties('index.ts', 'BackfillHooks')
    expect(first(tableBehind('Hooks tell the rest.'))).toEqual([...hooks.keys()].toSorted())
  })

  it('have every field of a page event', () => {
    const fields = declared.properties('index.ts', 'PageEvent')
    expect(first(tableBehind('The loop gives a page event'))).toEqual([...fields.keys()].toSorted())
  })

  it('have every conformance suite', () => {
    const suites = [...declared.values('testing/index.ts').keys()].filter((name) => name.endsWith('Suite'))
    expect(first(tableBehind('## Prove it'))).toEqual(suites.toSorted())
  })
})

describe('the table of errors', () => {
  const rows = tableBehind('## Errors').map(([name, codes]) => ({
    name: namesIn(name)[0],
    codes: namesIn(codes),
  }))
  const errors = new Map(
    [...declared.values('index.ts')].filter(([, { bases }]) => bases.includes('BackfillError')),
  )

  it('has every code, once', () => {
    const codes = declared.strings('index.ts', 'BackfillErrorCode')
    expect(codes.length).toBeGreaterThan(10)
    expect(rows.flatMap((row) => row.codes).toSorted()).toEqual(codes.toSorted())
  })

  it('has every class, with the code that it carries', () => {
    const named = rows.flatMap(({ name, codes }) => (name === undefined ? [] : [{ name, codes }]))
    expect(named.map(({ name }) => name).toSorted()).toEqual([...errors.keys()].toSorted())
    for (const { name, codes } of named) {
      const { errorCode } = errors.get(name) ?? {}
      // RelayError is given its code by whoever throws it.
      if (name !== 'RelayError') expect(codes, name).toEqual([errorCode])
    }
  })
})
