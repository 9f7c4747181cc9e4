// The main job on embedded parts: a relay that holds a model of the network, backfilled into a file of SQLite.
import { collectionBackfill } from './command.ts'
import { deleteDatabase } from './database-file.ts'
import { type DemoOptions, HELP, readOptions } from './options.ts'
import { startBundledRelay } from './relay.ts'

const EXIT = { complete: 0, incomplete: 1, interrupted: 130 }

/** @returns the exit code */
async function demo(options: DemoOptions): Promise<number> {
  await using bundled = await startBundledRelay(options)
  const { relay, network } = bundled
  if (options.fresh) await deleteDatabase(options.data)
  const held = [network.collections, network.pairs].map((count) => count.toLocaleString('en-US'))
  console.log(`holds  ${held[0]} collections, ${held[1]} pairs`)
  const where = ['--relay', relay.url, '--data', options.data]
  const sources = ['--source', `garden=${relay.gardenUrl}`, 'directory']
  const code = await collectionBackfill(['run', ...where, ...sources])
  return code === EXIT.complete ? await collectionBackfill(['verify', ...where]) : code
}

const interruption = new AbortController()
// The command line gets Ctrl-C too, and ends by itself.
process.on('SIGINT', () => interruption.abort())

try {
  const options = readOptions(process.argv.slice(2))
  if (options === undefined) console.log(HELP)
  else process.exitCode = await demo(options)
} catch (error) {
  if (interruption.signal.aborted) {
    process.exitCode = EXIT.interrupted
  } else {
    console.error(`demo: ${error instanceof Error ? error.message : String(error)}`)
    process.exitCode = EXIT.incomplete
  }
}
