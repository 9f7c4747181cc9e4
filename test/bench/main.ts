/**
 * `npm run bench -- [name …] [--quick] [--collectiondir PROGRAM]`: runs the benchmarks named, or all; prints a table for each and writes it into
 * RESULTS.md, unless it was a quick run. One that fails does not keep the others from their turn. Ends with 1 when one failed,
 * or when an index was not as the relay served it. With the program of Bluesky's collectiondir, `xrpc` measures that, too.
 */
import { parseArgs } from 'node:util'
import { BENCHMARKS } from './benchmarks.ts'
import { saveSection } from './results.ts'
import { runAll } from './run-all.ts'

const { values, positionals } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, collectiondir: { type: 'string' } },
  allowPositionals: true,
})
const unknown = positionals.filter((name) => !BENCHMARKS.has(name))
if (unknown.length > 0) {
  console.error(`No such benchmark: ${unknown.join(', ')}. There are: ${[...BENCHMARKS.keys()].join(', ')}.`)
  process.exit(2)
}
const named = [...BENCHMARKS].filter(([name]) => positionals.length === 0 || positionals.includes(name))
const allRight = await runAll({
  benchmarks: named,
  quick: values.quick,
  options: { collectiondir: values.collectiondir },
  async report(name, text) {
    console.log(text)
    if (!values.quick) await saveSection(name, text)
  },
})
// One that did not end within its time is still running.
process.exit(allRight ? 0 : 1)
