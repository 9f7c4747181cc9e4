import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { serverAccount } from '../../examples/support/postgres-programs.ts'
import { freePort } from './program.ts'
import { temporaryFolder } from './temporary-folder.ts'

/** A pooler in front of a Postgres. */
export interface Pooler extends AsyncDisposable {
  /** The same database through the pooler. */
  through(url: string): string
}

const PROGRAM = process.env.PGBOUNCER ?? '/usr/sbin/pgbouncer'

/**
 * A PgBouncer of its own, in transaction mode with three connections to the server for each database.
 *
 * @param server whose user and password it takes, whichever a client gives
 * @param settings as in its configuration: `{ pool_mode: 'session' }`
 */
export async function startPgBouncer(
  server: string,
  settings: Readonly<Record<string, string>> = {},
): Promise<Pooler> {
  if (!existsSync(PROGRAM)) {
    throw new Error(
      `There is no PgBouncer at ${PROGRAM}: install it (apt-get install pgbouncer), or name it in PGBOUNCER.`,
    )
  }
  await using opened = new AsyncDisposableStack()
  const folder = opened.use(await temporaryFolder())
  const port = await freePort()
  const file = join(folder.path, 'pgbouncer.ini')
  await writeFile(file, configuration(new URL(server), port, settings))
  opened.use(await run(file))
  const whole = opened.move()
  return {
    through(url) {
      const other = new URL(url)
      other.port = String(port)
      return other.href
    },
    [Symbol.asyncDispose]: () => whole.disposeAsync(),
  }
}

function configuration(
  { hostname, port, username, password }: URL,
  ownPort: number,
  settings: Readonly<Record<string, string>>,
): string {
  const all = {
    listen_addr: '127.0.0.1',
    listen_port: ownPort,
    unix_socket_dir: '',
    auth_type: 'any',
    pool_mode: 'transaction',
    default_pool_size: 3,
    ...settings,
  }
  const lines = Object.entries(all).map(([name, value]) => `${name} = ${value}`)
  const server = `host=${hostname} port=${port || 5432} user=${username} password=${decodeURIComponent(password)}`
  return `[databases]\n* = ${server}\n[pgbouncer]\n${lines.join('\n')}\n`
}

/** Resolves when it listens. Like Postgres, it refuses to run as root. */
async function run(file: string): Promise<AsyncDisposable> {
  const child = spawn(PROGRAM, [file], { ...(await serverAccount()), stdio: ['ignore', 'ignore', 'pipe'] })
  const ended = once(child, 'exit')
  const said: string[] = []
  for await (const line of createInterface(child.stderr)) {
    said.push(line)
    if (!line.includes('process up')) continue
    child.stderr.resume()
    return {
      async [Symbol.asyncDispose]() {
        child.kill('SIGKILL')
        await ended
      },
    }
  }
  throw new Error(`PgBouncer did not start.\n${said.join('\n')}`)
}
