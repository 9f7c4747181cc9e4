// The main job on embedded parts: a relay that holds a model of the network, backfilled into a PGlite folder.
import { openPGlite } from 'atproto-collection-backfill/pglite'
import { backfill } from './backfill.ts'
import { checkIndex } from './check.ts'
import { deleteDatabase } from './folder.ts'
import { plural } from './format.ts'
import { type DemoOptions, HELP, readOptions } from './options.ts'
import { startBundledRelay } from './relay.ts'
import { type Target, targetOf } from './target.ts'

const EXIT = { complete: 0, incomplete: 1, interrupted: 130 }

async function demo(options: DemoOptions, signal: AbortSignal): Promise<number> {
  await using bundled = options.relay === undefined ? await startBundledRelay(options) : undefined
  const target = targetOf(options, bundled)
  announce(target, options)
  if (options.fresh) await deleteDatabase(options.data)
  await using store = await openPGlite(options.data)
  if (!(await backfill({ target, store, signal }))) return EXIT.incomplete
  if (bundled === undefined) return EXIT.complete
  return (await checkIndex(store.db, bundled.relay, signal)) ? EXIT.complete : EXIT.incomplete
}

function announce({ lister, network }: Target, { data }: DemoOptions): void {
  console.log(`relay  ${lister.source}`)
  if (network)
    console.log(`holds  ${plural(network.collections, 'collection')}, ${plural(network.pairs, 'pair')}`)
  console.log(`index  ${data} (PGlite)`)
}

const interruption = new AbortController()
process.on('SIGINT', () => {
  // Whoever asks twice does not want to wait.
  if (interruption.signal.aborted) process.exit(EXIT.interrupted)
  interruption.abort()
})

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
