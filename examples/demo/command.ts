import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

/** What `npx atproto-collection-backfill` runs where the package is installed. */
const COMMAND = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))

/** Runs the package's command line in the terminal that this program has. @returns its exit code */
export async function collectionBackfill(args: readonly string[]): Promise<number> {
  const child = fork(COMMAND, args)
  // Ctrl-C goes to both; this goes to the one that it is sent to.
  const passOn = () => child.kill('SIGTERM')
  process.on('SIGTERM', passOn)
  const [code] = await once(child, 'exit')
  process.off('SIGTERM', passOn)
  return Number(code ?? 1)
}
