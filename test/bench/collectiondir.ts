import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from '../support/program.ts'

/** Bluesky's own server of such lists, and where its database is. */
export interface CollectionDir {
  readonly program: string
  readonly folder: string
}

/** It closes its database while the last hundred rows that it has read are still on their way there. */
const FILLER = Array.from(
  { length: 1_000 },
  (_, i) => `did:web:filler${i}.invalid,com.example.bench.filler\n`,
)

/** Builds its database from pairs. */
export async function fillCollectionDir(
  { program, folder }: CollectionDir,
  pairs: Iterable<{ collection: string; dids: readonly string[] }>,
): Promise<void> {
  const child = spawn(program, ['build', '--csv', '-', '--pebble', `${folder}/pairs.pebble`], {
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  const ended = once(child, 'exit')
  for (const { collection, dids } of pairs)
    if (!child.stdin.write(dids.map((did) => `${did},${collection}\n`).join('')))
      await once(child.stdin, 'drain')
  child.stdin.end(FILLER.join(''))
  await ended
}

export interface CollectionDirServer extends AsyncDisposable {
  readonly port: number
}

/** Serves what {@link fillCollectionDir} has built; it follows nothing. */
export async function startCollectionDir({ program, folder }: CollectionDir): Promise<CollectionDirServer> {
  const [port, metricsPort] = [await freePort(), await freePort()]
  const args = ['serve', '--api-listen', `127.0.0.1:${port}`, '--metrics-listen', `127.0.0.1:${metricsPort}`]
  const folders = ['--pebble', `${folder}/pairs.pebble`, '--dau-directory', folder]
  const child = spawn(program, [...args, ...folders], { stdio: 'ignore' })
  const ended = once(child, 'exit')
  await untilListening(port)
  return {
    port,
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM')
      await ended
    },
  }
}

async function untilListening(port: number): Promise<void> {
  for (let tries = 0; ; tries += 1) {
    const socket = connect(port, '127.0.0.1')
    try {
      await once(socket, 'connect')
      socket.destroy()
      return
    } catch (error) {
      if (tries === 100) throw error
      await sleep(50)
    }
  }
}
