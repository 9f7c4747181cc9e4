/**
 * `npm run bench -- [name …] [--quick]`: runs the benchmarks named, or all; prints a table for each and writes it into
 * RESULTS.md, unless it was a quick run. Ends with 1 when an index was not as the relay served it.
 */
import { parseArgs } from 'node:util'
import { BENCHMARKS } from './benchmarks.ts'
import { saveSection, sectionText } from './results.ts'

async function main(names: readonly string[], quick: boolean): Promise<number> {
  let wrong = 0
  for (const name of names) {
    const section = await BENCHMARKS.get(name)?.(quick)
    if (section === undefined) continue
    console.log(sectionText(section))
    if (section.problems.length > 0) wrong += 1
    else if (!quick) await saveSection(section)
  }
  return wrong === 0 ? 0 : 1
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
