import { readFile, writeFile } from 'node:fs/promises'
import { availableParallelism, cpus, platform, release, totalmem } from 'node:os'
import { fileURLToPath } from 'node:url'
import { VERSION } from '../../src/util/version.ts'
import { goalTable, type Section, tableLines } from './table.ts'

const FILE = fileURLToPath(new URL('./RESULTS.md', import.meta.url))

/** The benchmarks as they stand in the file. */
const ORDER: readonly string[] = [
  'network',
  'unscaled',
  'database',
  'embedded',
  'overhead',
  'workers',
  'faulty',
  'xrpc',
  'prune',
  'start',
]

const TITLE =
  '# Results of the benchmarks\n\nWritten by `npm run bench`; ratios compare what was measured in one run.\n' +
  'A section that is not named after a benchmark is written by hand, and stays.\n'

/** Writes what was found, in the place of what an earlier run found under the same name; the others stay. */
export async function saveSection(name: string, text: string): Promise<void> {
  const before = await readFile(FILE, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return ''
    throw error
  })
  await writeFile(FILE, withSection(before, name, text))
}

/**
 * Sections that no benchmark wrote stay as they are, behind the others.
 *
 * @param before the whole file, empty when there is none
 */
export function withSection(before: string, name: string, text: string): string {
  const [, ...sections] = before.split(/^(?=## )/m)
  const nameOf = (section: string) => /^## (.*)/.exec(section)?.[1] ?? ''
  const placeOf = (section: string) => {
    const place = ORDER.indexOf(nameOf(section))
    return place < 0 ? ORDER.length : place
  }
  const others = sections.filter((section) => nameOf(section) !== name)
  const all = [...others, text].map((section) => section.trimEnd())
  return `${[TITLE.trimEnd(), ...all.toSorted((a, b) => placeOf(a) - placeOf(b))].join('\n\n')}\n`
}

/** A section as it stands in the file and, all the same, on the terminal. */
export function sectionText({ name, setup, goals, tables, problems, allRight }: Section): string {
  const index =
    problems.length === 0
      ? (allRight ?? 'The index was as the relay served it.')
      : `THE ${allRight === undefined ? 'INDEX WAS' : 'RUNS WERE'} WRONG: ${problems.join('; ')}`
  const blocks = [
    `## ${name}`,
    ...setup,
    ...[goalTable(goals), ...tables].map((table) => tableLines(table).join('\n')),
    `${index} ${machine()}`,
  ]
  return `${blocks.join('\n\n')}\n`
}

/** In the place of figures, so that nobody takes those of an earlier run for this one's. */
export function failureText(name: string, error: unknown): string {
  const why = error instanceof Error ? error.message : String(error)
  return `## ${name}\n\nIT FAILED: ${why}\n\n${machine()}\n`
}

function machine(): string {
  const cpu = cpus()[0]?.model ?? 'unknown CPU'
  const memory = `${Math.round(totalmem() / 2 ** 30)} GiB`
  const date = new Date().toISOString().slice(0, 10)
  return (
    `${date}, ${platform()} ${release()}, ${cpu}, ${availableParallelism()} cores, ${memory}; ` +
    `Node ${process.versions.node}, version ${VERSION} of the library.`
  )
}
