import type { Meter } from '@opentelemetry/api'
import { createInstruments } from '../../src/opentelemetry/instruments.ts'
import { type Declarations, type Documented, type DocumentedMember, declarationsOf } from './declarations.ts'

/** The entry points by the name of their import; the root is `.`. */
const ENTRIES: Readonly<Record<string, string>> = {
  '.': 'index.ts',
  './kysely': 'kysely/index.ts',
  './postgres': 'postgres/index.ts',
  './sqlite': 'sqlite/index.ts',
  './server': 'server/index.ts',
  './live': 'live/index.ts',
  './opentelemetry': 'opentelemetry/index.ts',
  './testing': 'testing/index.ts',
}

export const ENTRY_FILES: readonly string[] = Object.values(ENTRIES)

/**
 * The tables that pages ask for, each by a line `<!-- table: KIND NAME -->` above it and `<!-- end of table -->` below:
 * what stands between is made of the doc comments.
 */
const KINDS: Readonly<Record<string, (declared: Declarations, name: string) => string[]>> = {
  options: (declared, name) => optionsTable(membersOf(declared, name)),
  // Without those that it inherits, for a page that has them in a table of their own.
  'own-options': (declared, name) => optionsTable(declared.ownMembers(entryOf(declared, name), name)),
  fields: (declared, name) =>
    table(
      ['field', 'meaning'],
      // An error's name is its class, as with every error.
      membersOf(declared, name)
        .filter((each) => each.name !== 'name' || each.comment !== '')
        .map((each) => [code(each.name), each.comment]),
    ),
  events: (declared, name) =>
    table(
      ['`type`', 'when', 'fields'],
      declared
        .variants(entryOf(declared, name), name)
        .map((each) => [
          code(each.name),
          each.comment,
          each.fields.map((field) => code(field.name)).join(', '),
        ]),
    ),
  codes: (declared, name) =>
    table(
      ['`code`', 'class', 'meaning'],
      membersOf(declared, name).map((each) => [code(each.name), code(each.type), each.comment]),
    ),
  exports: (declared, name) => exportsTable(declared, name),
  suites: (declared, name) =>
    table(
      ['suite', 'what it proves'],
      declared
        .exports(fileOf(name))
        .filter((each) => each.name.endsWith('Suite') && each.kind === 'value')
        .map((each) => [code(each.name), each.comment]),
    ),
  metrics: () => table(['metric', 'unit', 'meaning'], metrics()),
}

const MARKED = /(<!-- table: ([\w-]+) (\S+) -->\n)[\s\S]*?(<!-- end of table -->)/g

/** Puts the tables into a page, each between its two lines. */
export function withTables(page: string, declared: Declarations): string {
  return page.replace(MARKED, (_, begin: string, kind: string, name: string, end: string) => {
    const make = KINDS[kind]
    if (make === undefined) throw new Error(`There is no kind of table "${kind}".`)
    const lines = make(declared, name)
    if (lines.length < 3) throw new Error(`The table "${kind} ${name}" is empty.`)
    return `${begin}\n${lines.join('\n')}\n\n${end}`
  })
}

export function declarations(): Declarations {
  return declarationsOf(ENTRY_FILES)
}

function fileOf(entry: string): string {
  const file = ENTRIES[entry]
  if (file === undefined) throw new Error(`There is no entry point "${entry}".`)
  return file
}

/** The entry point that exports a name. */
function entryOf(declared: Declarations, name: string): string {
  const file = ENTRY_FILES.find((each) => declared.exports(each).some((exported) => exported.name === name))
  if (file === undefined) throw new Error(`No entry point exports ${name}.`)
  return file
}

function membersOf(declared: Declarations, name: string): DocumentedMember[] {
  return declared.members(entryOf(declared, name), name)
}

function optionsTable(options: readonly DocumentedMember[]): string[] {
  return table(
    ['option', 'default', 'meaning'],
    options.map((each) => [code(each.name), defaultOf(each), each.comment]),
  )
}

/** What is there when a program runs, with the first sentence of its comment. Types are found from there. */
function exportsTable(declared: Declarations, entry: string): string[] {
  const values = declared.exports(fileOf(entry)).filter(({ kind }) => kind !== 'type')
  return table(
    ['name', 'what it is'],
    values.map((each) => [
      code(each.kind === 'function' ? `${each.name}()` : each.name),
      firstSentence(each),
    ]),
  )
}

function firstSentence({ comment }: Documented): string {
  return /^.*?[.:](?= |$)/.exec(comment)?.[0].replace(/:$/, '.') ?? comment
}

/** The metrics, as the code makes them. */
function metrics(): string[][] {
  const rows: string[][] = []
  const note = (name: string, options: { unit?: string; description?: string } = {}) => {
    rows.push([code(name), code(options.unit ?? ''), options.description ?? ''])
  }
  createInstruments({
    createCounter: note,
    createHistogram: note,
    createObservableGauge: note,
  } as unknown as Meter)
  return rows
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return [line(head), `|${'---|'.repeat(head.length)}`, ...rows.map(line)].map((row) =>
    row.replaceAll(/ {2,}/g, ' '),
  )
}

function defaultOf({ byDefault }: Documented): string {
  if (byDefault === undefined) return ''
  return /^(?:-?[\d_]+|'[^']*'|\w+(?:\.\w+)*\(?\)?)$/.test(byDefault) && byDefault !== 'none'
    ? code(byDefault)
    : byDefault
}

function code(text: string): string {
  return text === '' ? '' : `\`${text}\``
}
