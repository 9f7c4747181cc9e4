/**
 * `npm run bench -- [name …] [--quick] [--collectiondir PROGRAM] [--pairs N]`: runs the benchmarks named, or all; prints a
 * table for each and writes it into RESULTS.md, unless it was a quick run, or one over N pairs. One that fails does not keep
 * the others from their turn. Ends with 1 when one failed, or when an index was not as the relay served it. With the program
 * of Bluesky's collectiondir, `xrpc` measures that, too; `unscaled` takes the size of its network.
 */
import { parseArgs } from 'node:util'
import { BENCHMARKS } from './benchmarks.ts'
import { saveSection } from './results.ts'
import { runAll } from './run-all.ts'

const { values, positionals } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    collectiondir: { type: 'string' },
    pairs: { type: 'string' },
  },
  allowPositionals: true,
})
const unknown = positionals.filter((name) => !BENCHMARKS.has(name))
if (unknown.length > 0) {
  console.error(`No such benchmark: ${unknown.join(', ')}. There are: ${[...BENCHMARKS.keys()].join(', ')}.`)
  process.exit(2)
}
const pairs = values.pairs === undefined ? undefined : Number(values.pairs)
if (pairs !== undefined && !(pairs >= 1)) {
  console.error(`--pairs is a number of pairs, not ${values.pairs}.`)
  process.exit(2)
}
const named = [...BENCHMARKS].filter(([name]) => positionals.length === 0 || positionals.includes(name))
const allRight = await runAll({
  benchmarks: named,
  quick: values.quick,
  options: { collectiondir: values.collectiondir, pairs },
  async report(name, text) {
    console.log(text)
    if (!values.quick && pairs === undefined) await saveSection(name, text)
  },
})
// One that did not end within its time is still running.
process.exit(allRight ? 0 : 1)
