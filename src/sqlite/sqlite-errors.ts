import { statfsSync } from 'node:fs'
import { dirname } from 'node:path'
import { BackfillError, StoreUnavailableError } from '../errors.ts'
import { describe } from '../util/describe.ts'

/** The result codes of SQLite that matter here; see https://sqlite.org/rescode.html. */
const CODE = {
  busy: 5,
  locked: 6,
  noMemory: 7,
  readOnly: 8,
  inputOutput: 10,
  corrupt: 11,
  full: 13,
  cannotOpen: 14,
  notDatabase: 26,
} as const

const NAMES: Readonly<Record<string, number>> = {
  SQLITE_BUSY: CODE.busy,
  SQLITE_LOCKED: CODE.locked,
  SQLITE_NOMEM: CODE.noMemory,
  SQLITE_READONLY: CODE.readOnly,
  SQLITE_IOERR: CODE.inputOutput,
  SQLITE_CORRUPT: CODE.corrupt,
  SQLITE_FULL: CODE.full,
  SQLITE_CANTOPEN: CODE.cannotOpen,
  SQLITE_NOTADB: CODE.notDatabase,
}

/** Whether another connection holds the lock that was wanted: the same call may succeed in a moment. */
export function isBusy(error: unknown): boolean {
  const code = codeOf(error)
  return code === CODE.busy || code === CODE.locked
}

/** Whether the file, or the folder around it, cannot be written or opened at all. */
export function isRefused(error: unknown): boolean {
  const code = codeOf(error)
  return code === CODE.readOnly || code === CODE.cannotOpen
}

/** An error of SQLite as the library's own where it has one. Others stay. */
export function toSqliteError(error: unknown, file: string): unknown {
  if (!(error instanceof Error) || error instanceof BackfillError) return error
  switch (codeOf(error)) {
    case CODE.busy:
    case CODE.locked:
      return new StoreUnavailableError(`Another process is writing to ${file} for long.`, error)
    case CODE.full:
      return diskIsFull(file, error)
    case CODE.inputOutput:
    case CODE.noMemory:
    case CODE.cannotOpen:
      if (hasNoSpace(file)) return diskIsFull(file, error)
      return new StoreUnavailableError(`${file} cannot be used at the moment: ${describe(error)}.`, error)
    case CODE.readOnly:
      return notWritable(file, error)
    case CODE.notDatabase:
    case CODE.corrupt:
      return notOpened(`${file} is no database of SQLite, or is damaged: ${describe(error)}.`, error)
    default:
      return error
  }
}

/** The file, or its folder, may only be read. */
export function notWritable(file: string, cause?: unknown): BackfillError {
  const message =
    `${file} may only be read: a run needs the right to write to the file and to its folder, ` +
    'where SQLite keeps two more files beside it. Status, verify and serving need neither.'
  return new BackfillError('STORE_NOT_PERMITTED', message, { cause, scope: 'run' })
}

/** The file cannot be opened, now or later. */
export function notOpened(message: string, cause?: unknown): BackfillError {
  return new BackfillError('STORE_NOT_OPENED', message, { cause, scope: 'run' })
}

function diskIsFull(file: string, error: Error): StoreUnavailableError {
  return new StoreUnavailableError(`The disk is full: ${file} cannot grow. Make room on it.`, error)
}

/** SQLite says only that input or output failed where it is a file beside the database that cannot grow. */
export function hasNoSpace(file: string): boolean {
  try {
    return statfsSync(dirname(file)).bavail === 0
  } catch {
    return false
  }
}

/** What SQLite says of these codes: Deno gives nothing else with some calls. */
const MESSAGES: Readonly<Record<string, number>> = {
  'database is locked': CODE.busy,
  'database table is locked': CODE.locked,
  'out of memory': CODE.noMemory,
  'attempt to write a readonly database': CODE.readOnly,
  'disk I/O error': CODE.inputOutput,
  'database disk image is malformed': CODE.corrupt,
  'database or disk is full': CODE.full,
  'unable to open database file': CODE.cannotOpen,
  'file is not a database': CODE.notDatabase,
}

/** The primary result code; 0 for what is no error of SQLite. */
function codeOf(error: unknown): number {
  if (!(error instanceof Error)) return 0
  // Node and Deno give the number as `errcode`, extended; Bun its name as `code`, extended too.
  const { errcode, code } = error as { errcode?: unknown; code?: unknown }
  if (typeof errcode === 'number') return errcode & 0xff
  if (code === 'ERR_SQLITE_ERROR') return MESSAGES[error.message] ?? 0
  const name = typeof code === 'string' ? /^SQLITE_[A-Z]+/.exec(code)?.[0] : undefined
  return (name !== undefined && NAMES[name]) || 0
}
