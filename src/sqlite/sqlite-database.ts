import { StoreUnavailableError } from '../errors.ts'
import { sleep } from '../util/abort.ts'
import { createMergeWork, turn } from './merge-work.ts'
import type { Merging } from './merging.ts'
import { type Connection, rollBack } from './sqlite-driver.ts'
import { isBusy, notWritable, toSqliteError } from './sqlite-errors.ts'

/** How long a call waits for another process, in milliseconds: far beyond what a page, or a step of a merge, takes. */
const BUSY_PATIENCE_MS = 10_000

/** The longest pause between two tries to get the lock, in milliseconds. */
const MAX_PAUSE_MS = 20

/** An open transaction: what a `write` function gets. */
export interface SqliteTransaction {
  readonly database: SqliteDatabase
  readonly connection: Connection
  /** The pairs that were added in it. */
  added: number
  /** The collections that it completes, which get no more pairs. */
  readonly completed: string[]
}

/**
 * One file, by two connections: one writes, and one reads what is committed, also while a transaction is open. The
 * calls of SQLite are synchronous, so each is kept short; between them, others have their turn.
 */
export interface SqliteDatabase {
  /**
   * Runs `body` in a transaction, one after the other. Other processes are waited for without blocking this one.
   *
   * @throws StoreUnavailableError when another process writes for too long, or the disk is full
   * @throws BackfillError with the code `STORE_NOT_PERMITTED` when the file may only be read
   */
  transaction<T>(body: (transaction: SqliteTransaction) => Promise<T> | T): Promise<T>
  /** Reads what is committed. All that `body` does sees the same state only where it is one statement. */
  read<T>(body: (connection: Connection) => T): Promise<T>
  /** Ends what is under way, merges for a moment, and closes the connections. */
  close(): Promise<void>
}

export interface DatabaseParts {
  readonly file: string
  /** Absent where the file may only be read. */
  readonly writer: Connection | undefined
  readonly reader: Connection
  readonly merging: Merging
  /** Whether what a process before has left to merge is merged now, or only once something is written. */
  readonly mergesAtOnce: boolean
}

export function sqliteDatabase({
  file,
  writer,
  reader,
  merging,
  mergesAtOnce,
}: DatabaseParts): SqliteDatabase {
  const inTurn = createTurns()
  let closing: Promise<void> | undefined
  // Who only looks leaves the merging to those who write.
  let merges = mergesAtOnce

  const naming = async <T>(body: () => T | Promise<T>): Promise<T> => {
    try {
      return await body()
    } catch (error) {
      throw toSqliteError(error, file)
    }
  }

  const mergeWork =
    writer && createMergeWork(writer, merging, { inTurn, isClosing: () => closing !== undefined })

  const database: SqliteDatabase = {
    async transaction(body) {
      if (writer === undefined) throw notWritable(file)
      return inTurn(() =>
        naming(async () => {
          merges = true
          if (closing !== undefined) throw new Error(`The store on ${file} is closed.`)
          const transaction: SqliteTransaction = { database, connection: writer, added: 0, completed: [] }
          const result = await inTransaction(writer, file, async () => {
            const given = await body(transaction)
            // At the end: a page that completes a collection is saved before its pairs.
            merging.noteCompleted(writer, transaction.completed)
            return given
          })
          await mergeWork?.payFor(transaction.added)
          await turn()
          return result
        }),
      )
    },
    read: (body) => naming(() => whenUnlocked(() => body(reader), file)),
    close() {
      closing ??= inTurn(async () => {
        if (merges) mergeWork?.end()
        reader.close()
        writer?.close()
      })
      return closing
    },
  }
  if (mergesAtOnce) void mergeWork?.goOn()
  return database
}

async function inTransaction<T>(
  connection: Connection,
  file: string,
  body: () => Promise<T> | T,
): Promise<T> {
  await whenUnlocked(() => connection.exec('begin immediate'), file)
  try {
    const result = await body()
    connection.exec('commit')
    return result
  } catch (error) {
    rollBack(connection)
    throw error
  }
}

/** Tries again while another process holds the lock, and lets others have their turn meanwhile. */
async function whenUnlocked<T>(call: () => T, file: string): Promise<T> {
  const until = performance.now() + BUSY_PATIENCE_MS
  for (;;) {
    try {
      return call()
    } catch (error) {
      if (!isBusy(error)) throw error
      if (performance.now() > until)
        throw new StoreUnavailableError(
          `Another process has been writing to ${file} for ${BUSY_PATIENCE_MS / 1_000} seconds.`,
          error,
        )
    }
    await sleep(1 + Math.random() * MAX_PAUSE_MS)
  }
}

/** Runs one body after the other, in the order of the calls. */
function createTurns(): <T>(body: () => Promise<T> | T) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve()
  return (body) => {
    const mine = last.then(body)
    last = mine.catch(() => {})
    return mine
  }
}
