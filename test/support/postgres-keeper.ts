/**
 * A process that stops the Postgres whose data are in a folder, and removes the folder, when its stdin ends: that is when the
 * process that started it wants so, and also when that process is killed and can no longer tidy up.
 */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { stopHard } from './postgres-process.ts'

const [folder] = process.argv.slice(2)
if (folder === undefined) throw new Error('The folder is missing.')
for await (const _ of process.stdin) {
  // Only the end is waited for.
}
await stopHard(join(folder, 'data'))
// Where the server was not up yet, its first files may still be written.
rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 })
