/**
 * `npm run bench -- [name …] [--quick]`: runs the benchmarks named, or all; prints a table for each and writes it into
 * RESULTS.md, unless it was a quick run. One that fails does not keep the others from their turn. Ends with 1 when one failed,
 * or when an index was not as the relay served it.
 */
import { parseArgs } from 'node:util'
import { answered } from '../../src/time.ts'
import { BENCHMARKS, type Benchmark } from './benchmarks.ts'
import { failureText, saveSection, sectionText } from './results.ts'

/** Several times what the longest one takes. */
const LIMIT_MS = 15 * 60_000

/** @returns whether everything was right */
async function runOne(name: string, benchmark: Benchmark, quick: boolean): Promise<boolean> {
  const late = () => new Error(`no end within ${LIMIT_MS / 60_000} minutes`)
  const { text, right } = await answered(benchmark(quick), LIMIT_MS, late).then(
    (section) => ({ text: sectionText(section), right: section.problems.length === 0 }),
    (error: unknown) => {
      console.error(error)
      return { text: failureText(name, error), right: false }
    },
  )
  console.log(text)
  if (!quick) await saveSection(name, text)
  return right
}

async function main(names: readonly string[], quick: boolean): Promise<number> {
  let allRight = true
  for (const [name, benchmark] of BENCHMARKS) {
    if (names.includes(name)) allRight = (await runOne(name, benchmark, quick)) && allRight
  }
  return allRight ? 0 : 1
}

const { values, positionals } = parseArgs({
  options: { quick: { type: 'boolean', default: false } },
  allowPositionals: true,
})
const unknown = positionals.filter((name) => !BENCHMARKS.has(name))
if (unknown.length > 0) {
  console.error(`No such benchmark: ${unknown.join(', ')}. There are: ${[...BENCHMARKS.keys()].join(', ')}.`)
  process.exit(2)
}
// The embedded Postgres would end this process with 0 whatever comes of it.
process.exit(await main(positionals.length > 0 ? positionals : [...BENCHMARKS.keys()], values.quick))
