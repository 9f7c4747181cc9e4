/**
 * Chaos: worker processes that are killed and paused share one backfill, with a database that is restarted hard and a
 * relay that is faulty; or, with `--scene crawl`, one crawl of a network of hosts. Prints what was done and what came of it; ends with 1 when the promise was broken.
 */
import { crawlMain } from './crawl-main.ts'
import { type ChaosOptions, parseOptions, USAGE } from './options.ts'
import { figureLines, violations } from './report.ts'
import { runChaos } from './run.ts'
import { SERVE_USAGE, serveMain } from './serve/main.ts'

const MAX_SHOWN = 20

class Stopped extends Error {}

function optionsOrEnd(): ChaosOptions {
  try {
    return parseOptions(process.argv.slice(2))
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n${USAGE}\n${SERVE_USAGE}`)
    process.exit(2)
  }
}

function stopOnSignals(): AbortController {
  const stop = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => stop.abort(new Stopped(`Stopped by ${signal}.`)))
  }
  return stop
}

async function main(options: ChaosOptions, stop: AbortController): Promise<number> {
  const { seconds, seed, workers, synchronousCommit } = options
  console.log(
    `${workers} workers, ${seconds} s of chaos, seed ${seed}, ${options.database}, synchronous_commit ${synchronousCommit}, fence ${options.fence}`,
  )
  const report = await runChaos(options, { signal: stop.signal, say: (line) => console.log(line) })
  const broken = violations(report)
  console.log(`\n${figureLines(report).join('\n')}\n`)
  if (broken.length === 0) {
    console.log('The promise was kept.')
    return 0
  }
  console.log(`The promise was broken:\n${broken.slice(0, MAX_SHOWN).join('\n')}`)
  if (broken.length > MAX_SHOWN) console.log(`and ${broken.length - MAX_SHOWN} more`)
  return 1
}

const args = process.argv.slice(2)
const scene = args.includes('--scene') ? args[args.indexOf('--scene') + 1] : undefined

async function chosen(): Promise<number> {
  // Its processes end with it.
  if (scene === 'serve') return await serveMain(args)
  const stop = stopOnSignals()
  return scene === 'crawl' ? await crawlMain(args, stop.signal) : await main(optionsOrEnd(), stop)
}

try {
  process.exitCode = await chosen()
} catch (error) {
  console.error(error instanceof Stopped ? error.message : error)
  process.exitCode = 1
}
