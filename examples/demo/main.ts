// The main job on embedded parts: a relay that holds a model of the network, backfilled into a file of SQLite.
import { checkIndex, count } from './check.ts'
import { collectionBackfill } from './command.ts'
import { deleteDatabase } from './database-file.ts'
import { type DemoOptions, HELP, readOptions } from './options.ts'
import { startBundledRelay } from './relay.ts'

const EXIT = { complete: 0, incomplete: 1, interrupted: 130 }

/** @returns the exit code */
async function demo(options: DemoOptions, signal: AbortSignal): Promise<number> {
  await using bundled = await startBundledRelay(options)
  const { relay, network } = bundled
  if (options.fresh) await deleteDatabase(options.data)
  console.log(`holds  ${count(network.collections)} collections, ${count(network.pairs)} pairs`)
  const code = await collectionBackfill([
    'run',
    ...['--relay', relay.url],
    ...['--source', `garden=${relay.gardenUrl}`, 'directory'],
    ...['--data', options.data],
  ])
  if (code !== EXIT.complete) return code
  return (await checkIndex(options.data, relay, signal)) ? EXIT.complete : EXIT.incomplete
}

const interruption = new AbortController()
// The command line gets Ctrl-C too, and ends by itself.
process.on('SIGINT', () => interruption.abort())

try {
  const options = readOptions(process.argv.slice(2))
  if (options === undefined) console.log(HELP)
  else process.exitCode = await demo(options, interruption.signal)
} catch (error) {
  if (interruption.signal.aborted) {
    process.exitCode = EXIT.interrupted
  } else {
    console.error(`demo: ${error instanceof Error ? error.message : String(error)}`)
    process.exitCode = EXIT.incomplete
  }
}
