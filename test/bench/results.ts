import { readFile, writeFile } from 'node:fs/promises'
import { availableParallelism, cpus, platform, release, totalmem } from 'node:os'
import { fileURLToPath } from 'node:url'
import { VERSION } from '../../src/version.ts'
import { type Section, tableLines } from './table.ts'

const FILE = fileURLToPath(new URL('./RESULTS.md', import.meta.url))

const TITLE =
  '# Results of the benchmarks\n\nWritten by `npm run bench`; ratios compare what was measured in one run.\n'

/** Writes what was found, in the place of what an earlier run found under the same name; the others stay. */
export async function saveSection(section: Section): Promise<void> {
  const before = await readFile(FILE, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return ''
    throw error
  })
  await writeFile(FILE, withSection(before, section.name, sectionText(section)))
}

/** @param before the whole file, empty when there is none */
export function withSection(before: string, name: string, text: string): string {
  const [, ...sections] = before.split(/^(?=## )/m)
  const others = sections.filter((section) => !section.startsWith(`## ${name}\n`))
  const all = [...others, text].map((section) => section.trimEnd()).sort()
  return `${[TITLE.trimEnd(), ...all].join('\n\n')}\n`
}

/** A section as it stands in the file and, all the same, on the terminal. */
export function sectionText({ name, setup, head, rows, problems }: Section): string {
  const index =
    problems.length === 0
      ? 'The index was as the relay served it.'
      : `THE INDEX WAS WRONG: ${problems.join('; ')}`
  return [`## ${name}`, '', setup, '', ...tableLines(head, rows), '', `${index} ${machine()}`, ''].join('\n')
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
