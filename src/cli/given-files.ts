import { open, realpath, stat } from 'node:fs/promises'
import { UsageError } from './usage-error.ts'

/** How a file of SQLite begins. */
const SQLITE_START = 'SQLite format 3\0'

/**
 * A database where a list is to be written is a mistake, of the arguments' order for example, and what it holds would be
 * lost. So are the files that SQLite keeps beside it.
 *
 * @throws UsageError for such a file
 */
export async function refuseDatabase(file: string): Promise<void> {
  const database = file.replace(/-(wal|shm|journal)$/, '')
  if (await isDatabase(database))
    throw new UsageError(`${database} is a database, and would be lost: give another file to write to.`)
}

/** That a file could not be written further, as on a full disk. Other errors are given back. */
export function writeFailure(file: string, error: unknown): unknown {
  if (!(error instanceof Error && 'syscall' in error)) return error
  return new Error(`${file} cannot be written: ${error.message}.`, { cause: error })
}

/** Whether two names lead to one file that is there. */
export async function isSameFile(one: string, other: string): Promise<boolean> {
  const [path, otherPath] = await Promise.all(
    [one, other].map((file) => realpath(file).catch(() => undefined)),
  )
  return path !== undefined && path === otherPath
}

/** Whether it is a file of SQLite. */
export async function isDatabase(file: string): Promise<boolean> {
  // A pipe gives what is read only once, or waits for one who writes.
  if (!(await stat(file).catch(() => undefined))?.isFile()) return false
  const handle = await open(file).catch(() => undefined)
  try {
    const length = SQLITE_START.length
    const { buffer } = (await handle?.read({ buffer: Buffer.alloc(length), length, position: 0 })) ?? {}
    return buffer?.toString('latin1') === SQLITE_START
  } finally {
    await handle?.close()
  }
}
