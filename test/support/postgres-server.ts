import { execFile, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { chmod, chown, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import pg from 'pg'
import {
  type PostgresPrograms,
  postgresPrograms,
  type ServerAccount,
  serverAccount,
  temporaryRoot,
} from '../../examples/support/postgres-programs.ts'
import { stopHard } from './postgres-process.ts'
import { freePort } from './program.ts'

/** A Postgres server of one's own. */
export interface PostgresServer extends AsyncDisposable {
  /** Its first database, for a user who may do everything. */
  readonly url: string
  /** Ends it as `pg_ctl stop -m immediate` does: no session is told, nothing is written out. Resolves when it is gone. */
  stopHard(): Promise<void>
  /** Starts it again, on the same port and data. */
  start(): Promise<void>
  /** A hot standby that follows it. */
  startStandby(): Promise<PostgresServer>
}

type Settings = Readonly<Record<string, string>>

/**
 * @param settings as on the server's command line: `{ max_connections: '300' }`
 * @param installed the programs of another version than that of the package's own dependency
 */
export async function startPostgresServer(
  settings: Settings = {},
  installed?: PostgresPrograms,
): Promise<PostgresServer> {
  return startOn((folder, account) => makeCluster(folder, account, installed), settings)
}

/** @param make data for a server, in a folder that is removed with it */
async function startOn(
  make: (folder: string, account: ServerAccount) => Promise<Cluster>,
  settings: Settings,
): Promise<PostgresServer> {
  const account = await serverAccount()
  const folder = await mkdtemp(join(temporaryRoot(account), 'backfill-postgres-'))
  const keeper = keep(folder)
  try {
    const cluster = await make(folder, account)
    const { data, password, start } = cluster
    const port = await freePort()
    const flags = flagsOf({
      port: String(port),
      listen_addresses: '127.0.0.1',
      unix_socket_directories: '',
      fsync: 'off',
      ...settings,
    })
    await start(flags)
    const url = `postgres://postgres:${password}@127.0.0.1:${port}/postgres`
    const followed = `host=127.0.0.1 port=${port} user=postgres password=${password}`
    return {
      url,
      start: () => start(flags),
      stopHard: () => stopHard(data),
      startStandby: () =>
        startOn((copy) => copyCluster(cluster, url, copy), { ...settings, primary_conninfo: followed }),
      [Symbol.asyncDispose]: () => keeper[Symbol.asyncDispose](),
    }
  } catch (error) {
    const log = await readFile(join(folder, 'data', LOG), 'utf8').catch(() => '')
    await keeper[Symbol.asyncDispose]()
    throw new Error(`The test Postgres did not start.\n${log}`, { cause: error })
  }
}

/** In the data, where the account may write. */
const LOG = 'server.log'

interface Cluster {
  readonly data: string
  readonly password: string
  start(flags: string): Promise<void>
  /** The same on a copy of the data. */
  on(data: string): Cluster
}

/** Data for a server, in a folder that its account may enter. */
async function makeCluster(
  folder: string,
  account: ServerAccount,
  installed: PostgresPrograms | undefined,
): Promise<Cluster> {
  await chmod(folder, 0o755)
  const data = join(folder, 'data')
  await mkdir(data, { mode: 0o700 })
  const password = randomUUID()
  const passwordFile = join(folder, 'password')
  await writeFile(passwordFile, password, { mode: 0o600 })
  if (account.uid !== undefined && account.gid !== undefined) {
    await chown(data, account.uid, account.gid)
    await chown(passwordFile, account.uid, account.gid)
  }
  const { initdb, pg_ctl: pgCtl } = await postgresPrograms(account, join(folder, 'programs'), installed)
  const run = async (program: string, at: string, args: readonly string[]): Promise<void> => {
    await promisify(execFile)(program, ['-D', at, ...args], { ...account, cwd: at })
  }
  const access = ['-U', 'postgres', '-A', 'scram-sha-256', `--pwfile=${passwordFile}`]
  // Independent of the machine's LANG, which may name a locale that is not installed.
  await run(initdb, data, [...access, '--locale=C', '--encoding=UTF8', '--no-sync'])
  const on = (at: string): Cluster => ({
    data: at,
    password,
    start: (flags) => run(pgCtl, at, ['start', '-w', '-s', '-l', join(at, LOG), '-o', flags]),
    on,
  })
  return on(data)
}

/** A copy of the data of a server that runs, as a base backup is made, to begin as a standby. */
async function copyCluster(cluster: Cluster, url: string, folder: string): Promise<Cluster> {
  await chmod(folder, 0o755)
  const data = join(folder, 'data')
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await client.query("select pg_backup_start('standby', true)")
    await promisify(execFile)('cp', ['-a', cluster.data, data])
    const { rows } = await client.query<{ label: string }>(
      'select labelfile as label from pg_backup_stop(false)',
    )
    await rm(join(data, 'postmaster.pid'))
    // Over a file that the account owns already.
    await promisify(execFile)('cp', ['-a', join(data, 'PG_VERSION'), join(data, 'backup_label')])
    await promisify(execFile)('cp', ['-a', join(data, 'PG_VERSION'), join(data, 'standby.signal')])
    await writeFile(join(data, 'backup_label'), rows[0]?.label ?? '')
  } finally {
    await client.end()
  }
  return cluster.on(data)
}

/** As `pg_ctl` passes them on to a shell. */
function flagsOf(settings: Settings): string {
  return Object.entries(settings)
    .map(([name, value]) => `-c ${name}='${value}'`)
    .join(' ')
}

/** Removes the folder and the server in it when disposed of, and when this process ends before that. */
function keep(folder: string): AsyncDisposable {
  const file = fileURLToPath(new URL('postgres-keeper.ts', import.meta.url))
  // Out of reach of the terminal's Ctrl-C, after which it has its work to do.
  const child = spawn(process.execPath, [file, folder], {
    detached: true,
    stdio: ['pipe', 'ignore', 'inherit'],
  })
  const ended = once(child, 'exit')
  return {
    async [Symbol.asyncDispose]() {
      child.stdin.end()
      await ended
    },
  }
}
