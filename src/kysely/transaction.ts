import type { Kysely, Transaction } from 'kysely'
import { sleep } from '../util/abort.ts'
import { CommitUnansweredError, isConflict, toStoreError } from './database-errors.ts'

/**
 * Enough that a database which refuses a third of all statements still lets four in a row pass, but for one in 50,000.
 */
const MAX_TRIES = 40

/** The longest pause between two tries: long enough for those who were in the way to finish a page. */
const MAX_PAUSE_MS = 100

/** Runs `operation` again for as long as the database asks for it, as serialization failures and deadlocks do. */
export async function retryingConflicts<T>(
  operation: () => Promise<T>,
  mayRetry: (error: unknown) => boolean = isConflict,
): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await operation()
    } catch (error) {
      if (!mayRetry(error)) throw error
      if (tries === MAX_TRIES) throw toStoreError(error)
      await sleep(Math.random() * Math.min(MAX_PAUSE_MS, 2 ** tries))
    }
  }
}

/** Gives the errors of a database their names: see {@link toStoreError}. */
export async function namingErrors<T>(operation: () => Promise<T>): Promise<T> {
  try {
    return await operation()
  } catch (error) {
    throw toStoreError(error)
  }
}

/** One statement that is its own transaction: repeated on conflicts, its errors named. */
export async function statement<T>(operation: () => Promise<T>): Promise<T> {
  return namingErrors(() => retryingConflicts(operation))
}

/**
 * Runs `body` in one transaction, once. Its own errors come out as they are; those of BEGIN are named.
 *
 * @throws CommitUnansweredError when everything ran and the COMMIT failed otherwise than by a conflict
 */
export async function inTransaction<Database, T>(
  db: Kysely<Database>,
  body: (transaction: Transaction<Database>) => Promise<T>,
): Promise<T> {
  let phase: 'begin' | 'body' | 'commit' = 'begin'
  let failure: unknown
  try {
    // Each statement sees what the locks before it have waited for, whatever the database's default is.
    const transactions = db.transaction().setIsolationLevel('read committed')
    return await transactions.execute(async (transaction) => {
      phase = 'body'
      try {
        const result = await body(transaction)
        phase = 'commit'
        return result
      } catch (error) {
        failure = error
        throw error
      }
    })
  } catch (error) {
    // Kysely rolls back after a failure, and on a dead connection the rollback's own error hides the first one.
    if (isPhase(phase, 'body')) throw failure
    if (isPhase(phase, 'begin') || isConflict(error)) throw toStoreError(error)
    throw new CommitUnansweredError(error)
  }
}

/**
 * A transaction that was given. Looks at the shape and not at the class: the caller's Kysely may be another copy of the
 * package.
 *
 * @throws TypeError when it is not one of this database
 */
export function ownTransaction(database: object, transaction: unknown): Kysely<unknown> {
  const candidate = transaction as Partial<Kysely<unknown>> | null
  if (candidate?.isTransaction === true && candidate.getExecutor?.().adapter === database)
    return candidate as Kysely<unknown>
  throw new TypeError(
    'The transaction given to a store on Kysely is not one of its own Kysely. ' +
      'Pass it only when both name the same database, and leave it out otherwise.',
  )
}

/** The compiler does not see that a callback changed the phase; a call makes it forget what it thinks it knows. */
function isPhase(phase: string, expected: string): boolean {
  return phase === expected
}
