import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { install, optionalPeers, PACKAGE, pack } from '../../package/packed.ts'
import { startPostgresServer } from '../../support/postgres-server.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'
import { runServeScene, type ServeSceneReport } from './serve-scene.ts'

export const SERVE_USAGE = 'npm run chaos -- --scene serve [--kills 10] [--seed <number>] [--repos 50000]'

/**
 * The command `serve` of the packed package, installed as a user has it: one instance on a file, and two on one Postgres,
 * each killed by SIGKILL at different moments. @returns the exit code
 */
export async function serveMain(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      scene: { type: 'string' },
      kills: { type: 'string', default: '10' },
      seed: { type: 'string', default: String(Math.floor(Math.random() * 1_000_000)) },
      repos: { type: 'string', default: '50000' },
    },
  })
  await using folder = await temporaryFolder()
  const { tarball } = await pack(folder.path)
  const project = await install(join(folder.path, 'project'), [tarball, ...(await optionalPeers())])
  const options = {
    program: join(project, 'node_modules', PACKAGE, 'dist/cli/main.js'),
    kills: Number(values.kills),
    seed: Number(values.seed),
    repos: Number(values.repos),
    say: (line: string) => console.log(line),
  }
  console.log('one instance on a file of SQLite')
  const file = await runServeScene({ ...options, instances: 1 })
  tell(file)
  console.log('two instances on one Postgres')
  await using server = await startPostgresServer()
  const postgres = await runServeScene({ ...options, instances: 2, databaseUrl: server.url })
  tell(postgres)
  return [file, postgres].every(({ missing, surplus }) => missing.length + surplus.length === 0) ? 0 : 1
}

const MAX_SHOWN = 20

function tell({ options, killedAfterMs, live, pairs, missing, surplus, seconds }: ServeSceneReport): void {
  console.log(
    [
      `seed ${options.seed}, ${killedAfterMs.length} kills, ${killedAfterMs.join(', ')} ms after the start`,
      `${live.commits} commits, ${live.deletedAccounts} accounts deleted, ${live.backlogGone} listed pairs told to be gone`,
      `${pairs} pairs said, ${missing.length} missing, ${surplus.length} surplus, after ${seconds.toFixed(1)} s`,
      ...missing.slice(0, MAX_SHOWN).map((pair) => `missing ${pair}`),
      ...surplus.slice(0, MAX_SHOWN).map((pair) => `surplus ${pair}`),
      '',
    ].join('\n'),
  )
}
